//! `Invoke` and `InvokeStruct`: any kernel, with arrays for programs or a `Struct` for people.

use std::time::Duration;

use offgil_kernels::{Arguments, Value};
use prost::Message;

use super::invoke_json::cost_of_text;
use crate::{
    call::Call,
    codec::{
        arrays,
        json::{self, Strictness},
        structs,
    },
    error::Error,
    invocation::{Invocation, Invoker},
    proto::{InvokeRequest, InvokeResponse, InvokeStructRequest, InvokeStructResponse},
};

/// A `Struct` takes this many times as long as JSON text of its length: it is a tree on the way.
const STRUCT_FACTOR: u32 = 20;

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    request: InvokeRequest,
) -> Result<InvokeResponse, Error> {
    let kernel = invoker.kernel(&request.kernel)?;
    let spec = kernel.spec();
    let size: usize = request.arguments.iter().map(Message::encoded_len).sum();
    let invocation = Invocation {
        kernel,
        cost_of_read: cost_of_bytes(size),
        has_read_for: Duration::ZERO,
        cost_of_write: cost_of_bytes(size),
        text: false,
        read: move || Ok((Arguments::bind(spec, arrays::read(request.arguments)?)?, ())),
        write: move |results, ()| {
            let named = spec.results.iter().zip(results);
            let results = named.map(|(result, value)| arrays::write(result.name, value));
            InvokeResponse {
                results: results.collect(),
            }
        },
    };
    invoker.invoke(call, invocation).await
}

pub(super) async fn answer_struct(
    invoker: &Invoker,
    call: &Call,
    request: InvokeStructRequest,
) -> Result<InvokeStructResponse, Error> {
    let kernel = invoker.kernel(&request.kernel)?;
    let spec = kernel.spec();
    let size = request.encoded_len();
    let arguments = request.arguments.unwrap_or_default();
    let invocation = Invocation {
        kernel,
        cost_of_read: cost_of_text(size) * STRUCT_FACTOR,
        has_read_for: Duration::ZERO,
        cost_of_write: cost_of_text(size) * STRUCT_FACTOR,
        text: true,
        read: move || {
            let text = structs::to_json(arguments);
            Ok((json::read_arguments(spec, &text, Strictness::DIGITS)?, ()))
        },
        write: move |results: Vec<Value>, ()| InvokeStructResponse {
            results: Some(structs::from_results(spec, &results)),
        },
    };
    invoker.invoke(call, invocation).await
}

/// Estimates how long it takes to read so many bytes of packed arrays: a copy, if they are not aligned.
pub(super) fn cost_of_bytes(bytes: usize) -> Duration {
    const BYTES_PER_NANOSECOND: u64 = 2;
    Duration::from_nanos(bytes as u64 / BYTES_PER_NANOSECOND)
}
