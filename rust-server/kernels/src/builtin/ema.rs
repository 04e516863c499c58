//! `ema`: the exponential moving average.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*, room::room, vectorize::vectorize};

/// Elements that are averaged without a look at others, and between two polls of the context: some microseconds
/// of work.
const CHUNK: usize = 16 * 1024;
/// Elements that are averaged at once: y = x · (a triangular matrix) + (powers of 1 − alpha) · (the average so far).
const GROUP: usize = 8;
/// Partial sums in the average of a chunk.
const LANES: usize = 16;

/// Exponential moving average: `y[0] = x[0]`, `y[i] = alpha·x[i] + (1 − alpha)·y[i−1]`.
///
/// Each chunk of 16384 elements is first averaged for itself; what the elements before it add to its averages decays
/// with the powers of 1 − alpha, so it is known before they are computed: a scan in the sense of Blelloch (1990). The
/// results differ from those of the recurrence in its order by rounding only, and their bits do not depend on the
/// number of threads. An empty series gives an empty one. From the first NaN on all is NaN. Infinities, and elements
/// of at least 2¹⁰²³, are averaged in order, exactly as the recurrence does: an infinite average stays so until an
/// infinity of the other sign makes it NaN, with alpha = 1 until the next element (0 · ∞). Takes linear time.
#[kernel(
    cost_ns = 1000.0 + 1.5 * x.len() as f64,
    memory = (x.len() as u64).saturating_mul(9),
    example = r#"{"x": [1.0, 2.0, 4.0], "alpha": 0.5}"#
)]
pub fn ema(
    cx: &Context,
    /// The series, in order of time.
    x: &[f64],
    /// The weight of the newest element, from 0 to 1.
    #[arg(default = 0.3, min = 0.0, max = 1.0)]
    alpha: f64,
) -> Result<Vec<f64>, KernelError> {
    let Some((first, rest)) = x.split_first() else {
        return Ok(vec![]);
    };
    let average = Average::new(alpha);
    let summaries = rest.par_chunks(CHUNK).map(|chunk| {
        cx.check()?;
        Ok(vectorize(
            #[inline(always)]
            || average.summary(chunk),
        ))
    });
    let summaries: Vec<Summary> = summaries.collect::<Result<_, Stopped>>()?;
    let mut carry = *first;
    let mut carries = Vec::with_capacity(summaries.len());
    for (summary, chunk) in summaries.iter().zip(rest.chunks(CHUNK)) {
        cx.check()?;
        carries.push(carry);
        carry = average.after(carry, summary, chunk);
    }

    let mut y = room(cx, x.len())?;
    y[0] = *first;
    let chunks = y[1..].par_chunks_mut(CHUNK).zip(rest.par_chunks(CHUNK));
    chunks
        .zip(&summaries)
        .zip(&carries)
        .try_for_each(|(((y, x), summary), carry)| {
            cx.check()?;
            vectorize(
                #[inline(always)]
                || average.fill(y, x, *carry, summary),
            );
            Ok::<_, Stopped>(())
        })?;
    Ok(y)
}

/// A chunk, as the chunks after it see it.
#[derive(Clone, Copy, Debug)]
struct Summary {
    /// Its last average, if the average before it is 0.
    last: f64,
    /// Whether sums of all its elements with weights up to 1 are finite.
    is_tame: bool,
}

/// The recurrence, prepared.
#[derive(Debug)]
struct Average {
    alpha: f64,
    /// 1 − alpha, rounded as the recurrence does.
    decay: f64,
    /// `decay` to the power of 1, 2, … [`LANES`].
    powers: [f64; LANES],
    /// `decay` to the power of [`CHUNK`].
    chunk_power: f64,
    /// How much each element of a group adds to each average of it.
    columns: [[f64; GROUP]; GROUP],
}

// === impl Average ===

