//! Ends a call when its deadline passes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until, timeout_at};

use crate::error::{Error, GivenUp};

const EXCEEDED: Error = Error::GivenUp(GivenUp::DeadlineExceeded);

/// Waits for `answer`, until the deadline.
///
/// # Errors
///
/// [`GivenUp::DeadlineExceeded`] if the deadline passes first; `answer` is then dropped, which stops
/// the work behind it.
pub async fn within<F: Future>(deadline: Option<Instant>, answer: F) -> Result<F::Output, Error> {
    match deadline {
        None => Ok(answer.await),
        Some(deadline) => timeout_at(deadline.into(), answer)
            .await
            .map_err(|_| EXCEEDED),
    }
}

/// A response body that ends with DEADLINE_EXCEEDED if its next piece is not there, or not asked for, in time.
#[derive(Debug)]
pub struct WithDeadline<B> {
    body: B,
    deadline: Option<Instant>,
    /// Set once the body made its reader wait: most bodies are there at once and need no timer.
    timer: Option<Pin<Box<Sleep>>>,
    expired: bool,
}

// === impl WithDeadline ===

impl<B> WithDeadline<B> {
    /// Puts a deadline on `body`.
    pub fn new(body: B, deadline: Option<Instant>) -> Self {
        Self {
            body,
            deadline,
            timer: None,
            expired: false,
        }
    }

    fn has_passed(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| tokio::time::Instant::now() >= deadline.into())
    }

    fn expire<E>(&mut self) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.expired = true;
        Poll::Ready(Some(Ok(Frame::trailers(EXCEEDED.into_trailers()))))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WithDeadline<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.expired {
            return Poll::Ready(None);
        }
        if this.timer.is_none() && this.has_passed() {
            return this.expire();
        }
        if let ready @ Poll::Ready(_) = Pin::new(&mut this.body).poll_frame(cx) {
            return ready;
        }
        let Some(deadline) = this.deadline else {
            return Poll::Pending;
        };
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        this.expire()
    }

    fn is_end_stream(&self) -> bool {
        self.expired || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use http_body_util::{BodyExt, StreamBody};
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ends_a_stalled_body_with_deadline_exceeded() {
        let first = tokio_stream::once(Ok::<_, Infallible>(Frame::data(Bytes::from("x"))));
        let stalled = StreamBody::new(first.chain(tokio_stream::pending()));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        let mut body = WithDeadline::new(stalled, Some(deadline.into_std()));
        let frame = body.frame().await.expect("data").expect("infallible");
        assert!(frame.is_data());
        let frame = body.frame().await.expect("trailers").expect("infallible");
        assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "4");
        assert!(body.frame().await.is_none());
        assert!(tokio::time::Instant::now() >= deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_an_answer_that_is_late() {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
        let late = within(Some(deadline.into_std()), std::future::pending::<()>());
        assert_eq!(late.await, Err(EXCEEDED));
        assert_eq!(within(None, async { 7 }).await, Ok(7));
    }
}
