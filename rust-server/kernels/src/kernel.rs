//! The trait of all kernels, which `#[kernel]` implements for a function.

use std::time::Duration;

use crate::{
    arguments::Arguments, context::Context, error::KernelError, spec::KernelSpec, value::Value,
};

/// A pure compute function with a description of itself.
///
/// The same arguments always give the same results, on any number of threads. A kernel may spread
/// its work over the rayon pool that it is called in.
pub trait Kernel: Send + Sync {
    /// Returns the description of this kernel.
    fn spec(&self) -> &'static KernelSpec;

    /// Estimates how long a call takes on one core.
    ///
    /// The estimate chooses where the call runs and how it is charged; a factor of two either way
    /// does no harm.
    fn cost(&self, arguments: &Arguments) -> Duration {
        default_cost(arguments)
    }

    /// Returns whether [`cost`](Self::cost) is this kernel's own, so that tiny calls of it may run one after the other
    /// in a batch.
    fn states_cost(&self) -> bool {
        false
    }

    /// Estimates the bytes that a call takes for its results and on the way to them, beside its arguments.
    ///
    /// A call whose estimate is over the limit of the server is refused before it starts, so this is the
    /// protection against arguments that ask for too much.
    fn memory(&self, arguments: &Arguments) -> u64 {
        default_memory(arguments)
    }

    /// Computes the results, in the order of [`KernelSpec::results`].
    ///
    /// # Errors
    ///
    /// [`KernelError::Argument`] if it refuses an argument, [`KernelError::OutOfRange`] if an exact result
    /// does not fit its type, [`KernelError::Failed`] if something else went wrong, and
    /// [`KernelError::Stopped`] if `context` asked to stop.
    fn run(&self, arguments: Arguments, context: &Context) -> Result<Vec<Value>, KernelError>;
}

/// Returns the estimate for a kernel that gives none: a few passes over its arguments.
fn default_cost(arguments: &Arguments) -> Duration {
    const OF_CALL: Duration = Duration::from_micros(1);
    const OF_ELEMENT: u64 = 10;
    OF_CALL + Duration::from_nanos(OF_ELEMENT.saturating_mul(arguments.element_count() as u64))
}

/// Returns the estimate for a kernel that gives none: results as large as the arguments, and a copy.
fn default_memory(arguments: &Arguments) -> u64 {
    2 * arguments.byte_count() as u64
}
