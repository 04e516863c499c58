//! The power, after `e_pow.c` of fdlibm (Sun Microsystems, 2004).
//!
//! log₂ x is computed to 64 bits or so, as the sum of two floats: x = 2ⁿ · m with m near 1 or near 3/2, and the
//! logarithm of m over that is a series in s = (m − b) / (m + b). Its product with y is an integer and a rest, of
//! which 2ʳ is computed as in [`exponential`](super::exponential).

use super::{
    Approximation, ElementaryOfTwo, ROUNDER,
    exponential::{power_of_two, series},
    logarithm::{MANTISSA, exponent},
};

/// x to the power y.
pub(crate) struct Power;

const L1: f64 = 0.599_999_999_999_994_6;
const L2: f64 = 0.428_571_428_578_550_2;
const L3: f64 = 0.333_333_329_818_377_43;
const L4: f64 = 0.272_728_123_808_534;
const L5: f64 = 0.230_660_745_775_561_75;
const L6: f64 = 0.206_975_017_800_338_42;

/// log₂ 1.5, in two parts.
const LOG_THREE_HALVES_HIGH: f64 = 0.584_962_487_220_764_2;
const LOG_THREE_HALVES_LOW: f64 = 1.350_039_202_129_749e-8;
/// 2 / (3 · ln 2), and in two parts.
const FACTOR: f64 = 0.961_796_693_925_975_6;
const FACTOR_HIGH: f64 = 0.961_796_700_954_437_3;
const FACTOR_LOW: f64 = -7.028_461_650_952_758e-9;
/// ln 2 in two parts.
const LN_2_HIGH: f64 = 0.693_147_182_464_599_6;
const LN_2_LOW: f64 = -1.904_654_299_957_768e-9;

const ROOT_THREE_HALVES: f64 = 1.224_744_871_391_589;
const ROOT_THREE: f64 = 1.732_050_807_568_877_2;
/// Inside, x is a positive normal number and so is the result.
const GREATEST_EXPONENT: f64 = 1020.0;

impl ElementaryOfTwo for Power {
    #[inline(always)]
    fn approximate(x: f64, y: f64) -> Approximation {
        let (log_high, log_low) = binary_logarithm(x);
        let y_high = upper(y);
        let low = (y - y_high) * log_high + y * log_low;
        let high = y_high * log_high;
        let product = low + high;
        let is_inside = product.abs() < GREATEST_EXPONENT
            && (f64::MIN_POSITIVE..=f64::MAX).contains(&x)
            && y.abs() <= f64::MAX;
        (two_to(high, low), is_inside)
    }

    fn exact(x: f64, y: f64) -> f64 {
        x.powf(y)
    }
}

/// Returns the logarithm in two parts, of which the first has 32 zero bits at its end.
#[inline(always)]
fn binary_logarithm(x: f64) -> (f64, f64) {
    let n = exponent(x.to_bits());
    let m = f64::from_bits((x.to_bits() & MANTISSA) | 1.0_f64.to_bits());
    let is_great = m >= ROOT_THREE;
    let is_middle = m >= ROOT_THREE_HALVES && !is_great;
    let (m, n) = if is_great { (0.5 * m, n + 1.0) } else { (m, n) };
    let (base, base_log_high, base_log_low) = if is_middle {
        (1.5, LOG_THREE_HALVES_HIGH, LOG_THREE_HALVES_LOW)
    } else {
        (1.0, 0.0, 0.0)
    };

    let difference = m - base;
    let inverse = 1.0 / (m + base);
    let s = difference * inverse;
    let s_high = upper(s);
    let sum_high = upper(m + base);
    let sum_low = m - (sum_high - base);
    let s_low = inverse * ((difference - s_high * sum_high) - s_high * sum_low);

    let z = s * s;
    let tail =
        z * z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * L6))))) + s_low * (s_high + s);
    let square = s_high * s_high;
    let t_high = upper(3.0 + square + tail);
    let t_low = tail - ((t_high - 3.0) - square);

    let u = s_high * t_high;
    let v = s_low * t_high + t_low * s;
    let p_high = upper(u + v);
    let p_low = v - (p_high - u);
    let q_high = FACTOR_HIGH * p_high;
    let q_low = FACTOR_LOW * p_high + p_low * FACTOR + base_log_low;
    let high = upper(q_high + q_low + base_log_high + n);
    let low = q_low - (((high - n) - base_log_high) - q_high);
    (high, low)
}

/// Returns 2 to the power of a sum.
#[inline(always)]
fn two_to(high: f64, low: f64) -> f64 {
    let rounded = (high + low) + ROUNDER;
    let high = high - (rounded - ROUNDER);
    let t = upper(low + high);
    let u = t * LN_2_HIGH;
    let v = (low - (t - high)) * std::f64::consts::LN_2 + t * LN_2_LOW;
    let r = u + v;
    let error = v - (r - u);
    let c = series(r);
    let mantissa = 1.0 - ((r * c / (c - 2.0) - (error + r * error)) - r);
    mantissa * power_of_two(rounded)
}

/// Returns a number with zeros for the lower 32 bits: products of such numbers are exact.
#[inline(always)]
fn upper(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & (u64::MAX << 32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_close(x: f64, y: f64) {
        let (value, is_inside) = Power::approximate(x, y);
        let expected = x.powf(y);
        if is_inside {
            let distance = value.to_bits().abs_diff(expected.to_bits());
            assert!(
                distance <= 1,
                "{x:e} ** {y:e} is {value:e}, not {expected:e}"
            );
        } else {
            let is_ordinary =
                x.is_normal() && x > 0.0 && y.is_finite() && expected > 1e-300 && expected < 1e300;
            assert!(!is_ordinary, "{x:e} ** {y:e}");
        }
    }

    #[test]
    fn is_exact_where_the_result_is_a_float() {
        for base in 1_u32..100 {
            for exponent in 0..8 {
                let exact = f64::from(base).powi(exponent);
                if exact < 9e15 {
                    let result = Power::approximate(f64::from(base), f64::from(exponent));
                    assert_eq!(result, (exact, true), "{base} ** {exponent}");
                }
            }
            let square = f64::from(base) * f64::from(base);
            assert_eq!(Power::approximate(square, 0.5), (f64::from(base), true));
        }
    }

    #[test]
    fn leaves_the_edges_to_the_library() {
        let edges = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            2.5,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ];
        for (x, y) in edges.iter().flat_map(|x| edges.map(|y| (*x, y))) {
            assert_close(x, y);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        #[test]
        fn is_close(x in 0.0..1e3, y in -90.0..90.0) {
            assert_close(x, y);
        }

        #[test]
        fn is_close_near_one(x in 0.5..2.0, y in -1e3..1e3) {
            assert_close(x, y);
        }

        #[test]
        fn is_close_for_any_floats(x in any::<f64>(), y in any::<f64>()) {
            assert_close(x.abs(), y);
            assert_close(x.abs(), y.log2());
        }
    }
}
