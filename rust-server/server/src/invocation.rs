//! From a kernel and its arguments to results: admission, execution, and what went wrong.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use offgil_kernels::{
    Arguments, Catalogue, Context, Kernel, KernelError, KernelSpec, Stopped, Value, names,
};

use crate::{
    admission::Admission,
    call::{Call, Stage},
    error::Error,
    executor::{Executor, Failure},
    statistics::{Statistics, Timing},
};

/// Work that is done in less than this is not worth another thread.
const TIME_OF_HANDING_OVER: Duration = Duration::from_micros(10);
/// A number as text takes up to so many times the bytes that it has in memory.
const TEXT_FACTOR: usize = 2;
/// The longest name that an error repeats.
const LONGEST_NAME: usize = 64;

/// Runs kernels for calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Invoker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalogue: Catalogue,
    admission: Admission,
    executor: Executor,
    statistics: Statistics,
    max_call_memory: usize,
}

/// Why a job gave no result: a kernel's reason, or one that the codec around it found.
#[derive(Debug)]
pub enum JobError {
    /// The kernel gave no result.
    Kernel(KernelError),
    /// The input or the output is at fault.
    Other(Error),
}

/// A call of a kernel in some form of text or bytes.
pub struct Invocation<R, W> {
    /// The kernel.
    pub kernel: Arc<dyn Kernel>,
    /// How long reading the arguments takes on one core.
    pub cost_of_read: Duration,
    /// How long reading has taken already, of arguments that were read while they arrived.
    pub has_read_for: Duration,
    /// How long writing the results takes on one core, about.
    pub cost_of_write: Duration,
    /// Whether the results are written as text, which takes memory besides what the kernel returns.
    pub text: bool,
    /// Reads the arguments, and what the answer is to look like.
    pub read: R,
    /// Writes the results, in the form that `read` found out.
    pub write: W,
}

// === impl Invoker ===

impl Invoker {
    /// Brings a catalogue together with the means to run it; a call takes at most so many bytes of memory for
    /// its results and on the way to them.
    pub fn new(
        catalogue: Catalogue,
        admission: Admission,
        executor: Executor,
        max_call_memory: usize,
    ) -> Self {
        let statistics = Statistics::new(&catalogue);
        Self(Arc::new(Inner {
            catalogue,
            admission,
            executor,
            statistics,
            max_call_memory,
        }))
    }

    /// Returns the kernels.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Returns what runs and what waits.
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// Returns how often kernels ran, and how long they took.
    pub fn statistics(&self) -> &Statistics {
        &self.0.statistics
    }