impl Average {
    fn new(alpha: f64) -> Self {
        let decay = 1.0 - alpha;
        let powers = std::array::from_fn(|index| power(decay, index + 1));
        let weight = |row: usize, column: usize| match row.checked_sub(column) {
            None => 0.0,
            Some(0) => alpha,
            Some(age) => alpha * powers[age - 1],
        };
        Self {
            alpha,
            decay,
            powers,
            chunk_power: power(decay, CHUNK),
            columns: std::array::from_fn(|column| std::array::from_fn(|row| weight(row, column))),
        }
    }

    #[inline(always)]
    fn step(&self, last: f64, x: f64) -> f64 {
        self.alpha * x + self.decay * last
    }

    #[inline(always)]
    fn summary(&self, chunk: &[f64]) -> Summary {
        let (rest, groups) = chunk.as_rchunks::<LANES>();
        let mut lanes = [0.0; LANES];
        lanes[LANES - 1] = rest.iter().fold(0.0, |last, x| self.step(last, *x));
        let mut wild = [false; LANES];
        let decay = self.powers[LANES - 1];
        for group in groups {
            for lane in 0..LANES {
                lanes[lane] = lanes[lane] * decay + self.alpha * group[lane];
                wild[lane] |= !is_tame(group[lane]);
            }
        }
        let weighted = (0..LANES - 1).map(|lane| lanes[lane] * self.powers[LANES - 2 - lane]);
        Summary {
            last: weighted.sum::<f64>() + lanes[LANES - 1],
            is_tame: !wild.contains(&true) && rest.iter().all(|x| is_tame(*x)),
        }
    }

    /// Returns the last average of a chunk. Unless it is the last chunk, it is as long as any.
    fn after(&self, carry: f64, summary: &Summary, chunk: &[f64]) -> f64 {
        if carry.is_nan() {
            carry
        } else if summary.is_tame && is_tame(carry) {
            summary.last + self.chunk_power * carry
        } else if summary.is_tame && carry.is_infinite() {
            self.step(carry, chunk[0])
        } else {
            chunk.iter().fold(carry, |last, x| self.step(last, *x))
        }
    }

    /// Computes the averages of a chunk.
    #[inline(always)]
    fn fill(&self, y: &mut [f64], x: &[f64], mut carry: f64, summary: &Summary) {
        if carry.is_nan() || (summary.is_tame && carry.is_infinite()) {
            // No finite element changes what is not finite, after the first has multiplied ∞ by decay.
            y.fill(self.step(carry, x[0]));
            return;
        }
        let is_tame = summary.is_tame && is_tame(carry);
        let ahead = if is_tame { x.len() / GROUP * GROUP } else { 0 };
        let groups = y
            .as_chunks_mut::<GROUP>()
            .0
            .iter_mut()
            .zip(x[..ahead].as_chunks().0);
        for (y, x) in groups {
            carry = self.fill_group(y, x, carry);
        }
        for (y, x) in y[ahead..].iter_mut().zip(&x[ahead..]) {
            carry = self.step(carry, *x);
            *y = carry;
        }
    }

    /// Computes the averages of a group, and returns the last.
    #[inline(always)]
    fn fill_group(&self, y: &mut [f64; GROUP], x: &[f64; GROUP], carry: f64) -> f64 {
        let mut local = [0.0; GROUP];
        for (column, x) in self.columns.iter().zip(x) {
            for row in 0..GROUP {
                local[row] += column[row] * x;
            }
        }
        for row in 0..GROUP {
            y[row] = local[row] + self.powers[row] * carry;
        }
        // Not read back from `y`: only this chain has to wait for the group before.
        local[GROUP - 1] + self.powers[GROUP - 1] * carry
    }
}

/// Returns whether a sum with weights up to 1 of such numbers is finite, however it is rounded.
#[inline(always)]
fn is_tame(x: f64) -> bool {
    x.abs() < f64::MAX / 2.0
}

