//! `InvokeJson` and `InvokeJsonStream`: any kernel, with JSON text in and out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use offgil_kernels::{Context, Kernel, Value};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::pieces;
use crate::{
    call::Call,
    codec::{
        joined,
        json::{self, Reader, Strictness},
    },
    config::Limits,
    error::Error,
    invocation::{Invocation, Invoker},
    proto::{
        InvokeJsonRequest, InvokeJsonResponse, InvokeJsonStreamEnd, InvokeJsonStreamRequest,
        InvokeJsonStreamResponse, JsonMode, invoke_json_stream_request::Message as Received,
        invoke_json_stream_response::Message as Sent,
    },
};

/// Time to read one byte of text, or to write it.
const TIME_PER_BYTE: Duration = Duration::from_nanos(3);
/// Bytes of text that are read by one job.
const CHUNK: usize = 1 << 20;
/// Bytes of the largest message of a streamed answer.
const PIECE: usize = 1 << 20;
/// Bytes of a message around its piece, and some to spare.
const FRAMING: usize = 16;

/// The arguments of a call, while their text arrives.
struct Incoming {
    kernel: Arc<dyn Kernel>,
    reader: Reader,
    /// Bytes that arrived.
    length: usize,
    has_read_for: Duration,
}

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    request: InvokeJsonRequest,
) -> Result<InvokeJsonResponse, Error> {
    let kernel = invoker.kernel(&request.kernel)?;
    let mut incoming = Incoming::new(kernel, strictness("mode", request.mode)?);
    for chunk in pieces(request.body, CHUNK) {
        incoming = incoming.feed(invoker, call, chunk).await?;
    }
    let body = joined(incoming.invoke(invoker, call).await?);
    Ok(InvokeJsonResponse { body })
}

pub(super) async fn answer_stream(
    invoker: &Invoker,
    call: &Call,
    limits: Limits,
    mut requests: Streaming<InvokeJsonStreamRequest>,
) -> Result<impl Stream<Item = Result<InvokeJsonStreamResponse, Status>> + use<>, Status> {
    let header = match receive(&mut requests).await? {
        Received::Header(header) => header,
        _ => {
            return Err(
                Error::out_of_order("the first message of the stream must be its header").into(),
            );
        }
    };
    let kernel = invoker.kernel(&header.kernel)?;
    let mut incoming = Incoming::new(kernel, strictness("header.mode", header.mode)?);
    loop {
        match receive(&mut requests).await? {
            Received::Body(chunk) if incoming.length + chunk.len() > limits.max_body_bytes => {
                let (what, limit) = ("body", limits.max_body_bytes);
                return Err(Error::TooLarge { what, limit }.into());
            }
            Received::Body(chunk) => incoming = incoming.feed(invoker, call, chunk).await?,
            Received::End(_) => break,
            Received::Header(_) => {
                return Err(Error::out_of_order("a stream has one header").into());
            }
        }
    }
    let parts = incoming.invoke(invoker, call).await?;
    let end = Sent::End(InvokeJsonStreamEnd {});
    let size = PIECE.min(limits.max_message_bytes - FRAMING);
    let messages = parts
        .into_iter()
        .flat_map(move |part| pieces(part, size))
        .map(Sent::Body)
        .chain([end]);
    Ok(tokio_stream::iter(messages.map(|message| {
        let message = Some(message);
        Ok(InvokeJsonStreamResponse { message })
    })))
}

fn strictness(field: &str, mode: i32) -> Result<Strictness, Error> {
    match JsonMode::try_from(mode) {
        Ok(mode) => Ok(mode.into()),
        Err(_) => Err(Error::field(
            field,
            "enum",
            format!("there is no mode {mode}"),
        )),
    }
}

/// Estimates how long it takes to read so many bytes of text.
pub(super) fn cost_of_text(bytes: usize) -> Duration {
    TIME_PER_BYTE * u32::try_from(bytes).unwrap_or(u32::MAX)
}

// === impl Incoming ===

impl Incoming {
    fn new(kernel: Arc<dyn Kernel>, strictness: Strictness) -> Self {
        Self {
            reader: Reader::new(kernel.spec(), strictness),
            kernel,
            length: 0,
            has_read_for: Duration::ZERO,
        }
    }

    /// Takes the next chunk, and reads what can be read before the rest is there.
    async fn feed(mut self, invoker: &Invoker, call: &Call, chunk: Bytes) -> Result<Self, Error> {
        let cost = cost_of_text(chunk.len());
        let kernel = self.kernel.spec().name;
        let job = move |_: &Context| {
            let began = Instant::now();
            self.length += chunk.len();
            self.reader.feed(chunk);
            self.has_read_for += began.elapsed();
            Ok(self)
        };
        invoker.execute_own(call, kernel, cost, job).await
    }

    /// Runs the kernel and writes its results.
    async fn invoke(self, invoker: &Invoker, call: &Call) -> Result<Vec<Bytes>, Error> {
        let spec = self.kernel.spec();
        let invocation = Invocation {
            kernel: self.kernel,
            cost_of_read: cost_of_text(self.reader.unread()),
            has_read_for: self.has_read_for,
            cost_of_write: cost_of_text(self.length),
            text: true,
            read: move || Ok((self.reader.finish()?, ())),
            write: move |results: Vec<Value>, ()| json::write_results(spec, &results),
        };
        invoker.invoke(call, invocation).await
    }
}

/// Returns the next message.
async fn receive(requests: &mut Streaming<InvokeJsonStreamRequest>) -> Result<Received, Status> {
    match requests.message().await? {
        Some(InvokeJsonStreamRequest {
            message: Some(message),
        }) => Ok(message),
        Some(_) => Err(Error::out_of_order("a message of the stream is empty").into()),
        None => Err(Error::out_of_order("the stream ended without its end marker").into()),
    }
}
