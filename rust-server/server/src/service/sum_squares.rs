//! `SumSquares` and `BatchSumSquares`.

use std::time::Duration;

use offgil_kernels::{
    Context, Kernel, KernelError,
    builtin::sum_squares::{SumSquares, exact_sum},
};

use crate::{
    call::Call,
    error::{Error, GivenUp},
    invocation::{Invoker, timed},
    proto::{
        BatchSumSquaresRequest, BatchSumSquaresResponse, CallError, SumSquaresOutcome,
        SumSquaresRequest, SumSquaresResponse, sum_squares_outcome::Outcome,
    },
};

/// The most pairs in one batch.
const MAX_PAIRS: usize = 100_000;
/// Time for one pair, with its outcome.
const TIME_PER_PAIR: Duration = Duration::from_nanos(50);
/// Pairs between two polls of the context.
const CHUNK: usize = 4096;

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    SumSquaresRequest { a, b }: SumSquaresRequest,
) -> Result<SumSquaresResponse, Error> {
    let name = SumSquares.spec().name;
    call.note_kernel(name);
    call.note_count(2);
    let job = move |_: &Context| Ok(exact_sum(a, b)?);
    let cost = TIME_PER_PAIR;
    let sum_of_squares = invoker
        .execute_own(call, name, cost, timed(call, job))
        .await?;
    Ok(SumSquaresResponse { sum_of_squares })
}

pub(super) async fn answer_batch(
    invoker: &Invoker,
    call: &Call,
    BatchSumSquaresRequest { pairs }: BatchSumSquaresRequest,
) -> Result<BatchSumSquaresResponse, Error> {
    let name = SumSquares.spec().name;
    call.note_kernel(name);
    let count = pairs.len();
    call.note_count(count);
    if count > MAX_PAIRS {
        let message = format!("a batch has at most {MAX_PAIRS} pairs, not {count}");
        return Err(Error::field("pairs", "too_long", message));
    }
    let cost = TIME_PER_PAIR * u32::try_from(count).unwrap_or(u32::MAX);
    let job = move |context: &Context| {
        let mut outcomes = Vec::with_capacity(count);
        for chunk in pairs.chunks(CHUNK) {
            context.check()?;
            outcomes.extend(chunk.iter().map(|pair| outcome(exact_sum(pair.a, pair.b))));
        }
        Ok(outcomes)
    };
    let bytes = count * size_of::<SumSquaresOutcome>();
    call.holding().take_for_results(bytes).await?;
    let outcomes = invoker
        .execute_own(call, name, cost, timed(call, job))
        .await?;
    Ok(BatchSumSquaresResponse { outcomes })
}

fn outcome(result: Result<i64, KernelError>) -> SumSquaresOutcome {
    let outcome = match result {
        Ok(sum) => Outcome::SumOfSquares(sum),
        Err(error) => {
            let error = Error::from_kernel(error, GivenUp::Cancelled);
            let (code, reason) = error.classify();
            Outcome::Error(CallError {
                code: code.into(),
                message: error.to_string(),
                reason: reason.into(),
            })
        }
    };
    SumSquaresOutcome {
        outcome: Some(outcome),
    }
}
