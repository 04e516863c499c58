//! Every error of a call, and the one place that turns it into a gRPC status.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, Response};
use offgil_kernels::{ArgumentError, ArgumentFault, KernelError, ValueType};
use thiserror::Error;
use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proto::ErrorReason;

/// The domain of all reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "offgil";

/// A text of the caller or the catalogue in an error is cut to so many bytes: it travels in headers, of which
/// gRPC allows 8 KiB, and the details repeat it.
const LONGEST_TEXT: usize = 512;
/// When another replica, or this server after a restart, may answer.
const RETRY_AFTER_DRAINING: Duration = Duration::from_secs(1);

/// Why a call has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// An argument is missing, unknown, of a wrong type, out of range or malformed.
    #[error("{field}: {message}")]
    Argument {
        /// The path of the field at fault; empty for the body as a whole.
        field: String,
        /// The kind of fault, in the vocabulary of pydantic.
        kind: &'static str,
        /// What is wrong, with the limit.
        message: String,
        /// The limit that was crossed, if there is one.
        limit: Option<i64>,
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
    #[error("there is no kernel {name:?}; this server has {known}")]
    KernelNotFound {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A message or body is over its limit.
    #[error("the {what} is over the limit of {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many calls wait already.
    #[error("overloaded: {waiting} calls wait already")]
    Overloaded {
        /// How many calls wait.
        waiting: usize,
        /// When a retry has a chance.
        retry_after: Duration,
    },
    /// The call was given up: by its caller, its deadline, or the end of the server.
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
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

    /// Returns the gRPC code and the reason of this error.
    pub fn classify(&self) -> (Code, ErrorReason) {
        match self {
            Self::Argument { .. } => (Code::InvalidArgument, ErrorReason::InvalidArgument),
            Self::Json { .. } => (Code::InvalidArgument, ErrorReason::InvalidJson),
            Self::Stream { .. } => (Code::InvalidArgument, ErrorReason::InvalidStream),
            Self::Unimplemented { .. } => (Code::Unimplemented, ErrorReason::Unimplemented),
            Self::OutOfRange { .. } => (Code::OutOfRange, ErrorReason::ResultOutOfRange),
            Self::KernelNotFound { .. } => (Code::NotFound, ErrorReason::KernelNotFound),
            Self::TooLarge { .. } => (Code::ResourceExhausted, ErrorReason::MessageTooLarge),
            Self::Overloaded { .. } => (Code::ResourceExhausted, ErrorReason::Overloaded),
            Self::GivenUp(GivenUp::Cancelled) => (Code::Cancelled, ErrorReason::Cancelled),
            Self::GivenUp(GivenUp::DeadlineExceeded) => {
                (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded)
            }
            Self::GivenUp(GivenUp::Draining) => (Code::Unavailable, ErrorReason::Draining),
            Self::Panicked { kernel: true, .. } => (Code::Internal, ErrorReason::KernelPanicked),
            Self::Panicked { kernel: false, .. } => (Code::Internal, ErrorReason::Internal),
        }
    }

    /// Returns the response that answers a call with this error and nothing else.
    pub fn into_response<B: Default>(self) -> Response<B> {
        Status::from(self).into_http()
    }

    /// Returns the trailers that end a response, begun already, with this error.
    pub fn into_trailers(self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        // A status has this one way to fail: details that are no header value, and ours are base64.
        if Status::from(self).add_header(&mut trailers).is_err() {
            trailers.insert("grpc-status", (Code::Internal as i32).into());
        }
        trailers
    }

    /// Returns this error as the failure of a request body, which reaches the caller unchanged.
    pub fn into_body_error(self) -> Box<dyn std::error::Error + Send + Sync> {
        Status::from(self).into()
    }

    fn details(&self, reason: ErrorReason) -> ErrorDetails {
        let mut metadata = HashMap::new();
        let mut details = ErrorDetails::new();
        match self {
            Self::Argument {
                field,
                kind,
                message,
                limit,
            } => {
                details.add_bad_request_violation(shortened(field), shortened(message));
                metadata.insert("type".into(), (*kind).into());
                if let Some(limit) = limit {
                    metadata.insert("limit".into(), limit.to_string());
                }
            }
            Self::Json { position, message } => {
                details.add_bad_request_violation("", message);
                metadata.insert("type".into(), "json_invalid".into());
                metadata.insert("position".into(), position.to_string());
            }
            Self::TooLarge { limit, .. } => {
                metadata.insert("limit".into(), limit.to_string());
            }
            Self::Overloaded { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
            }
            Self::GivenUp(GivenUp::Draining) => {
                details.set_retry_info(Some(RETRY_AFTER_DRAINING));
            }
            Self::Stream { .. }
            | Self::Unimplemented { .. }
            | Self::OutOfRange { .. }
            | Self::KernelNotFound { .. }
            | Self::GivenUp(GivenUp::Cancelled | GivenUp::DeadlineExceeded)
            | Self::Panicked { .. } => {}
        }
        let name = reason.as_str_name();
        let name = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
        details.set_error_info(name, DOMAIN, metadata);
        details
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.classify();
        let message = shortened(&error.to_string()).to_owned();
        let mut status = Self::with_error_details(code, message, error.details(reason));
        if let Error::Overloaded { retry_after, .. } = error {
            let pushback = MetadataValue::from(retry_after.as_millis() as u64);
            status
                .metadata_mut()
                .insert("grpc-retry-pushback-ms", pushback);
        }
        status
    }
}

/// Completes the headers of a response that failed before it reached the service: an unknown method, or bytes
/// that are no message. tonic answers these itself, without details.
pub fn complete(headers: &mut HeaderMap, method: &str) {
    if headers.contains_key("grpc-status-details-bin") {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    let error = match status.code() {
        Code::Unimplemented => Error::Unimplemented {
            method: method.to_owned(),
        },
        // Our own INTERNAL always has details, so this is the decoder's.
        Code::Internal => Error::field("", "message_decoding", status.message()),
        _ => return,
    };
    for (name, value) in &error.into_trailers() {
        headers.insert(name, value.clone());
    }
}

/// Returns the beginning of `text`, at most [`LONGEST_TEXT`] bytes.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
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
        ArgumentFault::WrongType { expected } if *expected == ValueType::INT64 => "int_type",
        ArgumentFault::WrongType { .. } => "list_type",
        ArgumentFault::Fraction => "int_from_float",
        ArgumentFault::NotFinite => "finite_number",
        ArgumentFault::UnparsableInteger => "int_parsing",
        ArgumentFault::TooSmall { .. } => "greater_than_equal",
        ArgumentFault::TooLarge { .. } => "less_than_equal",
    }
}

