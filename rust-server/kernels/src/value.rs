//! The values that go into kernels and come out of them.

use crate::spec::{ElementType, ValueType};

/// An argument or a result: a scalar or an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A signed 64-bit integer.
    Int64(i64),
    /// A vector of signed 64-bit integers.
    Int64Vector(Vec<i64>),
}

// === impl Value ===

impl Value {
    /// Returns the type of this value.
    pub fn value_type(&self) -> ValueType {
        let (element, rank) = match self {
            Self::Int64(_) => (ElementType::Int64, 0),
            Self::Int64Vector(_) => (ElementType::Int64, 1),
        };
        ValueType { element, rank }
    }

    /// Returns the number of elements; 1 for a scalar.
    pub fn element_count(&self) -> usize {
        match self {
            Self::Int64(_) => 1,
            Self::Int64Vector(vector) => vector.len(),
        }
    }
}
