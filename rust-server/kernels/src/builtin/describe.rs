//! `describe`: count, mean, variance, skewness, kurtosis, minimum and maximum in one pass.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*, vectorize::vectorize};

/// Elements whose mean is computed before their deviations from it: few enough for the first-level cache.
const BLOCK: usize = 1024;
/// Elements between two polls of the context: some tens of microseconds of work.
const CHUNK: usize = 64 * BLOCK;
/// Partial sums of a block, which the compiler turns into vectors.
const LANES: usize = 16;

/// The results of [`describe`].
#[derive(Clone, Copy, Debug, Outputs, PartialEq)]
pub struct Description {
    /// How many elements there are, NaN included.
    pub count: i64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample variance, Σ(x − mean)² / (n − 1); NaN for fewer than two elements.
    pub variance: f64,
    /// The population skewness g₁ = m₃ / m₂^1.5 (not corrected for bias); NaN if all elements are equal.
    pub skew: f64,
    /// The population excess kurtosis g₂ = m₄ / m₂² − 3 (not corrected for bias); NaN if all elements are equal.
    pub kurtosis: f64,
    /// The least element.
    pub min: f64,
    /// The greatest element.
    pub max: f64,
}

/// Describes a sample: count, mean, variance, skewness, kurtosis, minimum and maximum.
///
/// With the central moments mₖ = Σ(x − mean)ᵏ / n, the variance is the sample's, m₂ · n / (n − 1); the skewness
/// g₁ = m₃ / m₂^1.5 and the excess kurtosis g₂ = m₄ / m₂² − 3 are those of the population, as in
/// `scipy.stats.skew` and `kurtosis` with `bias=True`. Both are NaN where m₂ ≤ (ε · mean)², ε = 2⁻⁵²: there the
/// deviations are nothing but rounding.
///
/// One pass: each block of 1024 elements is centred on its own mean, and the moments of blocks are merged by the
/// formulas of Chan, Golub & LeVeque (1979) and Pébay (2008), so an offset that is large beside the deviations costs
/// no accuracy. An empty sample has count 0 and is NaN otherwise. A NaN makes everything but the count NaN. An
/// infinity makes the mean infinite (NaN if there are both), and the variance, skewness and kurtosis NaN. A sum over
/// the greatest float, or deviations beyond 1e±77, whose fourth powers are out of range, give infinities, zeros or
/// NaN as IEEE 754 does. The bits of the results do not depend on the number of threads. Takes linear time.
#[kernel(
    cost_ns = 1000.0 + 0.5 * x.len() as f64,
    memory = (x.len() as u64 / CHUNK as u64 + 1) * 64,
    example = r#"{"x": [1.0, 2.0, 4.0, 9.0]}"#
)]
pub fn describe(
    cx: &Context,
    /// The sample.
    x: &[f64],
) -> Result<Description, KernelError> {
    let chunks = x.par_chunks(CHUNK).map(|chunk| {
        cx.check()?;
        Ok(vectorize(
            #[inline(always)]
            || merged(chunk.chunks(BLOCK).map(Moments::of_block)),
        ))
    });
    let chunks: Vec<Moments> = chunks.collect::<Result<_, Stopped>>()?;
    Ok(merged(chunks.into_iter()).description())
}

/// The power sums of some elements about their mean.
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: u64,
    mean: f64,
    /// Σ(x − mean)².
    second: f64,
    /// Σ(x − mean)³.
    third: f64,
    /// Σ(x − mean)⁴.
    fourth: f64,
    minimum: f64,
    maximum: f64,
}

// === impl Moments ===

impl Moments {
    const EMPTY: Self = Self {
        count: 0,
        mean: f64::NAN,
        second: 0.0,
        third: 0.0,
        fourth: 0.0,
        minimum: f64::NAN,
        maximum: f64::NAN,
    };

