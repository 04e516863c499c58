//! What a kernel says of itself; the source of listings, schemas and checks.

use std::fmt;

/// The description of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelSpec {
    /// The name, in snake_case, unique in a catalogue.
    pub name: &'static str,
    /// The documentation, in Markdown; its first line is a summary.
    pub documentation: &'static str,
    /// What the kernel takes, in order.
    pub parameters: &'static [Parameter],
    /// What the kernel gives back, in order.
    pub results: &'static [ResultSpec],
}

/// A parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name, in snake_case, unique in the kernel.
    pub name: &'static str,
    /// What it means, with its unit.
    pub documentation: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// The value of an argument that is left out; without one the argument is required.
    pub default: Option<i64>,
    /// The least value that is allowed.
    pub minimum: Option<i64>,
    /// The greatest value that is allowed.
    pub maximum: Option<i64>,
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
    /// The number of dimensions: 0 is a scalar, 1 a vector.
    pub rank: u32,
}

/// The type of a scalar or of the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// A signed 64-bit integer.
    Int64,
}

// === impl ValueType ===

impl ValueType {
    /// A signed 64-bit integer.
    pub const INT64: Self = Self {
        element: ElementType::Int64,
        rank: 0,
    };
    /// A vector of signed 64-bit integers.
    pub const INT64_VECTOR: Self = Self {
        element: ElementType::Int64,
        rank: 1,
    };
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.element, self.rank) {
            (ElementType::Int64, 0) => f.write_str("integer"),
            (ElementType::Int64, 1) => f.write_str("list of integers"),
            (ElementType::Int64, rank) => write!(f, "array of integers with {rank} dimensions"),
        }
    }
}
