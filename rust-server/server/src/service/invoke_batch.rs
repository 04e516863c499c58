//! `InvokeBatch`: many tiny calls of any kernels in one message.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use offgil_kernels::{Arguments, Context};
use tonic::Status;

use crate::{
    call::Call,
    codec::arrays,
    error::{Error, GivenUp},
    invocation::Invoker,
    proto::{
        InvokeBatchRequest, InvokeBatchResponse, InvokeOutcome, InvokeRequest, InvokeResponse,
        invoke_outcome::Outcome,
    },
};

/// The most calls in one batch.
const MAX_CALLS: usize = 1024;
/// A call that takes longer than this is not tiny.
const TINY: Duration = Duration::from_micros(20);
/// Time for a call that is tiny, with its way in and out: a first guess, since only its arguments tell.
const TIME_PER_CALL: Duration = Duration::from_micros(2);
/// What the log has in the place of a kernel.
const NAME: &str = "batch";

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    InvokeBatchRequest { calls }: InvokeBatchRequest,
) -> Result<InvokeBatchResponse, Error> {
    call.note_kernel(NAME);
    call.note_count(calls.len());
    if calls.len() > MAX_CALLS {
        let message = format!("a batch has at most {MAX_CALLS} calls, not {}", calls.len());
        return Err(Error::field("calls", "too_long", message));
    }
    let cost = TIME_PER_CALL * u32::try_from(calls.len()).unwrap_or(u32::MAX);
    let job = {
        let (invoker, of_job) = (invoker.clone(), call.clone());
        move |context: &Context| {
            let mut outcomes = Vec::with_capacity(calls.len());
            for request in calls {
                context.check()?;
                let outcome = Some(outcome(&invoker, &of_job, request, context));
                outcomes.push(InvokeOutcome { outcome });
            }
            Ok(outcomes)
        }
    };
    let outcomes = invoker.execute(call, NAME, cost, job).await?;
    Ok(InvokeBatchResponse { outcomes })
}

fn outcome(invoker: &Invoker, call: &Call, request: InvokeRequest, context: &Context) -> Outcome {
    let name = request.kernel.clone();
    let made = catch_unwind(AssertUnwindSafe(|| make(invoker, call, request, context)));
    let made = made.unwrap_or_else(|_payload| {
        Err(Error::Panicked {
            what: format!("kernel {name}"),
            kernel: true,
        })
    });
    match made {
        Ok(Some(response)) => Outcome::Response(response),
        Ok(None) => Outcome::Declined(true),
        Err(error) => Outcome::Status(Status::from(error).details().to_vec().into()),
    }
}

/// Makes a call; returns nothing if it is not tiny.
fn make(
    invoker: &Invoker,
    call: &Call,
    InvokeRequest { kernel, arguments }: InvokeRequest,
    context: &Context,
) -> Result<Option<InvokeResponse>, Error> {
    let kernel = invoker.kernel(&kernel)?;
    let spec = kernel.spec();
    let arguments = Arguments::bind(spec, arrays::read(arguments)?)?;
    if !kernel.states_cost() || kernel.cost(&arguments) > TINY {
        return Ok(None);
    }
    let memory = kernel.memory(&arguments);
    invoker.check_memory(memory, spec, &arguments)?;
    // In the middle of a job there is no waiting for the half for results. Within the limit of a call.
    call.holding().take(memory as usize)?;
    let mut timing = invoker.statistics().begin(call, spec.name);
    let began = Instant::now();
    let results = kernel.run(arguments, context);
    timing.infer = began.elapsed();
    let results = results.map_err(|error| Error::from_kernel(error, GivenUp::Cancelled))?;
    timing.succeed();
    let named = spec.results.iter().zip(results);
    let results = named.map(|(result, value)| arrays::write(result.name, value));
    Ok(Some(InvokeResponse {
        results: results.collect(),
    }))
}
