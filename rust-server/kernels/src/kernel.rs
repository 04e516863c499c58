//! The trait of all kernels.

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
    fn cost(&self, arguments: &Arguments) -> Duration;

    /// Computes the results, in the order of [`KernelSpec::results`].
    ///
    /// # Errors
    ///
    /// [`KernelError::OutOfRange`] if an exact result does not fit its type, and
    /// [`KernelError::Stopped`] if `context` asked to stop.
    fn run(&self, arguments: Arguments, context: &Context) -> Result<Vec<Value>, KernelError>;
}
