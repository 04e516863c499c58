//! What is known of one call, from its first header to its log line.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Extensions, HeaderMap, HeaderValue};

/// The metadata key that carries the request id, both ways.
pub const REQUEST_ID: &str = "x-request-id";
/// The longest request id that is taken over from a caller.
const LONGEST_REQUEST_ID: usize = 128;

/// One call. Cheap to clone; travels in the extensions of the request.
#[derive(Clone, Debug)]
pub struct Call(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    method: String,
    request_id: HeaderValue,
    started: Instant,
    deadline: Option<Instant>,
    kernel: OnceLock<&'static str>,
    count: AtomicU64,
    caller_left: AtomicBool,
}

// === impl Call ===

impl Call {
    /// Begins a call with the path and the headers of its request.
    pub fn begin(path: &str, headers: &HeaderMap) -> Self {
        let started = Instant::now();
        let timeout = headers.get("grpc-timeout").and_then(parse_timeout);
        Self(Arc::new(Inner {
            method: path.trim_start_matches('/').to_owned(),
            request_id: request_id(headers),
            started,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout)),
            kernel: OnceLock::new(),
            count: AtomicU64::new(0),
            caller_left: AtomicBool::new(false),
        }))
    }

    /// Returns the call that a request belongs to; one without name or deadline if none was put there.
    pub fn of(extensions: &Extensions) -> Self {
        let call = extensions.get::<Self>().cloned();
        call.unwrap_or_else(|| Self::begin("", &HeaderMap::new()))
    }

    /// Returns the service and method, `offgil.v1.ComputeService/SumSquares`.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// Returns the id that the caller gave or, without one, an id made up here.
    pub fn request_id(&self) -> &HeaderValue {
        &self.0.request_id
    }

    /// Returns when the call began.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// Returns the instant after which the result is worthless.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Notes which kernel the call asked for.
    pub fn note_kernel(&self, kernel: &'static str) {
        self.0.kernel.get_or_init(|| kernel);
    }

    /// Adds to the count of numbers that went in.
    pub fn note_count(&self, count: usize) {
        self.0.count.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Notes that the caller broke its request off.
    pub fn note_caller_left(&self) {
        self.0.caller_left.store(true, Ordering::Relaxed);
    }

    /// Returns whether the caller broke its request off.
    pub fn caller_left(&self) -> bool {
        self.0.caller_left.load(Ordering::Relaxed)
    }

    /// Returns the kernel, as far as the call got to name one.
    pub fn kernel(&self) -> Option<&'static str> {
        self.0.kernel.get().copied()
    }

    /// Returns how many numbers went in.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
    });
    let mut id = given.cloned().unwrap_or_else(|| {
        let mut text = uuid::Uuid::encode_buffer();
        let id = uuid::Uuid::new_v4().simple().encode_lower(&mut text);
        HeaderValue::from_str(id).expect("hexadecimal digits are a header value")
    });
    // Not a secret, but no value to remember: HPACK leaves it out of its table, which takes less time.
    id.set_sensitive(true);
    id
}

/// Parses a `grpc-timeout`: at most 8 digits and a unit.
///
/// A malformed one is treated as absent, as the gRPC implementations do.
fn parse_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(3600 * amount),
        "M" => Duration::from_secs(60 * amount),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_timeouts_in_every_unit() {
        let parse = |text| parse_timeout(&HeaderValue::from_static(text));
        assert_eq!(parse("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("7u"), Some(Duration::from_micros(7)));
        assert_eq!(parse("7n"), Some(Duration::from_nanos(7)));
        for malformed in ["", "S", "1", "-1S", "+1S", "1s", "123456789S", "1.5S"] {
            assert_eq!(parse(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn takes_over_only_harmless_request_ids() {
        let id = |given: &[u8]| {
            let given = HeaderValue::from_bytes(given).expect("a header value");
            request_id(&HeaderMap::from_iter([(
                http::HeaderName::from_static(REQUEST_ID),
                given,
            )]))
        };
        assert_eq!(id(b"abc-123"), "abc-123");
        for refused in [&b""[..], b"two words", "é".as_bytes(), &[b'x'; 129]] {
            assert_eq!(id(refused).len(), 32);
        }
    }
}
