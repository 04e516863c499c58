//! The statistics: what is kept of neighbouring elements, and how that is joined.

/// What is kept of neighbouring elements for one statistic: `N` numbers.
///
/// Elements are pushed to a *running* state, one by one. Once it is *settled*, it can be joined to others.
pub(super) trait Aggregate<const N: usize>: Send + Sync {
    /// The running state of no elements.
    const EMPTY: [f64; N];

    /// Returns what is pushed for an element; `origin` is an element of every window that the state becomes part of.
    #[inline(always)]
    fn value(x: f64, origin: f64) -> f64 {
        let _ = origin;
        x
    }

    /// Adds a value. `weight` is [`weight`] of the count of values with it.
    fn push(state: [f64; N], value: f64, count: f64, weight: f64) -> [f64; N];

    /// Settles a running state, given the inverse of its count.
    #[inline(always)]
    fn settle(state: [f64; N], inverse: f64) -> [f64; N] {
        let _ = inverse;
        state
    }

    /// Moves a settled state to another origin, `by` less than its own.
    #[inline(always)]
    fn shift(state: [f64; N], by: f64) -> [f64; N] {
        let _ = by;
        state
    }

    /// Joins settled states of the same origin.
    fn join(a: [f64; N], b: [f64; N], proportions: Proportions) -> [f64; N];

    /// Returns the statistic of a window.
    fn finish(state: [f64; N], length: f64) -> f64;
}

/// How two joined parts of a and b elements compare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proportions {
    /// b / (a + b).
    pub(super) share: f64,
    /// a · b / (a + b).
    pub(super) spread: f64,
}

// === impl Proportions ===

impl Proportions {
    pub(super) fn new(a: usize, b: usize) -> Self {
        let (a, b) = (a as f64, b as f64);
        let share = b / (a + b);
        Self {
            share,
            spread: a * share,
        }
    }
}

/// Returns 1 / (count · (count − 1)), or 0 for the first element, which adds nothing to the deviations.
const fn weight(count: usize) -> f64 {
    match count {
        0 | 1 => 0.0,
        _ => 1.0 / (count as f64 * (count - 1) as f64),
    }
}

/// Returns [`weight`] of every count below N.
pub(super) const fn weights<const N: usize>() -> [f64; N] {
    let mut weights = [0.0; N];
    let mut count = 0;
    while count < N {
        weights[count] = weight(count);
        count += 1;
    }
    weights
}

/// The sum.
#[derive(Debug)]
pub(super) struct Sum;

/// The mean: the sum until the end.
#[derive(Debug)]
pub(super) struct Mean;

/// The least element.
#[derive(Debug)]
pub(super) struct Least;

/// The greatest element.
#[derive(Debug)]
pub(super) struct Greatest;

/// The sample standard deviation: the sum (settled: the mean) of x − origin, and the sum of squared deviations.
///
/// As each window contains the origin, no difference from it is greater than the range of the window.
#[derive(Debug)]
pub(super) struct Deviation;

macro_rules! associative {
    ($($aggregate:ty, $empty:expr, $join:expr, $finish:expr;)*) => {$(
        impl Aggregate<1> for $aggregate {
            const EMPTY: [f64; 1] = [$empty];

            #[inline(always)]
            fn push([state]: [f64; 1], value: f64, _count: f64, _weight: f64) -> [f64; 1] {
                [$join(state, value)]
            }

            #[inline(always)]
            fn join([a]: [f64; 1], [b]: [f64; 1], _proportions: Proportions) -> [f64; 1] {
                [$join(a, b)]
            }

            #[inline(always)]
            fn finish([state]: [f64; 1], length: f64) -> f64 {
                $finish(state, length)
            }
        }
    )*};
}

associative! {
    Sum, 0.0, sum, alone;
    Mean, 0.0, sum, quotient;
    Least, f64::INFINITY, least, alone;
    Greatest, f64::NEG_INFINITY, greatest, alone;
}

#[inline(always)]
fn sum(a: f64, b: f64) -> f64 {
    a + b
}

/// Returns the lesser number, or NaN if one is: a comparison with NaN is false, so NaN of `a` stays.
#[inline(always)]
fn least(a: f64, b: f64) -> f64 {
    let least = if b < a { b } else { a };
    if b.is_nan() { b } else { least }
}

/// Returns the greater number, or NaN if one is.
#[inline(always)]
fn greatest(a: f64, b: f64) -> f64 {
    let greatest = if b > a { b } else { a };
    if b.is_nan() { b } else { greatest }
}

#[inline(always)]
fn alone(state: f64, _length: f64) -> f64 {
    state
}

#[inline(always)]
fn quotient(state: f64, length: f64) -> f64 {
    state / length
}

impl Aggregate<2> for Deviation {
    const EMPTY: [f64; 2] = [0.0; 2];

    #[inline(always)]
    fn value(x: f64, origin: f64) -> f64 {
        x - origin
    }

    #[inline(always)]
    fn push([sum, squares]: [f64; 2], value: f64, count: f64, weight: f64) -> [f64; 2] {
        let sum = sum + value;
        let difference = count * value - sum;
        [sum, squares + difference * difference * weight]
    }

    #[inline(always)]
    fn settle([sum, squares]: [f64; 2], inverse: f64) -> [f64; 2] {
        [sum * inverse, squares]
    }

    #[inline(always)]
    fn shift([mean, squares]: [f64; 2], by: f64) -> [f64; 2] {
        [mean + by, squares]
    }

    #[inline(always)]
    fn join(a: [f64; 2], b: [f64; 2], proportions: Proportions) -> [f64; 2] {
        let shift = b[0] - a[0];
        [
            a[0] + shift * proportions.share,
            a[1] + b[1] + shift * shift * proportions.spread,
        ]
    }

    #[inline(always)]
    fn finish([_, squares]: [f64; 2], length: f64) -> f64 {
        (squares / (length - 1.0)).sqrt()
    }
}
