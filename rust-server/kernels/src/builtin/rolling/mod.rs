//! `rolling`: a statistic of every complete window of a series.
//!
//! * [`aggregate`] defines the statistics: how neighbouring elements are joined.
//! * [`short`] computes each short window for itself, many windows at once.
//! * [`long`] computes long windows from the parts that they share.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*, room::room, vectorize::vectorize};

mod aggregate;
mod long;
mod short;
#[cfg(test)]
mod tests;

use aggregate::{Aggregate, Deviation, Greatest, Least, Mean, Sum};
use long::Plan;

/// The longest window that is computed for itself.
const SHORT: usize = 16;
/// Results between two polls of the context, at least: some tens of microseconds of work.
const CHUNK: usize = 16 * 1024;

/// What is computed of every window.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The arithmetic mean.
    Mean,
    /// The sample standard deviation.
    Std,
    /// The least number.
    Min,
    /// The greatest number.
    Max,
    /// The sum.
    Sum,
}

/// A statistic of every complete window of a series.
///
/// `y[i]` is the mean, the sample standard deviation (divisor `window` − 1, NaN for a window of one), the minimum, the
/// maximum or the sum of `x[i]`, …, `x[i + window − 1]`; so y has n − `window` + 1 elements.
///
/// NaN in x makes NaN of exactly the windows that hold it. An infinity is the sum and the mean of the windows that
/// hold it (NaN where both infinities meet), and makes their standard deviation NaN. Sums over the greatest float are
/// infinite, and so, or NaN, is the standard deviation of numbers beyond 1e150. That of equal numbers is exactly 0.
///
/// A window is the end of one block, whole blocks, and the beginning of another, as in the algorithm of van Herk
/// (1992) and of Gil and Werman (1993); a block has at most 1024 elements. Nothing is ever subtracted from a total,
/// so no error is carried from window to window; deviations are updated and joined by the formulas of Youngs and
/// Cramer (1971) and of Chan, Golub and LeVeque (1979). The result is the same on any number of threads. Takes time
/// in n, whatever the window.
#[kernel(
    cost_ns = 2000.0 + 5.0 * x.len() as f64,
    memory = (x.len() as u64).saturating_mul(9).saturating_add(65_536),
    example = r#"{"x": [1.0, 2.0, 4.0, 8.0], "window": 2, "statistic": "mean"}"#
)]
pub fn rolling(
    cx: &Context,
    /// The series, n numbers.
    x: &[f64],
    /// The length of a window, from 1 to n.
    #[arg(min = 1)]
    window: i64,
    /// What is computed of every window.
    #[arg(default = Statistic::Mean)]
    statistic: Statistic,
) -> Result<Vec<f64>, KernelError> {
    let length = match usize::try_from(window) {
        Ok(0) | Err(_) => {
            let message = format!("the window of {window} has no element");
            return Err(KernelError::argument("window", message));
        }
        Ok(length) if length > x.len() => {
            let message = format!(
                "the window of {window} is longer than the series of {}",
                x.len()
            );
            return Err(KernelError::argument("window", message));
        }
        Ok(length) => length,
    };
    Ok(match statistic {
        Statistic::Mean => windows::<1, Mean>(cx, x, length)?,
        Statistic::Std => windows::<2, Deviation>(cx, x, length)?,
        Statistic::Min => windows::<1, Least>(cx, x, length)?,
        Statistic::Max => windows::<1, Greatest>(cx, x, length)?,
        Statistic::Sum => windows::<1, Sum>(cx, x, length)?,
    })
}

/// Returns the statistic of every window of so many elements.
fn windows<const N: usize, A: Aggregate<N>>(
    cx: &Context,
    x: &[f64],
    length: usize,
) -> Result<Vec<f64>, Stopped> {
    cx.check()?;
    let mut y = room(cx, x.len() - length + 1)?;
    if length <= SHORT {
        let chunks = y.par_chunks_mut(CHUNK).enumerate();
        chunks.try_for_each(|(index, y)| {
            cx.check()?;
            let x = &x[index * CHUNK..][..y.len() + length - 1];
            vectorize(
                #[inline(always)]
                || short::fill::<N, A>(x, length, y),
            );
            Ok(())
        })?;
        return Ok(y);
    }
    let plan = Plan::<N, A>::new(cx, x, length)?;
    let blocks = CHUNK.div_ceil(plan.block());
    let chunks = y.par_chunks_mut(blocks * plan.block()).enumerate();
    chunks.try_for_each(|(index, y)| {
        cx.check()?;
        vectorize(
            #[inline(always)]
            || plan.fill(x, index * blocks, y),
        );
        Ok(())
    })?;
    Ok(y)
}
