//! `ProcessNumbers`: the numbers of one message.

use std::time::Duration;

use offgil_kernels::{
    Arguments, Context, Kernel, KernelError, Value,
    process_numbers::{DEFAULT_ROUNDS, ProcessNumbers},
};

use crate::{
    call::Call,
    codec::packed,
    error::Error,
    invocation::Invoker,
    proto::{ProcessNumbersRequest, ProcessNumbersResponse},
};

/// Time to unpack, process and pack one number.
const TIME_PER_NUMBER: Duration = Duration::from_nanos(10);

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    request: ProcessNumbersRequest,
) -> Result<ProcessNumbersResponse, Error> {
    let rounds = request.rounds.unwrap_or(DEFAULT_ROUNDS);
    let name = ProcessNumbers.spec().name;
    call.note_kernel(name);
    match (request.packed_numbers, request.numbers) {
        (Some(packed), numbers) if numbers.is_empty() => {
            let count = packed.len() / packed::WIDTH;
            call.note_count(count);
            let job = move |context: &Context| {
                let numbers = packed::unpack("packed_numbers", &packed)?;
                Ok(packed::pack(&process(numbers, rounds, context)?))
            };
            let packed_results = invoker.execute(call, name, cost(count), job).await?;
            Ok(ProcessNumbersResponse {
                results: vec![],
                packed_results: Some(packed_results),
            })
        }
        (None, numbers) if !numbers.is_empty() => {
            let count = numbers.len();
            call.note_count(count);
            let job = move |context: &Context| Ok(process(numbers, rounds, context)?);
            Ok(ProcessNumbersResponse {
                results: invoker.execute(call, name, cost(count), job).await?,
                packed_results: None,
            })
        }
        (packed, _) => {
            let message = if packed.is_some() {
                "numbers and packed_numbers are both set; set one of them"
            } else {
                "numbers and packed_numbers are both empty; for an empty dataset set packed_numbers to no bytes"
            };
            Err(Error::field("numbers", "exactly_one", message))
        }
    }
}

/// Estimates how long `count` numbers take on one core, with their way in and out.
pub(super) fn cost(count: usize) -> Duration {
    TIME_PER_NUMBER * u32::try_from(count).unwrap_or(u32::MAX)
}

/// Runs the kernel on `numbers`, and returns what it made of them.
pub(super) fn process(
    numbers: Vec<i64>,
    rounds: u32,
    context: &Context,
) -> Result<Vec<i64>, KernelError> {
    let named = [
        ("numbers", Value::Int64Vector(numbers)),
        ("rounds", Value::Int64(rounds.into())),
    ];
    let arguments = Arguments::bind(ProcessNumbers.spec(), named)?;
    let results = ProcessNumbers.run(arguments, context)?;
    match <[Value; 2]>::try_from(results) {
        Ok([_, Value::Int64Vector(processed)]) => Ok(processed),
        other => unreachable!("process_numbers gives a count and a vector, not {other:?}"),
    }
}
