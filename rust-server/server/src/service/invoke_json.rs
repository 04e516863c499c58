//! `InvokeJson` and `InvokeJsonStream`: any kernel, with JSON text in and out.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use offgil_kernels::{Kernel, Value};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::pieces;
use crate::{
    call::Call,
    codec::json::{self, Strictness},
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
/// Bytes in one message of a streamed answer.
const PIECE: usize = 256 * 1024;
/// Bytes of a message around its piece, and some to spare.
const FRAMING: usize = 16;

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    request: InvokeJsonRequest,
) -> Result<InvokeJsonResponse, Error> {
    let kernel = invoker.kernel(&request.kernel)?;
    let strictness = strictness("mode", request.mode)?;
    let body = invoke(invoker, call, kernel, request.body, strictness).await?;
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
    let strictness = strictness("header.mode", header.mode)?;
    let body = collect(&mut requests, limits.max_body_bytes).await?;
    let body = invoke(invoker, call, kernel, body, strictness).await?;
    let end = Sent::End(InvokeJsonStreamEnd {});
    let messages = pieces(body, PIECE.min(limits.max_message_bytes - FRAMING))
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

/// Reads the arguments, runs the kernel and writes its results.
async fn invoke(
    invoker: &Invoker,
    call: &Call,
    kernel: Arc<dyn Kernel>,
    body: Bytes,
    strictness: Strictness,
) -> Result<Bytes, Error> {
    let spec = kernel.spec();
    let invocation = Invocation {
        kernel,
        cost_of_form: cost_of_text(body.len()),
        read: move || Ok((json::read_arguments(spec, &body, strictness)?, ())),
        write: move |results: Vec<Value>, ()| Bytes::from(json::write_results(spec, &results)),
    };
    invoker.invoke(call, invocation).await
}

/// Estimates how long it takes to read so many bytes of text.
pub(super) fn cost_of_text(bytes: usize) -> Duration {
    TIME_PER_BYTE * u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Joins the chunks of a stream up to its end marker.
async fn collect(
    requests: &mut Streaming<InvokeJsonStreamRequest>,
    limit: usize,
) -> Result<Bytes, Status> {
    let mut body = BytesMut::new();
    loop {
        match receive(requests).await? {
            Received::Body(chunk) if body.len() + chunk.len() > limit => {
                let what = "body";
                return Err(Error::TooLarge { what, limit }.into());
            }
            Received::Body(chunk) => body.extend_from_slice(&chunk),
            Received::End(_) => return Ok(body.freeze()),
            Received::Header(_) => {
                return Err(Error::out_of_order("a stream has one header").into());
            }
        }
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
