//! Keeps a panic to the call it happens in; the connection carries others.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::{Body, Frame, SizeHint};

use crate::{call::Call, error::Error};

/// Waits for `answer`.
///
/// # Errors
///
/// [`Error::Panicked`] if it panics.
pub async fn guarded<F: Future>(method: &str, answer: F) -> Result<F::Output, Error> {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    answer.await.map_err(|_payload| panicked(method))
}

/// A response body that ends with an error if it panics, instead of looking complete.
#[derive(Debug)]
pub struct Guarded<B> {
    /// Nothing once it has panicked.
    body: Option<B>,
    call: Call,
}

// === impl Guarded ===

impl<B> Guarded<B> {
    /// Guards the body of the answer to `call`.
    pub fn new(body: B, call: Call) -> Self {
        Self {
            body: Some(body),
            call,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Guarded<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx)));
        polled.unwrap_or_else(|_payload| {
            this.body = None;
            let trailers = panicked(this.call.method()).into_trailers();
            Poll::Ready(Some(Ok(Frame::trailers(trailers))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

fn panicked(method: &str) -> Error {
    Error::Panicked {
        what: method.to_owned(),
        kernel: false,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderMap;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::budget::Budget;

    #[tokio::test]
    async fn ends_a_body_that_panics_with_internal() {
        let mut polled = 0;
        let panics = futures_util::stream::poll_fn(move |_| {
            polled += 1;
            assert!(polled < 2, "on purpose");
            Poll::Ready(Some(Ok::<_, Infallible>(Frame::data(Bytes::from("x")))))
        });
        let call = Call::begin(
            "/x/Y",
            &HeaderMap::new(),
            &Budget::new(0, std::time::Duration::ZERO),
        );
        let mut body = Guarded::new(StreamBody::new(panics), call);
        let frame = body.frame().await.expect("data").expect("infallible");
        assert!(frame.is_data());
        let frame = body.frame().await.expect("trailers").expect("infallible");
        assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "13");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn turns_a_panic_into_an_error() {
        let answer = guarded("x/Y", async { panic!("on purpose") });
        let answer: Result<(), _> = answer.await;
        assert!(matches!(answer, Err(Error::Panicked { kernel: false, .. })));
    }
}