/// Returns base to an integer power, rounded once or nearly so: its error grows with every chunk.
fn power(base: f64, exponent: usize) -> f64 {
    // Each number is the unevaluated sum of two.
    let product = |(a, b): (f64, f64), (c, d): (f64, f64)| {
        let high = a * c;
        let low = a.mul_add(c, -high) + (a * d + b * c);
        let sum = high + low;
        (sum, low - (sum - high))
    };
    let mut result = (1.0, 0.0);
    for bit in (0..usize::BITS).rev() {
        result = product(result, result);
        if exponent >> bit & 1 == 1 {
            result = product(result, (base, 0.0));
        }
    }
    result.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{any_float, bits, noise, on_threads, stopped};

    fn of(x: &[f64], alpha: f64) -> Vec<f64> {
        ema(&Context::default(), x, alpha).expect("nothing stops it")
    }

    /// The recurrence, as it is specified.
    fn literal(x: &[f64], alpha: f64) -> Vec<f64> {
        let mut last = None;
        let step = |x: &f64| {
            let y = last.map_or(*x, |last: f64| alpha * x + (1.0 - alpha) * last);
            last = Some(y);
            y
        };
        x.iter().map(step).collect()
    }

    fn assert_near(x: &[f64], alpha: f64) {
        let scale = x
            .iter()
            .filter(|x| x.is_finite())
            .fold(0.0, |scale: f64, x| scale.max(x.abs()));
        for (index, (y, expected)) in of(x, alpha).iter().zip(literal(x, alpha)).enumerate() {
            let is_near = if expected.is_finite() {
                (y - expected).abs() <= 1e-12 * scale
            } else {
                y.to_bits() == expected.to_bits() || (y.is_nan() && expected.is_nan())
            };
            assert!(is_near, "{y}, not {expected}, at {index}, alpha {alpha}");
        }
    }

    #[test]
    fn averages_a_series() {
        assert_eq!(of(&[1.0, 2.0, 4.0], 0.5), [1.0, 1.5, 2.75]);
        assert_eq!(of(&[], 0.5), Vec::<f64>::new());
        assert_eq!(of(&[7.0], 0.5), [7.0]);
    }

    #[test]
    fn keeps_the_first_or_the_last_at_the_ends_of_alpha() {
        let x = noise(50_000, 0.0);
        assert_eq!(of(&x, 0.0), vec![x[0]; x.len()]);
        assert_eq!(of(&x, 1.0), x);
    }

    #[test]
    fn agrees_with_the_recurrence_over_many_chunks() {
        for alpha in [1e-300, 1e-9, 1e-5, 0.001, 0.3, 0.5, 0.9, 1.0 - f64::EPSILON] {
            assert_near(&noise(100_003, 2.0), alpha);
        }
    }

    #[test]
    fn treats_what_is_not_finite_as_the_recurrence_does() {
        let specials = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
        ];
        for index in [0, 1, 5, CHUNK, CHUNK + 1, 2 * CHUNK + 7] {
            for special in specials {
                for alpha in [0.0, 0.3, 1.0] {
                    let mut x = noise(4 * CHUNK, 0.0);
                    x[index] = special;
                    assert_near(&x, alpha);
                    x[3 * CHUNK + 5] = f64::NEG_INFINITY;
                    assert_near(&x, alpha);
                }
            }
        }
    }

    #[test]
    fn stays_finite_where_the_recurrence_does() {
        assert_near(&vec![f64::MAX; 2 * CHUNK], 0.3);
        assert_near(&vec![f64::MIN_POSITIVE / 4.0; 2 * CHUNK], 0.3);
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let x = noise(200_001, 1.0);
        let on = |threads| bits(&on_threads(threads, || of(&x, 0.01)));
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn stops_when_asked() {
        assert_eq!(
            ema(&stopped(), &[1.0, 2.0], 0.3),
            Err(KernelError::Stopped(Stopped))
        );
    }

    #[test]
    fn raises_to_powers_exactly() {
        assert_eq!(power(0.5, 1000), 2.0_f64.powi(-1000));
        assert_eq!(power(3.0, 33), 5_559_060_566_555_523.0);
        assert_eq!(power(0.3, 0), 1.0);
        assert_eq!(power(0.0, 5), 0.0);
    }

    proptest! {
        #[test]
        fn agrees_with_the_recurrence(
            x in prop::collection::vec(any_float(), 0..100),
            alpha in 0.0..=1.0,
        ) {
            assert_near(&x, alpha);
        }
    }
}