impl Error {
    /// Returns the error of a call whose kernel gave no result; a stopped kernel was `given_up` on.
    pub fn from_kernel(error: KernelError, given_up: GivenUp) -> Self {
        match error {
            KernelError::Argument(error) => error.into(),
            KernelError::OutOfRange { message } => Self::OutOfRange { message },
            KernelError::Stopped(_) => Self::GivenUp(given_up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_domain_reason_field_and_limit() {
        let fault = ArgumentFault::TooLarge { maximum: 10 };
        let status = Status::from(Error::from(fault.at("rounds")));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().expect("there is an ErrorInfo");
        assert_eq!(
            (&*info.domain, &*info.reason),
            ("offgil", "INVALID_ARGUMENT")
        );
        assert_eq!(info.metadata["type"], "less_than_equal");
        assert_eq!(info.metadata["limit"], "10");
        let violations = &details
            .bad_request()
            .expect("a BadRequest")
            .field_violations;
        assert_eq!(violations[0].field, "rounds");
        assert_eq!(
            violations[0].description,
            "Input should be less than or equal to 10"
        );
    }

    #[test]
    fn asks_for_a_retry_only_where_it_helps() {
        let overloaded = Status::from(Error::Overloaded {
            waiting: 3,
            retry_after: Duration::from_millis(20),
        });
        let too_large = Status::from(Error::TooLarge {
            what: "message",
            limit: 1,
        });
        assert_eq!(overloaded.code(), too_large.code());
        assert!(overloaded.get_error_details().retry_info().is_some());
        let pushback = overloaded.metadata().get("grpc-retry-pushback-ms");
        assert_eq!(pushback.expect("a pushback"), "20");
        assert!(too_large.get_error_details().retry_info().is_none());
        assert!(!too_large.metadata().contains_key("grpc-retry-pushback-ms"));
    }
}