    #[inline(always)]
    fn of_block(block: &[f64]) -> Self {
        let (chunks, rest) = block.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        let mut minima = [f64::INFINITY; LANES];
        let mut maxima = [f64::NEG_INFINITY; LANES];
        let mut add = |lane: usize, x: f64| {
            sums[lane] += x;
            minima[lane] = if x < minima[lane] { x } else { minima[lane] };
            maxima[lane] = if x > maxima[lane] { x } else { maxima[lane] };
        };
        each_lane(chunks, rest, &mut add);
        let sum = total(sums);
        // Comparisons pass over NaN, so a NaN is looked for where the sum says that there may be one.
        let (minimum, maximum) = if sum.is_nan() && block.iter().any(|x| x.is_nan()) {
            (f64::NAN, f64::NAN)
        } else {
            let least = minima.into_iter().fold(f64::INFINITY, f64::min);
            let greatest = maxima.into_iter().fold(f64::NEG_INFINITY, f64::max);
            (least, greatest)
        };

        let count = block.len() as f64;
        let mean = sum / count;
        let [mut first, mut second, mut third, mut fourth] = [[0.0; LANES]; 4];
        let mut add = |lane: usize, x: f64| {
            let deviation = x - mean;
            let square = deviation * deviation;
            first[lane] += deviation;
            second[lane] += square;
            third[lane] += square * deviation;
            fourth[lane] += square * square;
        };
        each_lane(chunks, rest, &mut add);
        let [first, second, third, fourth] = [first, second, third, fourth].map(total);
        // The deviations tell how far the mean is off by rounding: the means of blocks of one number are that number.
        let error = first / count;
        Self {
            count: block.len() as u64,
            mean: if mean.is_finite() { mean + error } else { mean },
            second: second - first * error,
            third: third - 3.0 * error * second,
            fourth: fourth - 4.0 * error * third,
            minimum,
            maximum,
        }
    }

    /// Returns the moments of the elements of both, neither of which is empty.
    #[inline(always)]
    fn merge(self, other: Self) -> Self {
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let shift = other.mean - self.mean;
        let part = shift / n;
        // An infinite mean stays infinite, where ∞ − ∞ would make it NaN.
        let mean = if shift.is_finite() {
            self.mean + part * b
        } else {
            self.mean * (a / n) + other.mean * (b / n)
        };
        let spread = shift * part * a * b;
        let second = self.second + other.second + spread;
        let third = self.third
            + other.third
            + spread * part * (a - b)
            + 3.0 * part * (a * other.second - b * self.second);
        let fourth = self.fourth
            + other.fourth
            + spread * part * part * (a * a - a * b + b * b)
            + 6.0 * part * part * (a * a * other.second + b * b * self.second)
            + 4.0 * part * (a * other.third - b * self.third);
        let either_nan = self.minimum.is_nan() || other.minimum.is_nan();
        let or_nan = |extreme: f64| if either_nan { f64::NAN } else { extreme };
        Self {
            count: self.count + other.count,
            mean,
            second,
            third,
            fourth,
            minimum: or_nan(self.minimum.min(other.minimum)),
            maximum: or_nan(self.maximum.max(other.maximum)),
        }
    }

    fn description(self) -> Description {
        let (n, mean) = (self.count as f64, self.mean);
        let second = self.second / n;
        // Not `>`, so that it holds for NaN.
        let is_flat = second <= (f64::EPSILON * mean).powi(2);
        let or_nan = |ratio: f64| if is_flat { f64::NAN } else { ratio };
        Description {
            count: i64::try_from(self.count).expect("a vector is shorter than 2⁶³"),
            mean,
            variance: if self.count < 2 {
                f64::NAN
            } else {
                self.second / (n - 1.0)
            },
            skew: or_nan(self.third / n / (second * second.sqrt())),
            kurtosis: or_nan(self.fourth / n / (second * second) - 3.0),
            min: self.minimum,
            max: self.maximum,
        }
    }
}

/// Returns the moments of all elements of some parts, none of them empty, in their order.
#[inline(always)]
fn merged(parts: impl Iterator<Item = Moments>) -> Moments {
    parts.reduce(Moments::merge).unwrap_or(Moments::EMPTY)
}

