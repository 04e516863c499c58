//! One connection: HTTP/2 with every limit set, and its graceful end.

use std::{convert::Infallible, future::Future, pin::pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Calls at once on one connection.
const MAX_CONCURRENT_STREAMS: u32 = 256;
/// Streams that a peer may reset before they were accepted ("rapid reset").
const MAX_PENDING_ACCEPT_RESET_STREAMS: usize = 20;
/// Streams that this side may reset for a peer's errors (RUSTSEC-2024-0003).
const MAX_LOCAL_ERROR_RESET_STREAMS: usize = 1024;
/// Bytes of all headers of one request.
const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;
/// Bytes that one call may send before they are read.
const STREAM_WINDOW: u32 = 1 << 20;
/// Bytes that all calls may send before they are read. They are beyond the memory budget, so there are not many more
/// than for one call.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Bytes of one frame.
const MAX_FRAME_SIZE: u32 = 256 * 1024;
/// Bytes of a response that are queued before the next piece is asked for.
const MAX_SEND_BUFFER: usize = 1 << 20;
/// A peer that is silent is asked whether it lives, and has so long to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one connection until it ends; returns whether both sides ended it as agreed.
///
/// When `enough` is ready, the peer is told to send no new call; those in flight go on.
pub(super) async fn serve<S, H, F, B>(
    stream: S,
    handler: H,
    enough: impl Future<Output = ()>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_ACCEPT_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_LOCAL_ERROR_RESET_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_SIZE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_SIZE)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service_fn(handler));
    let ended = async {
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = enough => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    match ended.await {
        Ok(()) => true,
        Err(error) => {
            // The peer's doing: a reset, a broken frame, a lost keep-alive.
            tracing::debug!(%error, "connection ended with an error");
            false
        }
    }
}
