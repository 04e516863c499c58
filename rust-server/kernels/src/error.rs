//! Why a kernel gave no result.

use std::borrow::Cow;

use thiserror::Error;

use crate::{context::Stopped, spec::ValueType};

/// Why a kernel gave no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KernelError {
    /// An argument is missing, unknown, of a wrong type or out of range.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The exact result does not fit its type.
    #[error("{message}")]
    OutOfRange {
        /// What does not fit, with the limit.
        message: String,
    },
    /// The result is no longer wanted.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is wrong with one argument.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{path}: {fault}")]
pub struct ArgumentError {
    /// The argument, with the index of an element if one is at fault: `numbers[7]`.
    pub path: Cow<'static, str>,
    /// What is wrong with it.
    pub fault: ArgumentFault,
}

/// The ways in which an argument can be wrong.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArgumentFault {
    /// The argument is required and was not given.
    #[error("Field required")]
    Missing,
    /// The kernel has no parameter of that name.
    #[error("Unknown argument; this kernel takes {expected}")]
    Unknown {
        /// The names that it has.
        expected: String,
    },
    /// The argument was given more than once.
    #[error("Argument given more than once")]
    Repeated,
    /// The value has another type than the parameter.
    #[error("Input should be a valid {expected}")]
    WrongType {
        /// The type of the parameter, or of its element.
        expected: ValueType,
    },
    /// A number with a fractional part was given for an integer.
    #[error("Input should be a valid integer, got a number with a fractional part")]
    Fraction,
    /// A number that is beyond every finite one was given.
    #[error("Input should be a finite number")]
    NotFinite,
    /// A string that is no integer was given for an integer.
    #[error("Input should be a valid integer, unable to parse string as an integer")]
    UnparsableInteger,
    /// A number is less than the least that is allowed.
    #[error("Input should be greater than or equal to {minimum}")]
    TooSmall {
        /// The least value that is allowed.
        minimum: i64,
    },
    /// A number is greater than the greatest that is allowed.
    #[error("Input should be less than or equal to {maximum}")]
    TooLarge {
        /// The greatest value that is allowed.
        maximum: i64,
    },
}

// === impl ArgumentFault ===

impl ArgumentFault {
    /// Joins this fault to the argument it was found in.
    pub fn at(self, path: impl Into<Cow<'static, str>>) -> ArgumentError {
        ArgumentError {
            path: path.into(),
            fault: self,
        }
    }

    /// Returns the limit that the argument crossed, if it crossed one.
    pub fn limit(&self) -> Option<i64> {
        match self {
            Self::TooSmall { minimum } => Some(*minimum),
            Self::TooLarge { maximum } => Some(*maximum),
            Self::Missing
            | Self::Unknown { .. }
            | Self::Repeated
            | Self::WrongType { .. }
            | Self::Fraction
            | Self::NotFinite
            | Self::UnparsableInteger => None,
        }
    }
}
