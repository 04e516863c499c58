//! Counts the calls in flight, and writes one log line for each call when it ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;

use crate::call::Call;

/// `grpc-status` of a call whose caller left before its end.
const CANCELLED: i32 = 1;

/// The calls in flight.
#[derive(Clone, Debug)]
pub struct Calls(Arc<watch::Sender<usize>>);

/// A call in flight; its end, however it comes, is logged and counted.
#[derive(Debug)]
pub struct Observation {
    call: Call,
    calls: Calls,
    code: Option<i32>,
}

/// A response body whose end is the end of its call.
#[derive(Debug)]
pub struct Observed<B> {
    body: B,
    observation: Observation,
}

// === impl Calls ===

impl Default for Calls {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Calls {
    /// Begins to observe a call.
    pub fn observe(&self, call: Call) -> Observation {
        self.0.send_modify(|count| *count += 1);
        Observation {
            call,
            calls: self.clone(),
            code: None,
        }
    }

    /// Returns how many calls are in flight.
    pub fn in_flight(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no call is in flight.
    pub async fn none_in_flight(&self) {
        let waited = self
            .0
            .subscribe()
            .wait_for(|count| *count == 0)
            .await
            .map(drop);
        waited.expect("the sender lives as long as this borrow of it");
    }
}

// === impl Observation ===

impl Observation {
    /// Notes the status of a response that is only headers.
    #[must_use]
    pub fn answered(mut self, headers: &HeaderMap) -> Self {
        self.code = status(headers);
        self
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(CANCELLED);
        let micros = self.call.started().elapsed().as_micros() as u64;
        let work = self.call.work();
        tracing::info!(
            target: "offgil::call",
            method = self.call.method(),
            kernel = work.map(|work| work.kernel),
            n = work.map(|work| work.count),
            code,
            micros,
            request_id = self.call.request_id().to_str().ok(),
        );
        self.calls.0.send_modify(|count| *count -= 1);
    }
}

fn status(headers: &HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

// === impl Observed ===

impl<B> Observed<B> {
    /// Observes the call that `body` answers.
    pub fn new(body: B, observation: Observation) -> Self {
        Self { body, observation }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Observed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            this.observation.code = status(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