    /// Returns the kernel of a name.
    ///
    /// # Errors
    ///
    /// [`Error::KernelNotFound`] if there is none.
    pub fn kernel(&self, name: &str) -> Result<Arc<dyn Kernel>, Error> {
        self.0.catalogue.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = self.0.catalogue.iter().map(|k| k.spec().name).collect();
            Error::KernelNotFound {
                name: name.chars().take(LONGEST_NAME).collect(),
                nearest: names::nearest(name, known.iter().copied()),
                known: known.join(", "),
            }
        })
    }

    /// Reads the arguments, runs the kernel and writes its results.
    ///
    /// Only the arguments tell what the kernel costs, so reading them is a job of its own.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchMemory`], and those of [`execute`](Self::execute).
    pub async fn invoke<F: Send + 'static, T: Send + 'static>(
        &self,
        call: &Call,
        invocation: Invocation<
            impl FnOnce() -> Result<(Arguments, F), Error> + Send + 'static,
            impl FnOnce(Vec<Value>, F) -> T + Send + 'static,
        >,
    ) -> Result<T, Error> {
        let Invocation {
            kernel,
            cost_of_read,
            has_read_for,
            cost_of_write,
            text,
            read,
            write,
        } = invocation;
        let spec = kernel.spec();
        call.note_kernel(spec.name);
        let mut timing = self.0.statistics.begin(call, spec.name);
        let read = {
            let kernel = Arc::clone(&kernel);
            move || {
                let began = Instant::now();
                let read = read().map(|(arguments, form)| {
                    // Some look at every element.
                    let needs = (kernel.memory(&arguments), kernel.cost(&arguments));
                    (arguments, form, needs)
                });
                (read, began.elapsed())
            }
        };
        let submitted = Instant::now();
        let job = move |_: &Context| Ok((submitted.elapsed(), read()));
        let (waited, (arguments, took)) =
            self.execute_own(call, spec.name, cost_of_read, job).await?;
        timing.queue += waited;
        timing.input = has_read_for + took;
        let (arguments, form, (memory, cost)) = arguments?;
        call.note_count(
            arguments
                .values()
                .iter()
                .map(Value::element_count)
                .max()
                .unwrap_or(0),
        );
        self.check_memory(memory, spec, &arguments)?;
        let submitted = Instant::now();
        let of_arguments = arguments.values().iter().map(Value::byte_count);
        // Arguments in the form of bytes are parts of the request; text may be shorter than what it stands for.
        let beyond = of_arguments
            .sum::<usize>()
            .saturating_sub(call.holding().of_request());
        call.holding().take(beyond)?;
        // Within the limit of a call, which a `usize` holds.
        let of_kernel = memory as usize;
        let of_text = if text { TEXT_FACTOR * of_kernel } else { 0 };
        let needed = of_kernel.saturating_add(of_text);
        let most = call.holding().budget().most_for_results();
        check_at_most(most, needed as u64, spec, &arguments)?;
        call.holding().take_for_results(needed).await?;
        let job = move |context: &Context| {
            timing.queue += submitted.elapsed();
            let write = |results| write(results, form);
            run(kernel.as_ref(), arguments, write, context, timing)
        };
        let cost = cost.saturating_add(cost_of_write);
        self.execute(call, spec.name, cost, job).await
    }

    /// Does work of the server's own, such as reading. What is done faster than handed over to another thread is
    /// done on the spot, and needs no permit since it never waits.
    ///
    /// Not for kernels: how long they take is only estimated, and a thread that serves connections must not be held.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn execute_own<T: Send + 'static>(
        &self,
        call: &Call,
        kernel: &'static str,
        cost: Duration,
        job: impl FnOnce(&Context) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, Error> {
        if cost > TIME_OF_HANDING_OVER {
            return self.execute(call, kernel, cost, job).await;
        }
        let done = self.0.executor.run_here(call.deadline(), job);
        self.outcome(call, kernel, done)
    }

    /// Runs a job: whatever of a call takes time, from decoding to encoding.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`], [`Error::GivenUp`], [`Error::Panicked`] and the errors of the job.
    pub async fn execute<T: Send + 'static>(
        &self,
        call: &Call,
        kernel: &'static str,
        cost: Duration,
        job: impl FnOnce(&Context) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, Error> {
        let Inner {
            admission,
            executor,
            ..
        } = &*self.0;
        let permit = admission.admit(cost, call.deadline()).await?;
        // The job holds what the call holds for as long as it runs, also when the caller has gone.
        let held = call.clone();
        let job = move |context: &Context| {
            let result = job(context);
            drop(held);
            result
        };
        let done = executor.run(permit, call.deadline(), job).await;
        self.outcome(call, kernel, done)
    }

    fn outcome<T>(
        &self,
        call: &Call,
        kernel: &'static str,
        done: Result<Result<T, JobError>, Failure>,
    ) -> Result<T, Error> {
        let given_up = || self.0.executor.who_gave_up(call.deadline());
        match done {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(JobError::Other(error))) => Err(error),
            Ok(Err(JobError::Kernel(error))) => Err(Error::from_kernel(error, given_up())),
            Err(Failure::Stopped) => Err(Error::GivenUp(given_up())),
            Err(Failure::Panicked) => Err(Error::Panicked {
                what: format!("kernel {kernel}"),
                kernel: true,
            }),
        }
    }

    /// Stops every job, now and from now on; their calls end as [`GivenUp::Draining`].
    ///
    /// [`GivenUp::Draining`]: crate::error::GivenUp::Draining
    pub fn stop(&self) {
        self.0.executor.stop();
    }

    /// Checks that a call may take so many bytes for its results and on the way to them.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchMemory`] if it may not.
    pub fn check_memory(
        &self,
        bytes: u64,
        spec: &KernelSpec,
        arguments: &Arguments,
    ) -> Result<(), Error> {
        check_at_most(self.0.max_call_memory, bytes, spec, arguments)
    }
}

/// Checks that a call takes at most so many bytes.
fn check_at_most(
    limit: usize,
    bytes: u64,
    spec: &KernelSpec,
    arguments: &Arguments,
) -> Result<(), Error> {
    if bytes <= limit as u64 {
        return Ok(());
    }
    Err(Error::TooMuchMemory {
        kernel: spec.name,
        field: arguments.largest(spec).unwrap_or_default(),
        bytes,
        limit,
    })
}

/// Returns a job, one that computes rather than reads or writes, that tells the call how long it waited from now on and
/// how long it took.
pub fn timed<T>(
    call: &Call,
    job: impl FnOnce(&Context) -> Result<T, JobError> + Send + 'static,
) -> impl FnOnce(&Context) -> Result<T, JobError> + Send + 'static {
    let submitted = Instant::now();
    let call = call.clone();
    move |context: &Context| {
        let began = Instant::now();
        call.spend(Stage::Queue, began - submitted);
        let result = job(context);
        call.spend(Stage::Compute, began.elapsed());
        result
    }
}

/// Runs a kernel on the thread of its job, and measures the parts.
fn run<T>(
    kernel: &dyn Kernel,
    arguments: Arguments,
    write: impl FnOnce(Vec<Value>) -> T,
    context: &Context,
    mut timing: Timing,
) -> Result<T, JobError> {
    let began = Instant::now();
    let results = kernel.run(arguments, context);
    timing.infer = began.elapsed();
    let results = results?;
    context.check()?;
    let began = Instant::now();
    let written = write(results);
    timing.output = began.elapsed();
    timing.succeed();
    Ok(written)
}

// === impl Invocation ===

impl<R, W> std::fmt::Debug for Invocation<R, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("kernel", &self.kernel.spec().name)
            .field("cost_of_read", &self.cost_of_read)
            .field("cost_of_write", &self.cost_of_write)
            .finish_non_exhaustive()
    }
}

// === impl JobError ===

impl From<KernelError> for JobError {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

impl From<Stopped> for JobError {
    fn from(stopped: Stopped) -> Self {
        Self::Kernel(stopped.into())
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
