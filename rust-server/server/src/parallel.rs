//! Many parts of one job at once, on the pool that the job runs on.

use rayon::prelude::*;

/// Returns whether `step` succeeds for all parts; once it failed for one, others may be left out.
pub fn all<T: Send>(parts: Vec<T>, step: impl Fn(T) -> bool + Send + Sync) -> bool {
    parts.into_par_iter().all(step)
}

/// Returns what `step` makes of each part, in order.
pub fn map<T: Send, R: Send>(parts: Vec<T>, step: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    parts.into_par_iter().map(step).collect()
}
