//! From errors to gRPC statuses.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, Response};
use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Error, GivenUp};
use crate::proto::ErrorReason;

/// The domain of all reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "offgil";

/// The key in the metadata of `ErrorInfo` of what a refused call would have needed.
const REFUSED_FOR: &str = "resource";

/// A text of the caller or the catalogue in an error is cut to so many bytes: it travels in headers, of which
/// gRPC allows 8 KiB, and the details repeat it.
const LONGEST_TEXT: usize = 512;
/// When another replica, or this server after a restart, may answer.
const RETRY_AFTER_DRAINING: Duration = Duration::from_secs(1);

impl Error {
    /// Returns the gRPC code and the reason of this error.
    pub fn classify(&self) -> (Code, ErrorReason) {
        match self {
            Self::Argument { .. } => (Code::InvalidArgument, ErrorReason::InvalidArgument),
            Self::Json { .. } => (Code::InvalidArgument, ErrorReason::InvalidJson),
            Self::Stream { .. } => (Code::InvalidArgument, ErrorReason::InvalidStream),
            Self::Unimplemented { .. } => (Code::Unimplemented, ErrorReason::Unimplemented),
            Self::OutOfRange { .. } => (Code::OutOfRange, ErrorReason::ResultOutOfRange),
            Self::KernelNotFound { .. } | Self::VersionNotFound { .. } => {
                (Code::NotFound, ErrorReason::KernelNotFound)
            }
            Self::TooLarge { .. } | Self::TooMuchMemory { .. } => {
                (Code::ResourceExhausted, ErrorReason::MessageTooLarge)
            }
            Self::Overloaded { .. } | Self::OutOfMemory { .. } => {
                (Code::ResourceExhausted, ErrorReason::Overloaded)
            }
            Self::UploadStalled { .. } => (Code::DeadlineExceeded, ErrorReason::UploadStalled),
            Self::Unauthenticated { .. } => (Code::Unauthenticated, ErrorReason::Unauthenticated),
            Self::GivenUp(GivenUp::Cancelled) => (Code::Cancelled, ErrorReason::Cancelled),
            Self::TooLate | Self::GivenUp(GivenUp::DeadlineExceeded) => {
                (Code::DeadlineExceeded, ErrorReason::DeadlineExceeded)
            }
            Self::GivenUp(GivenUp::Draining) => (Code::Unavailable, ErrorReason::Draining),
            Self::Failed { .. } => (Code::Internal, ErrorReason::KernelFailed),
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
            Self::TooMuchMemory { field, limit, .. } => {
                details.add_bad_request_violation(*field, shortened(&self.to_string()));
                metadata.insert("limit".into(), limit.to_string());
            }
            Self::Overloaded { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
                metadata.insert(REFUSED_FOR.into(), "queue".into());
            }
            Self::OutOfMemory { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
                metadata.insert(REFUSED_FOR.into(), "memory".into());
            }
            Self::TooLate => {
                metadata.insert(REFUSED_FOR.into(), "deadline".into());
            }
            Self::GivenUp(GivenUp::Draining) => {
                details.set_retry_info(Some(RETRY_AFTER_DRAINING));
            }
            Self::Stream { .. }
            | Self::UploadStalled { .. }
            | Self::Unauthenticated { .. }
            | Self::Unimplemented { .. }
            | Self::OutOfRange { .. }
            | Self::KernelNotFound { .. }
            | Self::VersionNotFound { .. }
            | Self::GivenUp(GivenUp::Cancelled | GivenUp::DeadlineExceeded)
            | Self::Failed { .. }
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
        if let Error::Overloaded { retry_after, .. } | Error::OutOfMemory { retry_after, .. } =
            error
        {
            let pushback = MetadataValue::from(retry_after.as_millis() as u64);
            status
                .metadata_mut()
                .insert("grpc-retry-pushback-ms", pushback);
        }
        status
    }
}

/// Returns what a call was refused for, if its headers or trailers say that it was: a label for metrics.
pub fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let info = Status::from_header_map(headers)?.get_details_error_info()?;
    let refused_for = info.metadata.get(REFUSED_FOR).map(String::as_str);
    Some(match (&*info.reason, refused_for) {
        ("OVERLOADED", Some("memory")) => "memory",
        ("OVERLOADED", _) => "queue",
        ("DEADLINE_EXCEEDED", Some(_)) => "deadline",
        ("MESSAGE_TOO_LARGE", _) => "message_too_large",
        ("UPLOAD_STALLED", _) => "upload_stalled",
        ("UNAUTHENTICATED", _) => "unauthenticated",
        ("DRAINING", _) => "draining",
        _ => return None,
    })
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

#[cfg(test)]
mod tests {
    use offgil_kernels::{ArgumentFault, Literal};

    use super::*;

    #[test]
    fn names_domain_reason_field_and_limit() {
        let fault = ArgumentFault::TooLarge {
            maximum: Literal::Int(10),
        };
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
