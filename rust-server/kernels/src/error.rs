//! Why a kernel gave no result.

use std::{borrow::Cow, fmt};

use thiserror::Error;

use crate::{
    context::Stopped,
    spec::{ElementType, Literal, ValueType},
};

/// Why a kernel gave no result.
#[derive(Clone, Debug, Error, PartialEq)]
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
    /// Something else went wrong, which is no fault of the arguments.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        message: String,
    },
    /// The result is no longer wanted.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is wrong with one argument.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{path}: {fault}")]
pub struct ArgumentError {
    /// The argument, with the index of an element if one is at fault: `numbers[7]`.
    pub path: Cow<'static, str>,
    /// What is wrong with it.
    pub fault: ArgumentFault,
}

/// The ways in which an argument can be wrong.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ArgumentFault {
    /// The argument is required and was not given.
    #[error("Field required")]
    Missing,
    /// The kernel has no parameter of that name.
    #[error("Unknown argument; {}", expected(nearest, known))]
    Unknown {
        /// The parameters whose names are nearest to it.
        nearest: Vec<&'static str>,
        /// The names of all parameters.
        known: Vec<&'static str>,
    },
    /// The argument was given more than once.
    #[error("Argument given more than once")]
    Repeated,
    /// There are more values than a variadic parameter takes.
    #[error("Too many arguments: at most {most} are taken")]
    TooMany {
        /// The most values that are taken.
        most: usize,
    },
    /// The value has another type than the parameter.
    #[error("Input should be a valid {expected}{}", got(given))]
    WrongType {
        /// The type of the parameter, or of its element.
        expected: ValueType,
        /// The type of the value, where it has one.
        given: Option<ElementType>,
    },
    /// The rows of a matrix are not equally long.
    #[error("Every row should have {expected} elements like the first, this one has {given}")]
    Ragged {
        /// The length of the first row.
        expected: usize,
        /// The length of the row at fault.
        given: usize,
    },
    /// A number with a fractional part was given for an integer.
    #[error("Input should be a valid integer, got a number with a fractional part")]
    Fraction,
    /// A number that is beyond every finite one, or none at all, was given where it may not be.
    #[error("Input should be a finite number")]
    NotFinite,
    /// A string that is no integer was given for an integer.
    #[error("Input should be a valid integer, unable to parse string as an integer")]
    UnparsableInteger,
    /// A number is less than the least that is allowed.
    #[error("Input should be greater than or equal to {minimum}")]
    TooSmall {
        /// The least value that is allowed.
        minimum: Literal,
    },
    /// A number is greater than the greatest that is allowed.
    #[error("Input should be less than or equal to {maximum}")]
    TooLarge {
        /// The greatest value that is allowed.
        maximum: Literal,
    },
    /// A string is none of those that are allowed.
    #[error("Input should be {}", List(choices))]
    NoChoice {
        /// The strings that are allowed.
        choices: &'static [&'static str],
    },
    /// The kernel itself refuses the argument.
    #[error("{message}")]
    Invalid {
        /// What is wrong, with the limit.
        message: String,
    },
}

/// Words in quotes, the last one after "or".
struct List<'a>(&'a [&'static str]);

// === impl KernelError ===

impl KernelError {
    /// Returns the error of an argument that the kernel refuses.
    ///
    /// `path` is the parameter, with the index of an element if one is at fault: `numbers[7]`.
    pub fn argument(path: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self::Argument(ArgumentFault::Invalid { message }.at(path))
    }

    /// Returns the error of a result that does not fit its type; `message` names the limit.
    pub fn out_of_range(message: impl fmt::Display) -> Self {
        Self::OutOfRange {
            message: message.to_string(),
        }
    }

    /// Returns the error of something that went wrong, and is no fault of the arguments.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed {
            message: message.to_string(),
        }
    }
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
    pub fn limit(&self) -> Option<Literal> {
        match self {
            Self::TooSmall { minimum } => Some(*minimum),
            Self::TooLarge { maximum } => Some(*maximum),
            Self::TooMany { most } => i64::try_from(*most).ok().map(Literal::Int),
            Self::Missing
            | Self::Unknown { .. }
            | Self::Repeated
            | Self::WrongType { .. }
            | Self::Ragged { .. }
            | Self::Fraction
            | Self::NotFinite
            | Self::UnparsableInteger
            | Self::NoChoice { .. }
            | Self::Invalid { .. } => None,
        }
    }
}

fn expected(nearest: &[&str], known: &[&str]) -> String {
    let takes = if known.is_empty() {
        "this kernel takes none".to_owned()
    } else {
        format!("this kernel takes {}", known.join(", "))
    };
    if nearest.is_empty() {
        takes
    } else {
        format!("did you mean {}? {takes}", nearest.join(" or "))
    }
}

fn got(given: &Option<ElementType>) -> String {
    given.map_or_else(String::new, |given| format!(", not of {given}"))
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}'{word}'")?;
        }
        Ok(())
    }
}
