//! Loops at the width of this processor's vectors.

use std::sync::LazyLock;

static INSTRUCTIONS: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Runs a function compiled for the widest vector instructions of this processor.
///
/// Only what is inlined into the function is compiled so: the function itself, a closure too, and what it calls must
/// be `#[inline(always)]`. Results have
/// the same bits on any processor, because the compiler neither reorders nor fuses operations on floats: a sum that
/// should be vectorised is written as several partial sums.
#[inline(always)]
pub(crate) fn vectorize<R>(function: impl FnOnce() -> R) -> R {
    INSTRUCTIONS.dispatch(function)
}
