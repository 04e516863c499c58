//! `rolling`: a statistic of every window of a series.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*};

/// Results that one job computes, where windows are shorter.
const JOB: usize = 1 << 14;
/// Elements between two polls of the context, where windows are longer.
const POLL: usize = 1 << 15;
/// Nanoseconds for each element.
const TIME_PER_ELEMENT: usize = 12;

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
/// maximum or the sum of `x[i]`, …, `x[i + window − 1]`; so y has n − `window` + 1 elements. NaN in x makes NaN of exactly
/// the windows that hold it; so does infinity for the standard deviation.
///
/// By the algorithm of van Herk (1992) and of Gil and Werman (1993): a window is the end of one block of `window`
/// elements and the beginning of the next, and both are known from one pass over each. Nothing is ever subtracted,
/// so no error is carried from window to window; means and deviations are updated and joined by the formulas of
/// Welford (1962) and of Chan, Golub and LeVeque (1979). The result is the same on any number of threads. Takes time
/// in n, whatever the window.
#[kernel(
    cost_ns = TIME_PER_ELEMENT * x.len(),
    memory = 8 * x.len() + 16 * (x.len().min(window.unsigned_abs() as usize) + JOB) * 2,
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
    let length = usize::try_from(window).unwrap_or(usize::MAX);
    if length > x.len() {
        let message = format!(
            "the window of {window} is longer than the series of {}",
            x.len()
        );
        return Err(KernelError::argument("window", message));
    }
    Ok(match statistic {
        Statistic::Mean => windows::<Mean>(cx, x, length)?,
        Statistic::Std => windows::<Deviation>(cx, x, length)?,
        Statistic::Min => windows::<Minimum>(cx, x, length)?,
        Statistic::Max => windows::<Maximum>(cx, x, length)?,
        Statistic::Sum => windows::<Sum>(cx, x, length)?,
    })
}

/// What is known of some neighbours, and how it is found out.
trait Summary: Copy + Send {
    /// Of one number.
    fn of(x: f64) -> Self;

    /// With one more number, the `count`th.
    fn push(self, x: f64, count: usize) -> Self;

    /// Of two neighbouring parts, of so many numbers.
    fn join(self, count: usize, other: Self, other_count: usize) -> Self;

    /// The statistic, for so many numbers.
    fn value(self, count: usize) -> f64;
}

fn windows<S: Summary>(cx: &Context, x: &[f64], window: usize) -> Result<Vec<f64>, Stopped> {
    let mut results = vec![0.0; x.len() - window + 1];
    // Whole blocks of the algorithm, and so the same ones on any number of threads.
    let job = window * (JOB / window).max(1);
    results
        .par_chunks_mut(job)
        .enumerate()
        .try_for_each(|(index, results)| {
            let mut ends: Vec<S> = Vec::with_capacity(window);
            for (block, results) in results.chunks_mut(window).enumerate() {
                let start = index * job + block * window;
                let (first, second) = x[start..].split_at(window);
                if block * window % JOB < window {
                    cx.check()?;
                }
                fill_ends(cx, first, &mut ends)?;
                fill_results(cx, &ends, second, results)?;
            }
            Ok(())
        })?;
    Ok(results)
}

/// Summarises every end of a block, the shortest first.
fn fill_ends<S: Summary>(cx: &Context, block: &[f64], ends: &mut Vec<S>) -> Result<(), Stopped> {
    ends.clear();
    let mut summary = S::of(block[block.len() - 1]);
    ends.push(summary);
    for x in block.iter().rev().skip(1) {
        if ends.len().is_multiple_of(POLL) {
            cx.check()?;
        }
        summary = summary.push(*x, ends.len() + 1);
        ends.push(summary);
    }
    Ok(())
}

