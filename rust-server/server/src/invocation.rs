//! From a kernel and its arguments to results: admission, execution, and what went wrong.

use std::{sync::Arc, time::Duration};

use offgil_kernels::{Catalogue, Context, Kernel, KernelError, Stopped};

use crate::{
    admission::{Admission, Lane},
    call::Call,
    error::Error,
    executor::{Executor, Failure},
};

/// Runs kernels for calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Invoker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalogue: Catalogue,
    admission: Admission,
    executor: Executor,
}

/// Why a job gave no result: a kernel's reason, or one that the codec around it found.
#[derive(Debug)]
pub enum JobError {
    /// The kernel gave no result.
    Kernel(KernelError),
    /// The input or the output is at fault.
    Other(Error),
}

// === impl Invoker ===

impl Invoker {
    /// Brings a catalogue together with the means to run it.
    pub fn new(catalogue: Catalogue, admission: Admission, executor: Executor) -> Self {
        Self(Arc::new(Inner {
            catalogue,
            admission,
            executor,
        }))
    }

    /// Returns the kernels.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
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
                name: name.chars().take(64).collect(),
                known: known.join(", "),
            }
        })
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
        let permit = admission.admit(Lane::of(cost)).await?;
        let given_up = || executor.who_gave_up(call.deadline());
        match executor.run(permit, call.deadline(), job).await {
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
