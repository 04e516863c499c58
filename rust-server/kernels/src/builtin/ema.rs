//! `ema`: the exponential moving average.

use crate::prelude::*;

/// Exponential moving average: `y[0] = x[0]`, `y[i] = alpha·x[i] + (1 − alpha)·y[i−1]`.
#[kernel(example = r#"{"x": [1.0, 2.0, 4.0], "alpha": 0.5}"#)]
pub fn ema(
    /// The series, in order of time.
    x: &[f64],
    /// The weight of the newest element, from 0 to 1.
    #[arg(default = 0.3, min = 0.0, max = 1.0)]
    alpha: f64,
) -> Result<Vec<f64>, KernelError> {
    let mut last = None;
    let smooth = |x: &f64| {
        let y = last.map_or(*x, |last: f64| alpha * x + (1.0 - alpha) * last);
        last = Some(y);
        y
    };
    Ok(x.iter().map(smooth).collect())
}