/// Deals the elements to the lanes in turn.
#[inline(always)]
fn each_lane(chunks: &[[f64; LANES]], rest: &[f64], add: &mut impl FnMut(usize, f64)) {
    for chunk in chunks {
        for (lane, x) in chunk.iter().enumerate() {
            add(lane, *x);
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        add(lane, *x);
    }
}

#[inline(always)]
fn total(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{noise, on_threads, stopped};

    fn of(x: &[f64]) -> Description {
        describe(&Context::default(), x).expect("nothing stops it")
    }

    /// The definitions, one pass for each.
    fn literal(x: &[f64]) -> Description {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let moment = |k| x.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
        Description {
            count: x.len() as i64,
            mean,
            variance: moment(2) * n / (n - 1.0),
            skew: moment(3) / moment(2).powf(1.5),
            kurtosis: moment(4) / moment(2).powi(2) - 3.0,
            min: x.iter().copied().fold(f64::INFINITY, f64::min),
            max: x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn bits(of: Description) -> [u64; 6] {
        let Description {
            count: _,
            mean,
            variance,
            skew,
            kurtosis,
            min,
            max,
        } = of;
        [mean, variance, skew, kurtosis, min, max].map(f64::to_bits)
    }

    fn assert_near(a: Description, b: Description, tolerance: f64) {
        let near = |a: f64, b: f64| (a - b).abs() <= tolerance * a.abs().max(1.0);
        let all = near(a.mean, b.mean)
            && near(a.variance, b.variance)
            && near(a.skew, b.skew)
            && near(a.kurtosis, b.kurtosis)
            && (a.count, a.min, a.max) == (b.count, b.min, b.max);
        assert!(all, "{a:?} and {b:?}");
    }

    #[test]
    fn gives_known_statistics() {
        // As scipy.stats.describe does.
        let expected = Description {
            count: 4,
            mean: 4.0,
            variance: 12.666_666_666_666_666,
            skew: 0.768_417_257_987_822_6,
            kurtosis: -1.0,
            min: 1.0,
            max: 9.0,
        };
        assert_near(of(&[1.0, 2.0, 4.0, 9.0]), expected, 1e-15);
    }

    #[test]
    fn counts_nothing_of_nothing() {
        let empty = of(&[]);
        assert_eq!(empty.count, 0);
        assert!(
            bits(empty)
                .into_iter()
                .all(|bits| f64::from_bits(bits).is_nan())
        );
    }

    #[test]
    fn has_no_spread_of_one_element() {
        let one = of(&[3.0]);
        assert_eq!((one.count, one.mean, one.min, one.max), (1, 3.0, 3.0, 3.0));
        assert!(one.variance.is_nan() && one.skew.is_nan() && one.kurtosis.is_nan());
    }

    #[test]
    fn has_no_shape_if_all_elements_are_equal() {
        let flat = of(&[0.1; 5000]);
        assert!(flat.variance < 1e-30, "{flat:?}");
        assert!(flat.skew.is_nan() && flat.kurtosis.is_nan());
    }

    #[test]
    fn is_nan_after_any_nan() {
        for index in [0, 17, 1023, 1024, 99_999] {
            let mut x = noise(100_000, 0.0);
            x[index] = f64::NAN;
            let nan = of(&x);
            assert_eq!(nan.count, 100_000);
            assert!(
                bits(nan)
                    .into_iter()
                    .all(|bits| f64::from_bits(bits).is_nan())
            );
        }
    }

    #[test]
    fn passes_infinities_on() {
        let mut x = noise(5000, 0.0);
        x[100] = f64::INFINITY;
        let one = of(&x);
        assert_eq!((one.mean, one.max), (f64::INFINITY, f64::INFINITY));
        assert!(one.min.is_finite() && one.variance.is_nan() && one.skew.is_nan());
        x[4000] = f64::NEG_INFINITY;
        let both = of(&x);
        assert!(both.mean.is_nan());
        assert_eq!((both.min, both.max), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn loses_nothing_to_an_offset() {
        let offset = 2.0_f64.powi(24);
        // Rounded so that adding the offset is exact.
        let grain = 2.0_f64.powi(28);
        let x: Vec<f64> = noise(200_000, 0.0)
            .iter()
            .map(|x| (x * grain).round() / grain)
            .collect();
        let shifted: Vec<f64> = x.iter().map(|x| x + offset).collect();
        let (near, far) = (of(&x), of(&shifted));
        assert!(
            (near.variance - far.variance).abs() < 1e-10,
            "{near:?} {far:?}"
        );
        assert!((near.skew - far.skew).abs() < 1e-8, "{near:?} {far:?}");
        assert!(
            (near.kurtosis - far.kurtosis).abs() < 1e-8,
            "{near:?} {far:?}"
        );
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let x = noise(300_001, 1.0);
        let on = |threads| bits(on_threads(threads, || of(&x)));
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn stops_when_asked() {
        assert_eq!(
            describe(&stopped(), &[1.0]),
            Err(KernelError::Stopped(Stopped))
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_definitions(
            x in prop::collection::vec(-4.0..4.0, 3..40),
            repeats in 1_usize..200,
        ) {
            // Also of many blocks, the last one not full.
            let x: Vec<f64> = x.repeat(repeats);
            assert_near(of(&x), literal(&x), 1e-10);
        }
    }
}
