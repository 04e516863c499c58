//! The mean and the spread of many payoffs, gathered block by block.

/// Sums that are kept side by side, so that they can be added with vector instructions in an order that is the same
/// on any processor.
const LANES: usize = 8;

/// The number, the mean, and the sum of the squared distances from the mean, of some payoffs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

// === impl Moments ===

impl Moments {
    /// Returns the moments of at least one payoff, in two passes: a sum of squares alone would cancel.
    #[inline(always)]
    pub(super) fn of(payoffs: &[f64]) -> Self {
        let count = payoffs.len() as f64;
        let mean = sum(payoffs, |payoff| payoff) / count;
        let squares = sum(payoffs, |payoff| (payoff - mean) * (payoff - mean));
        Self {
            count,
            mean,
            squares,
        }
    }

    pub(super) fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * (other.count / count),
            squares: self.squares
                + other.squares
                + distance * distance * (self.count * (other.count / count)),
        }
    }
}

/// Returns the sum of a function of each number.
#[inline(always)]
fn sum(numbers: &[f64], function: impl Fn(f64) -> f64) -> f64 {
    let (lines, rest) = numbers.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for line in lines {
        for (sum, number) in sums.iter_mut().zip(line) {
            *sum += function(*number);
        }
    }
    for (sum, number) in sums.iter_mut().zip(rest) {
        *sum += function(*number);
    }
    sums.into_iter().sum()
}