/// Joins each end of a block with the beginning of the next.
fn fill_results<S: Summary>(
    cx: &Context,
    ends: &[S],
    next: &[f64],
    results: &mut [f64],
) -> Result<(), Stopped> {
    let window = ends.len();
    results[0] = ends[window - 1].value(window);
    let mut beginning = None;
    for (count, (result, x)) in (1..).zip(results[1..].iter_mut().zip(next)) {
        if count % POLL == 0 {
            cx.check()?;
        }
        let summary = beginning.map_or_else(|| S::of(*x), |known: S| known.push(*x, count));
        beginning = Some(summary);
        let end = ends[window - count - 1];
        *result = end.join(window - count, summary, count).value(window);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Sum(f64);

#[derive(Clone, Copy)]
struct Mean(f64);

#[derive(Clone, Copy)]
struct Minimum(f64);

#[derive(Clone, Copy)]
struct Maximum(f64);

/// The mean, and the sum of the squares of what numbers differ from it.
#[derive(Clone, Copy)]
struct Deviation {
    mean: f64,
    squares: f64,
}

/// What is common to statistics whose parts are joined as single numbers are.
macro_rules! simple {
    ($summary:ident, |$a:ident, $b:ident| $join:expr, |$all:ident, $count:ident| $value:expr) => {
        impl Summary for $summary {
            fn of(x: f64) -> Self {
                Self(x)
            }

            fn push(self, x: f64, _: usize) -> Self {
                let ($a, $b) = (self.0, x);
                Self($join)
            }

            fn join(self, _: usize, other: Self, count: usize) -> Self {
                self.push(other.0, count)
            }

            fn value(self, $count: usize) -> f64 {
                let _ = $count;
                let $all = self.0;
                $value
            }
        }
    };
}

simple!(Sum, |a, b| a + b, |all, count| all);
simple!(Mean, |a, b| a + b, |all, count| all / count as f64);
// NaN is neither less nor greater, and wins all the same.
simple!(
    Minimum,
    |a, b| if a < b || a.is_nan() { a } else { b },
    |all, count| all
);
simple!(
    Maximum,
    |a, b| if a > b || a.is_nan() { a } else { b },
    |all, count| all
);

// === impl Deviation ===

impl Summary for Deviation {
    fn of(x: f64) -> Self {
        Self {
            mean: x,
            // Zero, or NaN for infinity and NaN.
            squares: x * 0.0,
        }
    }

    fn push(self, x: f64, count: usize) -> Self {
        let difference = x - self.mean;
        let mean = self.mean + difference * (1.0 / count as f64);
        Self {
            mean,
            squares: self.squares + difference * (x - mean),
        }
    }

    fn join(self, count: usize, other: Self, other_count: usize) -> Self {
        let (a, b) = (count as f64, other_count as f64);
        let difference = other.mean - self.mean;
        let share = b / (a + b);
        Self {
            mean: self.mean + difference * share,
            squares: self.squares + other.squares + difference * difference * a * share,
        }
    }

    fn value(self, count: usize) -> f64 {
        (self.squares / (count as f64 - 1.0)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    const ALL: [Statistic; 5] = [
        Statistic::Mean,
        Statistic::Std,
        Statistic::Min,
        Statistic::Max,
        Statistic::Sum,
    ];

    fn rolled(x: &[f64], window: i64, statistic: Statistic) -> Vec<f64> {
        rolling(&Context::default(), x, window, statistic).expect("the window fits")
    }

    /// Computes a statistic of one window by its definition.
    fn literal(window: &[f64], statistic: Statistic) -> f64 {
        let n = window.len() as f64;
        let sum: f64 = window.iter().sum();
        let least = |a: f64, b: f64| if b < a || b.is_nan() { b } else { a };
        match statistic {
            Statistic::Sum => sum,
            Statistic::Mean => sum / n,
            Statistic::Min => window.iter().copied().reduce(least).expect("an element"),
            Statistic::Max => -window.iter().map(|x| -x).reduce(least).expect("an element"),
            Statistic::Std => {
                let squares: f64 = window.iter().map(|x| (x - sum / n).powi(2)).sum();
                (squares / (n - 1.0)).sqrt()
            }
        }
    }

    #[test]
    fn computes_what_is_known() {
        let x = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(rolled(&x, 2, Statistic::Mean), [1.5, 3.0, 6.0]);
        assert_eq!(rolled(&x, 3, Statistic::Sum), [7.0, 14.0]);
        assert_eq!(rolled(&x, 4, Statistic::Max), [8.0]);
        assert_eq!(rolled(&x, 1, Statistic::Min), x);
        assert!(rolled(&x, 1, Statistic::Std).iter().all(|y| y.is_nan()));
        assert_eq!(rolled(&[1.0, 3.0], 2, Statistic::Std), [2.0_f64.sqrt()]);
    }

    #[test]
    fn keeps_nan_to_the_windows_that_hold_it() {
        let mut x = vec![1.0; 50];
        x[20] = f64::NAN;
        for statistic in ALL {
            let y = rolled(&x, 7, statistic);
            for (i, y) in y.iter().enumerate() {
                assert_eq!(y.is_nan(), (14..=20).contains(&i), "{statistic:?} at {i}");
            }
        }
    }

    #[test]
    fn keeps_the_digits_of_small_deviations_far_from_zero() {
        let x: Vec<f64> = (0..5000)
            .map(|i| 1e9 * f64::from(i / 2500) + f64::from(i % 3))
            .collect();
        let y = rolled(&x, 30, Statistic::Std);
        let expected = literal(&x[4000..4030], Statistic::Std);
        assert!(
            (y[4000] - expected).abs() < 1e-6,
            "{} is not {expected}",
            y[4000]
        );
        let expected = literal(&x[2600..2630], Statistic::Std);
        assert!(
            (y[2600] - expected).abs() < 1e-6,
            "{} is not {expected}",
            y[2600]
        );
    }

    #[test]
    fn refuses_a_window_that_is_too_long() {
        let refused = rolling(&Context::default(), &[1.0; 3], 4, Statistic::Sum).expect_err("4");
        let message = "window: the window of 4 is longer than the series of 3";
        assert_eq!(refused.to_string(), message);
        assert!(rolling(&Context::default(), &[], 1, Statistic::Sum).is_err());
        assert!(rolling(&Context::default(), &[], i64::MAX, Statistic::Sum).is_err());
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let x: Vec<f64> = (0..100_000).map(|i| (f64::from(i) * 0.37).sin()).collect();
        for window in [2, 1000, 40_000] {
            let on_threads = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool")
                    .install(|| rolled(&x, window, Statistic::Std))
            };
            assert!(on_threads(1) == on_threads(4), "{window}");
        }
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        let stopped = rolling(&context, &[1.0], 1, Statistic::Sum);
        assert_eq!(stopped, Err(KernelError::Stopped(Stopped)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            x in proptest::collection::vec(-10.0..10.0_f64, 1..100),
            window in 1_usize..100,
        ) {
            let window = window.min(x.len());
            for statistic in ALL {
                let y = rolled(&x, window as i64, statistic);
                prop_assert_eq!(y.len(), x.len() - window + 1);
                for (y, window) in y.iter().zip(x.windows(window)) {
                    let expected = literal(window, statistic);
                    let same = (y - expected).abs() < 1e-9 || (y.is_nan() && expected.is_nan());
                    prop_assert!(same, "{statistic:?}: {y} is not {expected}");
                }
            }
        }
    }
}
