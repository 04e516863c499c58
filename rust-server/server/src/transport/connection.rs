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
/// Bytes that all calls of a connection may send before they are read, if there are few connections.
const CONNECTION_WINDOW: usize = 4 << 20;
/// The same if there are very many; what HTTP/2 begins with.
const SMALL_WINDOW: usize = 65_535;
/// What is not read yet is beyond the memory budget: one part in so many of it is shared by the connections.
const PART_OF_BUDGET: usize = 16;
/// Bytes of one frame.
const MAX_FRAME_SIZE: u32 = 256 * 1024;
/// Bytes of a response that are queued before the next piece is asked for.
const MAX_SEND_BUFFER: usize = 1 << 20;
/// A peer that is silent is asked whether it lives, and has so long to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns how many bytes the calls of a connection may send before they are read, if it is one of so many.
///
/// Each has its part at the time it comes, so all together have less than the budget: a sixteenth times the logarithm of
/// their count, and the least for each.
pub(super) fn window(budget: usize, connections: usize) -> u32 {
    let share = budget / PART_OF_BUDGET / connections.max(1);
    share.clamp(SMALL_WINDOW, CONNECTION_WINDOW) as u32 // of 4 MiB at most
}

/// Serves one connection until it ends; returns whether both sides ended it as agreed. Its calls may send so many bytes
/// before they are read.
///
/// When `enough` is ready, the peer is told to send no new call; those in flight go on.
pub(super) async fn serve<S, H, F, B>(
    stream: S,
    window: u32,
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
        .initial_stream_window_size(STREAM_WINDOW.min(window))
        .initial_connection_window_size(window)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_windows_of_all_connections_are_less_than_the_budget() {
        for budget in [128 * MIB, 512 * MIB, 4096 * MIB] {
            let all: usize = (1..=1024).map(|count| window(budget, count) as usize).sum();
            assert!(all < budget, "{all} of {budget}");
        }
        assert_eq!(window(512 * MIB, 8), 4 << 20);
        assert_eq!(window(0, 0), 65_535);
    }
}
