//! What a kernel says of itself; the source of listings, schemas and checks.

use std::fmt;

/// The description of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelSpec {
    /// The name, in snake_case, unique in a catalogue.
    pub name: &'static str,
    /// The documentation, in Markdown; its first line is a summary.
    pub documentation: &'static str,
    /// Arguments of a call that succeeds, as a JSON object; empty if there is no example.
    pub example: &'static str,
    /// What the kernel takes, in order.
    pub parameters: &'static [Parameter],
    /// What the kernel gives back, in order.
    pub results: &'static [ResultSpec],
}

/// A parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// The name, in snake_case, unique in the kernel.
    pub name: &'static str,
    /// What it means, with its unit.
    pub documentation: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// The strings that are allowed; empty if there is no such restriction.
    pub choices: &'static [&'static str],
    /// The value of an argument that is left out; without one the argument is required.
    pub default: Option<Literal>,
    /// The least value that is allowed, for a scalar or each element.
    pub minimum: Option<Literal>,
    /// The greatest value that is allowed, for a scalar or each element.
    pub maximum: Option<Literal>,
    /// Whether this stands for any number of further arguments, whose names the caller chooses.
    pub variadic: bool,
}

/// A result of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultSpec {
    /// The name, in snake_case, unique in the kernel.
    pub name: &'static str,
    /// What it means, with its unit.
    pub documentation: &'static str,
    /// Its type.
    pub value_type: ValueType,
}

/// The type of a value: an element type and a number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueType {
    /// The type of the value, or of each element of an array.
    pub element: ElementType,
    /// The number of dimensions: 0 is a scalar, 1 a vector, 2 a matrix.
    pub rank: usize,
}

/// The type of a scalar or of the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// True or false.
    Bool,
    /// An unsigned 8-bit integer.
    UInt8,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer.
    Int64,
    /// A 32-bit floating-point number.
    Float32,
    /// A 64-bit floating-point number.
    Float64,
    /// UTF-8 text; scalars only.
    String,
}

/// A default or a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    String(&'static str),
}

// === impl KernelSpec ===

impl KernelSpec {
    /// Returns the parameter of a name; not the variadic one, whose arguments have names of their own.
    pub fn parameter(&self, name: &str) -> Option<(usize, &'static Parameter)> {
        let mut fixed = self.parameters.iter().enumerate();
        fixed.find(|(_, parameter)| parameter.name == name && !parameter.variadic)
    }

    /// Returns the parameter that stands for further arguments, if there is one.
    pub fn variadic(&self) -> Option<&'static Parameter> {
        self.parameters
            .last()
            .filter(|parameter| parameter.variadic)
    }
}

// === impl ValueType ===

impl ValueType {
    /// Returns the type of a scalar.
    pub const fn scalar(element: ElementType) -> Self {
        Self { element, rank: 0 }
    }

    /// Returns the type of a vector.
    pub const fn vector(element: ElementType) -> Self {
        Self { element, rank: 1 }
    }

    /// Returns the type of a matrix.
    pub const fn matrix(element: ElementType) -> Self {
        Self { element, rank: 2 }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.element {
            ElementType::Bool => ("boolean", "booleans"),
            ElementType::UInt8 | ElementType::Int32 | ElementType::Int64 => ("integer", "integers"),
            ElementType::Float32 | ElementType::Float64 => ("number", "numbers"),
            ElementType::String => ("string", "strings"),
        };
        match self.rank {
            0 => f.write_str(one),
            1 => write!(f, "list of {many}"),
            _ => write!(f, "list of equally long lists of {many}"),
        }
    }
}

// === impl ElementType ===

impl ElementType {
    /// Returns the bytes of one element; of a string, those of its length.
    pub const fn width(self) -> usize {
        match self {
            Self::Bool | Self::UInt8 => 1,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 | Self::String => 8,
        }
    }

    /// Returns the least and the greatest integer of an integer type.
    pub const fn integer_range(self) -> Option<(i64, i64)> {
        match self {
            Self::UInt8 => Some((0, u8::MAX as i64)),
            Self::Int32 => Some((i32::MIN as i64, i32::MAX as i64)),
            Self::Int64 => Some((i64::MIN, i64::MAX)),
            Self::Bool | Self::Float32 | Self::Float64 | Self::String => None,
        }
    }

    /// Returns whether this is a floating-point type.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::UInt8 => "uint8",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::String => "string",
        })
    }
}

// === impl Literal ===

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "{text:?}"),
        }
    }
}
