//! The services behind their edge, without a socket: the body of a request in, the messages of the answer out.

use std::{convert::Infallible, sync::LazyLock, time::Duration};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use offgil_kernels::Catalogue;
use offgil_server::{
    admission::Admission,
    budget::Budget,
    config::Limits,
    edge::{Edge, EdgeParts, intake::IntakeLimits},
    executor::Executor,
    in_flight::InFlight,
    invocation::Invoker,
    metrics::Metrics,
    service,
};
use tokio::runtime::{Builder, Runtime};
use tonic::service::Routes;

const MAX_MESSAGE_BYTES: usize = 1 << 16;
const MEMORY_BUDGET: usize = 64 << 20;
/// For what a service waits for: it is there at once, or never.
const TIMEOUT: Duration = Duration::from_secs(3600);

const LIMITS: Limits = Limits {
    max_message_bytes: MAX_MESSAGE_BYTES,
    max_body_bytes: 16 * MAX_MESSAGE_BYTES,
    max_call_memory: MEMORY_BUDGET / 4,
    upload_timeout: TIMEOUT,
};

static SERVER: LazyLock<InProcess> = LazyLock::new(InProcess::new);

struct InProcess {
    runtime: Runtime,
    routes: Routes,
    edge: Edge,
    budget: Budget,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub code: i32,
    /// The messages before it.
    pub messages: Vec<Bytes>,
}

/// Calls a method with a body that comes in these pieces.
///
/// # Panics
///
/// Panics if the answer is no gRPC, or the call does not give back what it held.
pub fn call(path: &str, pieces: Vec<Bytes>) -> Answer {
    let server = &*SERVER;
    let answer = server.runtime.block_on(server.call(path, pieces));
    assert_eq!(server.budget.taken(), 0);
    answer
}

/// Returns a message with its prefix.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&(message.len() as u32).to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

// === impl InProcess ===

impl InProcess {
    fn new() -> Self {
        let catalogue = Catalogue::built_in();
        let budget = Budget::new(MEMORY_BUDGET, TIMEOUT);
        let limits = IntakeLimits {
            max_message_bytes: MAX_MESSAGE_BYTES,
            upload_timeout: TIMEOUT,
        };
        let metrics = Metrics::new(&catalogue, 1, MEMORY_BUDGET);
        let stops = metrics.stops();
        let edge = Edge::new(EdgeParts {
            limits,
            budget: budget.clone(),
            in_flight: InFlight::default(),
            metrics,
            tokens: None,
            spans: None,
            slow_call: TIMEOUT,
        });
        let admission = Admission::new(1, TIMEOUT);
        let executor = Executor::new(1, stops).expect("threads");
        let invoker = Invoker::new(catalogue, admission, executor, LIMITS.max_call_memory);
        let (routes, _) = service::routes(invoker, LIMITS, false);
        let runtime = Builder::new_current_thread().enable_time().build();
        Self {
            runtime: runtime.expect("a runtime"),
            routes,
            edge,
            budget,
        }
    }

    async fn call(&self, path: &str, pieces: Vec<Bytes>) -> Answer {
        let frames = pieces
            .into_iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .body(StreamBody::new(tokio_stream::iter(frames)));
        let request = request.expect("a request");
        let Ok(response) = self.edge.clone().handle(self.routes.clone(), request).await;
        let (head, body) = response.into_parts();
        let collected = Box::pin(body).collect().await.expect("a whole answer");
        let trailers = collected.trailers().cloned();
        let code = code(&head.headers).or_else(|| code(&trailers.unwrap_or_default()));
        Answer {
            code: code.expect("a status"),
            messages: messages(collected.to_bytes()),
        }
    }
}

fn code(headers: &HeaderMap) -> Option<i32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn messages(mut bytes: Bytes) -> Vec<Bytes> {
    let mut messages = vec![];
    while bytes.has_remaining() {
        assert_eq!(bytes.get_u8(), 0, "it is not compressed");
        let length = bytes.get_u32() as usize;
        // A copy: the call goes on holding what its own bytes are in.
        messages.push(Bytes::copy_from_slice(&bytes.split_to(length)));
    }
    messages
}
