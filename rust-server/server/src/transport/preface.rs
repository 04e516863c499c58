//! The first bytes of a connection: a peer that does not send them, or sends others, is not kept.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Time for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A stream whose preface has been read, and is read again.
#[derive(Debug)]
pub(super) struct Prefaced<S> {
    stream: S,
    /// How much of the preface is still to be read.
    left: usize,
}

/// Waits for the preface.
///
/// # Errors
///
/// An error if the peer sends something else, nothing for too long, or leaves.
pub(super) async fn read<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Prefaced<S>> {
    let whole = async {
        let mut buffer = [0; PREFACE.len()];
        let mut read = 0;
        while read < buffer.len() {
            let count = stream.read(&mut buffer[read..]).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read += count;
            if buffer[..read] != PREFACE[..read] {
                let message = "the peer does not speak HTTP/2";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, whole).await??;
    let left = PREFACE.len();
    Ok(Prefaced { stream, left })
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left > 0 {
            let count = self.left.min(buffer.remaining());
            let start = PREFACE.len() - self.left;
            buffer.put_slice(&PREFACE[start..start + count]);
            self.left -= count;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefaced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn gives_back_what_it_has_read() {
        let (mut peer, stream) = tokio::io::duplex(64);
        peer.write_all(PREFACE).await.expect("written");
        peer.write_all(b"more").await.expect("written");
        drop(peer);
        let mut stream = read(stream).await.expect("a preface");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("read");
        assert_eq!(all, [PREFACE.as_slice(), b"more"].concat());
    }

    #[tokio::test]
    async fn another_protocol_is_refused_at_its_first_byte() {
        let (mut peer, stream) = tokio::io::duplex(64);
        peer.write_all(b"G").await.expect("written");
        let error = read(stream).await.expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_not_kept() {
        let (mut peer, stream) = tokio::io::duplex(64);
        peer.write_all(&PREFACE[..23]).await.expect("written");
        let error = read(stream).await.expect_err("too late");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
