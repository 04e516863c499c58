//! The values that go into kernels and come out of them.

use crate::{
    buffer::{Buffer, BytesFault, Element},
    spec::{ElementType, Literal, ValueType},
};

/// An argument or a result: a scalar or an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A single number, truth or text.
    Scalar(Scalar),
    /// A vector or a matrix.
    Array(Array),
}

/// A single number, truth or text.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// An unsigned 8-bit integer.
    UInt8(u8),
    /// A signed 32-bit integer.
    Int32(i32),
    /// A signed 64-bit integer.
    Int64(i64),
    /// A 32-bit floating-point number.
    Float32(f32),
    /// A 64-bit floating-point number.
    Float64(f64),
    /// UTF-8 text.
    String(String),
}

/// Elements with a shape; those of a matrix are rows one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    data: Data,
    shape: Vec<usize>,
}

/// The elements of an array, of any type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// True or false.
    Bool(Buffer<bool>),
    /// Unsigned 8-bit integers.
    UInt8(Buffer<u8>),
    /// Signed 32-bit integers.
    Int32(Buffer<i32>),
    /// Signed 64-bit integers.
    Int64(Buffer<i64>),
    /// 32-bit floating-point numbers.
    Float32(Buffer<f32>),
    /// 64-bit floating-point numbers.
    Float64(Buffer<f64>),
}

/// Runs an expression for the buffer in a [`Data`], whatever its type.
#[macro_export]
macro_rules! for_any_data {
    ($data:expr, $buffer:ident => $expression:expr) => {
        match $data {
            $crate::Data::Bool($buffer) => $expression,
            $crate::Data::UInt8($buffer) => $expression,
            $crate::Data::Int32($buffer) => $expression,
            $crate::Data::Int64($buffer) => $expression,
            $crate::Data::Float32($buffer) => $expression,
            $crate::Data::Float64($buffer) => $expression,
        }
    };
}

// === impl Value ===

impl Value {
    /// Returns a vector.
    pub fn vector<T: Element>(elements: Vec<T>) -> Self {
        let shape = vec![elements.len()];
        Self::Array(Array::new(T::into_data(elements.into()), shape))
    }

    /// Returns the type of this value.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar(scalar) => ValueType::scalar(scalar.element()),
            Self::Array(array) => ValueType {
                element: array.data.element(),
                rank: array.shape.len(),
            },
        }
    }

    /// Returns the number of elements; 1 for a scalar.
    pub fn element_count(&self) -> usize {
        match self {
            Self::Scalar(_) => 1,
            Self::Array(array) => array.data.len(),
        }
    }

    /// Returns the bytes that the elements take.
    pub fn byte_count(&self) -> usize {
        match self {
            Self::Scalar(Scalar::String(text)) => text.len(),
            _ => self.element_count() * self.value_type().element.width(),
        }
    }
}

// === impl Scalar ===

impl Scalar {
    /// Returns the type of this scalar.
    pub fn element(&self) -> ElementType {
        match self {
            Self::Bool(_) => ElementType::Bool,
            Self::UInt8(_) => ElementType::UInt8,
            Self::Int32(_) => ElementType::Int32,
            Self::Int64(_) => ElementType::Int64,
            Self::Float32(_) => ElementType::Float32,
            Self::Float64(_) => ElementType::Float64,
            Self::String(_) => ElementType::String,
        }
    }
}

impl From<Literal> for Scalar {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Bool(truth) => Self::Bool(truth),
            Literal::Int(number) => Self::Int64(number),
            Literal::Float(number) => Self::Float64(number),
            Literal::String(text) => Self::String(text.to_owned()),
        }
    }
}

// === impl Array ===

impl Array {
    /// Returns elements with a shape.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many elements as the shape says.
    pub fn new(data: Data, shape: Vec<usize>) -> Self {
        let count = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        assert_eq!(count, Some(data.len()), "elements of shape {shape:?}");
        Self { data, shape }
    }

    /// Returns the elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Returns the elements, to be taken out.
    pub(crate) fn data_mut(&mut self) -> &mut Data {
        &mut self.data
    }

    /// Returns the length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the elements and the length of each dimension.
    pub fn into_parts(self) -> (Data, Vec<usize>) {
        (self.data, self.shape)
    }
}

// === impl Data ===

impl Data {
    /// Reads packed little-endian elements of a type that is not [`ElementType::String`].
    ///
    /// # Errors
    ///
    /// [`BytesFault`] if the bytes are no such elements; nothing for strings, which are not packed.
    pub fn from_bytes(
        element: ElementType,
        bytes: bytes::Bytes,
    ) -> Result<Option<Self>, BytesFault> {
        Ok(Some(match element {
            ElementType::Bool => Self::Bool(Buffer::from_bytes(bytes)?),
            ElementType::UInt8 => Self::UInt8(Buffer::from_bytes(bytes)?),
            ElementType::Int32 => Self::Int32(Buffer::from_bytes(bytes)?),
            ElementType::Int64 => Self::Int64(Buffer::from_bytes(bytes)?),
            ElementType::Float32 => Self::Float32(Buffer::from_bytes(bytes)?),
            ElementType::Float64 => Self::Float64(Buffer::from_bytes(bytes)?),
            ElementType::String => return Ok(None),
        }))
    }

    /// Returns the type of the elements.
    pub fn element(&self) -> ElementType {
        fn type_of<T: Element>(_: &Buffer<T>) -> ElementType {
            T::TYPE
        }
        for_any_data!(self, buffer => type_of(buffer))
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        for_any_data!(self, buffer => buffer.as_slice().len())
    }

    /// Returns whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the elements as packed little-endian bytes, without a copy.
    pub fn into_bytes(self) -> bytes::Bytes {
        for_any_data!(self, buffer => buffer.into_bytes())
    }
}
