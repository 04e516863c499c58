//! Every error of a call.
//!
//! [`status`] is the one place that turns them into gRPC codes, reasons and details.

use std::time::Duration;

use offgil_kernels::{ArgumentError, ArgumentFault, ElementType, KernelError, Literal, ValueType};
use thiserror::Error;

mod status;

pub use status::{complete, refusal};

/// Why a call has no result.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Error {
    /// An argument is missing, unknown, of a wrong type, out of range or malformed.
    #[error("{}{message}", place(field))]
    Argument {
        /// The path of the field at fault; empty for the body as a whole.
        field: String,
        /// The kind of fault, in the vocabulary of pydantic.
        kind: &'static str,
        /// What is wrong, with the limit.
        message: String,
        /// The limit that was crossed, if there is one.
        limit: Option<Literal>,
    },
    /// The body is no well-formed JSON.
    #[error("invalid JSON at byte {position}: {message}")]
    Json {
        /// The offset of the first byte that does not fit.
        position: usize,
        /// What was expected there.
        message: String,
    },
    /// The messages of a stream are out of order, or it ended without its end marker.
    #[error("{message}")]
    Stream {
        /// What was expected and what came.
        message: &'static str,
    },
    /// This server has no such method.
    #[error("there is no method {method}")]
    Unimplemented {
        /// The service and method.
        method: String,
    },
    /// The exact result does not fit its type.
    #[error("{message}")]
    OutOfRange {
        /// What does not fit, with the limit.
        message: String,
    },
    /// The catalogue has no kernel of that name.
    #[error(
        "there is no kernel {name:?}; {}this server has {known}",
        did_you_mean(nearest)
    )]
    KernelNotFound {
        /// The name that was asked for.
        name: String,
        /// The names that are nearest to it.
        nearest: Vec<&'static str>,
        /// The names that there are.
        known: String,
    },
    /// The kernel has no such version.
    #[error("{model} has no version {version:?}, only {known:?}")]
    VersionNotFound {
        /// The name of the kernel.
        model: String,
        /// The version that was asked for.
        version: String,
        /// The version that there is.
        known: &'static str,
    },
    /// A message or body is over its limit.
    #[error("the {what} is over the limit of {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// The results of a call, or what it needs on the way to them, would take too much memory.
    #[error(
        "this call of {kernel} would take {bytes} bytes of memory; the limit is {limit} (--max-call-memory, --memory-budget)"
    )]
    TooMuchMemory {
        /// The kernel.
        kernel: &'static str,
        /// The parameter whose argument is the largest.
        field: &'static str,
        /// How many bytes it would take.
        bytes: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The deadline leaves less time than the call takes.
    #[error("the call would not be complete before its deadline")]
    TooLate,
    /// The message is not getting on.
    #[error("the upload of a message made no progress for {} s", period.as_secs())]
    UploadStalled {
        /// How long it may rest.
        period: Duration,
    },
    /// All calls together hold as much memory as they may.
    #[error(
        "overloaded: {bytes} bytes of memory more would go over the budget of {limit} (--memory-budget)"
    )]
    OutOfMemory {
        /// How many bytes more the call needs.
        bytes: usize,
        /// The budget of all calls in bytes.
        limit: usize,
        /// When a retry has a chance.
        retry_after: Duration,
    },
    /// Too much waits already.
    #[error("overloaded: {waiting} calls wait already")]
    Overloaded {
        /// How many calls wait.
        waiting: usize,
        /// When a retry has a chance.
        retry_after: Duration,
    },
    /// The caller is not known.
    #[error("{message}")]
    Unauthenticated {
        /// What is missing or wrong.
        message: &'static str,
    },
    /// The call was given up: by its caller, its deadline, or the end of the server.
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
    /// A kernel reported an error that is no fault of its arguments.
    #[error("{message}")]
    Failed {
        /// What it said.
        message: String,
    },
    /// A kernel, or the server itself, panicked; the process goes on.
    #[error("{what} panicked; this is a defect in it")]
    Panicked {
        /// The kernel, or the part of the server.
        what: String,
        /// Whether it was a kernel.
        kernel: bool,
    },
}

/// Who gave a call up.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GivenUp {
    /// The caller.
    #[error("the caller cancelled the call")]
    Cancelled,
    /// Its deadline.
    #[error("the deadline passed before the result was complete")]
    DeadlineExceeded,
    /// The server, which stops.
    #[error("the server is shutting down")]
    Draining,
}

// === impl Error ===

impl Error {
    /// Returns the error of a field that is set wrongly.
    pub fn field(field: &str, kind: &'static str, message: impl Into<String>) -> Self {
        Self::Argument {
            field: field.into(),
            kind,
            message: message.into(),
            limit: None,
        }
    }

    /// Returns the error of a stream whose messages are not in the order of the contract.
    pub fn out_of_order(message: &'static str) -> Self {
        Self::Stream { message }
    }

    /// Returns the error of a call whose kernel gave no result; a stopped kernel was `given_up` on.
    pub fn from_kernel(error: KernelError, given_up: GivenUp) -> Self {
        match error {
            KernelError::Argument(error) => error.into(),
            KernelError::OutOfRange { message } => Self::OutOfRange { message },
            KernelError::Failed { message } => Self::Failed { message },
            KernelError::Stopped(_) => Self::GivenUp(given_up),
        }
    }
}

impl From<ArgumentError> for Error {
    fn from(ArgumentError { path, fault }: ArgumentError) -> Self {
        Self::Argument {
            field: path.into_owned(),
            kind: kind(&fault),
            message: fault.to_string(),
            limit: fault.limit(),
        }
    }
}

/// Returns the name of a fault in the vocabulary of pydantic.
fn kind(fault: &ArgumentFault) -> &'static str {
    match fault {
        ArgumentFault::Missing => "missing",
        ArgumentFault::Unknown { .. } => "extra_forbidden",
        ArgumentFault::Repeated => "repeated",
        ArgumentFault::TooMany { .. } => "too_long",
        ArgumentFault::WrongType { expected, .. } => kind_of_type(*expected),
        ArgumentFault::Fraction => "int_from_float",
        ArgumentFault::NotFinite => "finite_number",
        ArgumentFault::UnparsableInteger => "int_parsing",
        ArgumentFault::TooSmall { .. } => "greater_than_equal",
        ArgumentFault::TooLarge { .. } => "less_than_equal",
        ArgumentFault::NoChoice { .. } => "literal_error",
        ArgumentFault::Ragged { .. } | ArgumentFault::Invalid { .. } => "value_error",
    }
}

fn kind_of_type(expected: ValueType) -> &'static str {
    match (expected.rank, expected.element) {
        (0, ElementType::Bool) => "bool_type",
        (0, ElementType::UInt8 | ElementType::Int32 | ElementType::Int64) => "int_type",
        (0, ElementType::Float32 | ElementType::Float64) => "float_type",
        (0, ElementType::String) => "string_type",
        _ => "list_type",
    }
}

/// Returns the beginning of a message about a field; about the body as a whole it has none.
fn place(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!("{field}: ")
    }
}

fn did_you_mean(nearest: &[&str]) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("did you mean {}? ", nearest.join(" or "))
    }
}
