//! What is known of one call, from its first header to its log line.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use crate::budget::{Budget, Holding};

/// The metadata key that carries the request id, both ways.
pub const REQUEST_ID: &str = "x-request-id";
/// The longest request id that is taken over from a caller.
const LONGEST_REQUEST_ID: usize = 128;

/// One call. Cheap to clone; travels in the extensions of the request.
#[derive(Clone, Debug)]
pub struct Call {
    inner: Arc<Inner>,
    /// What it holds for one of the messages of its stream; else the call holds it.
    of_part: Option<Arc<Holding>>,
}

#[derive(Debug)]
struct Inner {
    method: String,
    request_id: HeaderValue,
    started: Instant,
    deadline: Option<Instant>,
    holding: Holding,
    kernel: OnceLock<&'static str>,
    count: AtomicU64,
    caller_left: AtomicBool,
    /// Nanoseconds of each stage.
    spent: [AtomicU64; Stage::ALL.len()],
}

/// A part of the work for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for a thread.
    Queue,
    /// Reading the arguments.
    Decode,
    /// Running the kernel.
    Compute,
    /// Writing the results.
    Encode,
}

// === impl Call ===

impl Call {
    /// Begins a call with the path and the headers of its request, and the budget of the process.
    pub fn begin(path: &str, headers: &HeaderMap, budget: &Budget) -> Self {
        let started = Instant::now();
        let timeout = headers.get("grpc-timeout").and_then(parse_timeout);
        let inner = Arc::new(Inner {
            method: path.trim_start_matches('/').to_owned(),
            request_id: request_id(headers),
            started,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout)),
            holding: budget.hold(),
            kernel: OnceLock::new(),
            count: AtomicU64::new(0),
            caller_left: AtomicBool::new(false),
            spent: Default::default(),
        });
        Self {
            inner,
            of_part: None,
        }
    }

    /// Returns the same call for one of the messages of its stream: it holds what the call holds now, and gives it
    /// back when it is dropped.
    pub fn part(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            of_part: Some(Arc::new(self.holding().split_off())),
        }
    }

    /// Returns the call that a request belongs to.
    ///
    /// # Panics
    ///
    /// Panics if the request has not come through the [`Edge`](crate::edge::Edge), which puts it there.
    pub fn of(extensions: &Extensions) -> Self {
        let call = extensions.get::<Self>().cloned();
        call.expect("the edge has begun the call")
    }

    /// Returns the service and method, `offgil.v1.ComputeService/SumSquares`.
    pub fn method(&self) -> &str {
        &self.inner.method
    }

    /// Returns the id that the caller gave or, without one, an id made up here.
    pub fn request_id(&self) -> &HeaderValue {
        &self.inner.request_id
    }

    /// Returns when the call began.
    pub fn started(&self) -> Instant {
        self.inner.started
    }

    /// Returns the instant after which the result is worthless.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.deadline
    }

    /// Returns the bytes that this call holds; given back when its last clone is dropped.
    pub fn holding(&self) -> &Holding {
        self.of_part.as_deref().unwrap_or(&self.inner.holding)
    }

    /// Notes which kernel the call asked for.
    pub fn note_kernel(&self, kernel: &'static str) {
        self.inner.kernel.get_or_init(|| kernel);
    }

    /// Adds to the count of numbers that went in.
    pub fn note_count(&self, count: usize) {
        self.inner.count.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Adds to the time that a stage has taken.
    pub fn spend(&self, stage: Stage, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.inner.spent[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Returns how long a stage has taken so far.
    pub fn spent(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.inner.spent[stage as usize].load(Ordering::Relaxed))
    }

    /// Adds the microseconds of each stage to trailers, or to the headers of an answer without.
    pub fn write_spent(&self, headers: &mut HeaderMap) {
        for stage in Stage::ALL {
            let value = match self.spent(stage).as_micros() as u64 {
                // As most are that are none: HPACK's table remembers it.
                0 => HeaderValue::from_static("0"),
                micros => {
                    let mut value = HeaderValue::from(micros);
                    // No value to remember, as for the request id.
                    value.set_sensitive(true);
                    value
                }
            };
            headers.insert(stage.trailer(), value);
        }
    }

    /// Notes that the caller broke its request off.
    pub fn note_caller_left(&self) {
        self.inner.caller_left.store(true, Ordering::Relaxed);
    }

    /// Returns whether the caller broke its request off.
    pub fn caller_left(&self) -> bool {
        self.inner.caller_left.load(Ordering::Relaxed)
    }

    /// Returns the kernel, as far as the call got to name one.
    pub fn kernel(&self) -> Option<&'static str> {
        self.inner.kernel.get().copied()
    }

    /// Returns how many numbers went in.
    pub fn count(&self) -> u64 {
        self.inner.count.load(Ordering::Relaxed)
    }
}

// === impl Stage ===

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Decode, Self::Compute, Self::Encode];

    /// Returns the name for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Decode => "decode",
            Self::Compute => "compute",
            Self::Encode => "encode",
        }
    }

    /// Returns the key of the attribute of a span.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Queue => "offgil.queue_us",
            Self::Decode => "offgil.decode_us",
            Self::Compute => "offgil.compute_us",
            Self::Encode => "offgil.encode_us",
        }
    }

    fn trailer(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::Queue => "offgil-queue-us",
            Self::Decode => "offgil-decode-us",
            Self::Compute => "offgil-compute-us",
            Self::Encode => "offgil-encode-us",
        })
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
                HeaderName::from_static(REQUEST_ID),
                given,
            )]))
        };
        assert_eq!(id(b"abc-123"), "abc-123");
        for refused in [&b""[..], b"two words", "é".as_bytes(), &[b'x'; 129]] {
            assert_eq!(id(refused).len(), 32);
        }
    }
}
