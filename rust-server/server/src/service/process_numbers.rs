//! `ProcessNumbers`: the numbers of one message.

use std::time::Duration;

use bytes::Bytes;
use offgil_kernels::{
    ArgumentFault, Buffer, Context, Kernel, KernelError, Literal,
    builtin::process_numbers::{DEFAULT_ROUNDS, MAX_ROUNDS, ProcessNumbers, process_numbers},
};

use crate::{
    call::Call,
    error::Error,
    invocation::{Invoker, JobError, timed},
    proto::{ProcessNumbersRequest, ProcessNumbersResponse},
};

/// Bytes of one packed number.
pub(super) const WIDTH: usize = 8;
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
            let packed_len = packed.len();
            let count = packed_len / WIDTH;
            call.note_count(count);
            let job = move |context: &Context| process_packed(packed, rounds, context);
            call.holding().take_for_results(packed_len).await?;
            let packed_results = invoker
                .execute(call, name, cost(count), timed(call, job))
                .await?;
            Ok(ProcessNumbersResponse {
                results: vec![],
                packed_results: Some(packed_results),
            })
        }
        (None, numbers) if !numbers.is_empty() => {
            let count = numbers.len();
            call.note_count(count);
            // The numbers, and their results in place.
            call.holding().take_for_results(count * WIDTH).await?;
            let job = move |context: &Context| Ok(process(numbers, rounds, context)?);
            Ok(ProcessNumbersResponse {
                results: invoker
                    .execute(call, name, cost(count), timed(call, job))
                    .await?,
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

/// Runs the kernel on packed numbers, and packs what it made of them.
pub(super) fn process_packed(
    packed: Bytes,
    rounds: u32,
    context: &Context,
) -> Result<Bytes, JobError> {
    let numbers = Buffer::<i64>::from_bytes(packed);
    let mut numbers = numbers
        .map_err(|fault| Error::field("packed_numbers", "bytes_length", fault.to_string()))?;
    let processed = process(numbers.take(), rounds, context)?;
    Ok(Buffer::Owned(processed).into_bytes())
}

/// Runs the kernel on `numbers`, and returns what it made of them.
fn process(numbers: Vec<i64>, rounds: u32, context: &Context) -> Result<Vec<i64>, KernelError> {
    if rounds > MAX_ROUNDS {
        let maximum = Literal::Int(MAX_ROUNDS.into());
        return Err(ArgumentFault::TooLarge { maximum }.at("rounds").into());
    }
    Ok(process_numbers(context, numbers, rounds.into())?.processed_result)
}
