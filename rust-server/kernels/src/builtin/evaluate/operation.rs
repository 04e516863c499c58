//! The operations of an expression, and the functions and constants by name.

use std::f64::consts;

/// An operation on one to three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Square,
    Cube,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Where,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Expm1,
    Log,
    Log1p,
    Log2,
    Log10,
    Sqrt,
    Cbrt,
    Abs,
    Floor,
    Ceil,
    Round,
    Sign,
    Min,
    Max,
    Hypot,
}

/// The most numbers that an operation takes.
pub(super) const MAX_ARITY: usize = 3;

/// The functions, ordered by name.
pub(super) const FUNCTIONS: [(&str, Operation); 28] = [
    ("abs", Operation::Abs),
    ("acos", Operation::Acos),
    ("asin", Operation::Asin),
    ("atan", Operation::Atan),
    ("atan2", Operation::Atan2),
    ("cbrt", Operation::Cbrt),
    ("ceil", Operation::Ceil),
    ("cos", Operation::Cos),
    ("cosh", Operation::Cosh),
    ("exp", Operation::Exp),
    ("expm1", Operation::Expm1),
    ("floor", Operation::Floor),
    ("hypot", Operation::Hypot),
    ("log", Operation::Log),
    ("log10", Operation::Log10),
    ("log1p", Operation::Log1p),
    ("log2", Operation::Log2),
    ("max", Operation::Max),
    ("min", Operation::Min),
    ("pow", Operation::Power),
    ("round", Operation::Round),
    ("sign", Operation::Sign),
    ("sin", Operation::Sin),
    ("sinh", Operation::Sinh),
    ("sqrt", Operation::Sqrt),
    ("tan", Operation::Tan),
    ("tanh", Operation::Tanh),
    ("where", Operation::Where),
];

/// The constants.
pub(super) const CONSTANTS: [(&str, f64); 2] = [("e", consts::E), ("pi", consts::PI)];

// === impl Operation ===

impl Operation {
    /// Returns how many numbers this takes.
    pub(super) fn arity(self) -> usize {
        match self {
            Self::Where => 3,
            Self::Add
            | Self::Subtract
            | Self::Multiply
            | Self::Divide
            | Self::Remainder
            | Self::Power
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Equal
            | Self::NotEqual
            | Self::Atan2
            | Self::Min
            | Self::Max
            | Self::Hypot => 2,
            _ => 1,
        }
    }
}
