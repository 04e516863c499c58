//! The last bytes of a connection: they arrive although this side has nothing more to say.
//!
//! A socket that is closed while its peer still sends answers with a reset, which throws away what the peer has
//! not read yet. An HTTP/2 peer does send until the end: it widens windows and measures round trips. So this
//! side only ends its own direction, and closes when the peer has closed too.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::oneshot,
};

use crate::in_flight::{Flight, InFlight};

/// How long a peer may take to read its last answers once they have been handed to the system.
const LINGER: Duration = Duration::from_secs(10);

/// A stream that is in flight while its peer does not read, and that comes back when it is dropped.
#[derive(Debug)]
pub(super) struct Delivering<S> {
    /// Always there; taken when it is dropped.
    stream: Option<S>,
    back: Option<oneshot::Sender<S>>,
    in_flight: InFlight,
    blocked: Option<Flight>,
}

/// A stream that is used for the last time.
#[derive(Debug)]
pub(super) struct Returned<S>(oneshot::Receiver<S>);

// === impl Delivering ===

impl<S> Delivering<S> {
    pub(super) fn new(stream: S, in_flight: InFlight) -> (Self, Returned<S>) {
        let (back, returned) = oneshot::channel();
        let delivering = Self {
            stream: Some(stream),
            back: Some(back),
            in_flight,
            blocked: None,
        };
        (delivering, Returned(returned))
    }

    fn write<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        S: Unpin,
    {
        let written = write(Pin::new(self.stream()));
        if written.is_ready() {
            self.blocked = None;
        } else if self.blocked.is_none() {
            self.blocked = Some(self.in_flight.begin());
        }
        written
    }

    fn stream(&mut self) -> &mut S {
        self.stream.as_mut().expect("taken only by drop")
    }
}

impl<S> Drop for Delivering<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Nobody waits for it if the connection was aborted: then it closes here.
            let _ = back.send(stream).is_ok();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Delivering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Delivering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(S::is_write_vectored)
    }
}

// === impl Returned ===

impl<S: AsyncRead + Unpin> Returned<S> {
    /// Waits until the peer closes too, having read what was sent, or has taken too long.
    pub(super) async fn linger(self, lingering: &InFlight) {
        let Ok(mut stream) = self.0.await else {
            return;
        };
        let _lingering = lingering.begin();
        let mut ignored = [0; 4096];
        let closed = async { while stream.read(&mut ignored).await.is_ok_and(|n| n > 0) {} };
        if tokio::time::timeout(LINGER, closed).await.is_err() {
            tracing::debug!("a peer did not close its connection");
        }
    }
}
