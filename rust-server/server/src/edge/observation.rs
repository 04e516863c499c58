//! Counts the calls in flight; when a call ends, writes one log line for it and counts it in the metrics. See
//! [`super::sampling`] for those that have no line.
//!
//! A call ends when the last byte of its answer has left this process, not when it was queued: so the
//! observation travels with every piece of the answer.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    task::{Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use opentelemetry::Context;

use super::{Edge, EdgeParts};
use crate::{
    budget::SMALL,
    call::{Call, Stage},
    error,
    in_flight::Flight,
    metrics::NO_STATUS,
    peer::{Delivery, Peer, PeerCall},
};

/// `grpc-status` of a call that succeeded.
const OK: i32 = 0;
/// `grpc-status` of a call whose caller left before its end.
const CANCELLED: i32 = 1;
/// A call that succeeds in less than this is tiny.
const TINY: Duration = Duration::from_millis(1);

/// A call in flight; its end, however it comes, is logged and counted.
#[derive(Clone, Debug)]
pub struct Observation(Arc<Ending>);

#[derive(Debug)]
struct Ending {
    call: Call,
    /// Nothing for a call that drain need not wait for.
    _flight: Option<Flight>,
    of_peer: Option<PeerCall>,
    code: AtomicI32,
    /// The span of its caller, if this call is to have one too.
    parent: Option<Context>,
    edge: Edge,
}

/// A piece of an answer, which is part of its call until it has left.
struct Piece {
    bytes: Bytes,
    _observation: Observation,
}

/// A response body whose end is the end of its call.
#[derive(Debug)]
pub struct Observed<B> {
    body: B,
    observation: Observation,
    /// Set once the answer turns out to be large.
    delivery: Option<Arc<Delivery>>,
    has_begun: bool,
}

// === impl Observation ===

impl Observation {
    /// Begins to observe a call, which is one of its peer and in flight if it carries work.
    pub fn begin(
        call: Call,
        in_flight: Option<Flight>,
        peer: Option<Arc<Peer>>,
        parent: Option<Context>,
        edge: &Edge,
    ) -> Self {
        let of_peer = peer.map(|peer| peer.call(call.started()));
        Self(Arc::new(Ending {
            call,
            _flight: in_flight,
            of_peer,
            code: AtomicI32::new(NO_STATUS),
            parent,
            edge: edge.clone(),
        }))
    }

    /// Notes the status, if it is among these headers or trailers, and completes them.
    pub fn end_with(&self, headers: &mut HeaderMap) {
        let Some(code) = status(headers) else {
            return;
        };
        self.0.code.store(code, Ordering::Relaxed);
        self.0.call.write_spent(headers);
        if code != OK
            && let Some(reason) = error::refusal(headers)
        {
            self.0.edge.0.parts.metrics.count_refusal(reason);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let code = match self.code.load(Ordering::Relaxed) {
            _ if self.call.caller_left() => CANCELLED,
            NO_STATUS => CANCELLED,
            code => code,
        };
        let now = Instant::now();
        let took = now - self.call.started();
        if let Some(of_peer) = &self.of_peer {
            of_peer.end(now);
        }
        let EdgeParts {
            metrics,
            spans,
            slow_call,
            ..
        } = &self.edge.0.parts;
        metrics.count_call(&self.call, code, took);
        if let (Some(spans), Some(parent)) = (spans, &self.parent) {
            spans.record(parent, &self.call, code, took);
        }
        if took >= *slow_call {
            log_slow(&self.call, code, took);
        } else if let Some(skipped) = self.edge.0.sampler.sample(is_common(code, took), now) {
            log(&self.call, code, took, skipped);
        }
    }
}

/// Returns whether there may be very many calls like this.
fn is_common(code: i32, took: Duration) -> bool {
    code == CANCELLED || (code == OK && took < TINY)
}

fn log(call: &Call, code: i32, took: Duration, skipped: u64) {
    tracing::info!(
        target: "offgil::call",
        method = call.method(),
        kernel = call.kernel(),
        n = call.kernel().map(|_| call.count()),
        code,
        micros = took.as_micros() as u64,
        request_id = call.request_id().to_str().ok(),
        skipped = (skipped > 0).then_some(skipped),
    );
}

/// Says also what took the time.
fn log_slow(call: &Call, code: i32, took: Duration) {
    let micros = |stage| call.spent(stage).as_micros() as u64;
    tracing::warn!(
        target: "offgil::call",
        method = call.method(),
        kernel = call.kernel(),
        n = call.kernel().map(|_| call.count()),
        code,
        micros = took.as_micros() as u64,
        request_id = call.request_id().to_str().ok(),
        queue_us = micros(Stage::Queue),
        decode_us = micros(Stage::Decode),
        compute_us = micros(Stage::Compute),
        encode_us = micros(Stage::Encode),
        "slow call",
    );
}

fn status(headers: &HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

// === impl Piece ===

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

// === impl Observed ===

impl<B> Observed<B> {
    /// Observes the call that `body` answers.
    pub fn new(body: B, observation: Observation) -> Self {
        Self {
            body,
            observation,
            delivery: None,
            has_begun: false,
        }
    }
}

impl<B> Observed<B> {
    /// Notes that the connection takes so many bytes of the answer.
    fn note_progress(&mut self, bytes: usize) {
        match &self.delivery {
            Some(delivery) => delivery.moves(),
            // More may follow, or the peer may not take even these.
            None if self.has_begun || bytes > SMALL => {
                let of_peer = self.observation.0.of_peer.as_ref();
                let deadline = self.observation.0.call.deadline();
                self.delivery = of_peer.map(|call| call.peer().deliver(deadline));
            }
            None => self.has_begun = true,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Observed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame?;
            if let Some(data) = frame.data_ref() {
                this.note_progress(data.len());
            }
            if let Some(trailers) = frame.trailers_mut() {
                this.observation.end_with(trailers);
            }
            Ok(frame.map_data(|bytes| {
                Bytes::from_owner(Piece {
                    bytes,
                    _observation: this.observation.clone(),
                })
            }))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
