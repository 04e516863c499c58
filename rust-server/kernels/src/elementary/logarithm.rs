//! The natural logarithm, after `e_log.c` of fdlibm (Sun Microsystems, 1993).
//!
//! x = 2ᵏ · (1 + f) with √½ < 1 + f < √2, and log x = k · ln 2 + log(1 + f), where the latter is a series in
//! s = f / (2 + f) whose coefficients Remez' algorithm gave.

use super::{Approximation, Elementary};

/// The natural logarithm.
pub(crate) struct Log;

/// The upper 32 bits of ln 2: its product with k is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
/// ln 2 − `LN_2_HIGH`.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

const L1: f64 = 0.666_666_666_666_673_5;
const L2: f64 = 0.399_999_999_994_094_2;
const L3: f64 = 0.285_714_287_436_623_9;
const L4: f64 = 0.222_221_984_321_497_84;
const L5: f64 = 0.181_835_721_616_180_5;
const L6: f64 = 0.153_138_376_992_093_73;
const L7: f64 = 0.147_981_986_051_165_86;

/// The bits of √½, rounded down to the upper 32.
const ROOT_HALF: u64 = 0x3fe6_a09e << 32;
const ONE: u64 = 0x3ff0_0000 << 32;
pub(super) const MANTISSA: u64 = (1 << 52) - 1;
/// The bits of 2⁵²; with an integer in its low bits it is 2⁵² plus that integer.
const TWO_TO_52: u64 = 0x4330 << 48;

impl Elementary for Log {
    #[inline(always)]
    fn approximate(x: f64) -> Approximation {
        let bits = x.to_bits().wrapping_add(ONE - ROOT_HALF);
        let k = exponent(bits);
        let f = f64::from_bits((bits & MANTISSA) + ROOT_HALF) - 1.0;
        let half_square = 0.5 * f * f;
        let s = f / (2.0 + f);
        let z = s * s;
        let w = z * z;
        let even = w * (L2 + w * (L4 + w * L6));
        let odd = z * (L1 + w * (L3 + w * (L5 + w * L7)));
        let series = s * (half_square + (odd + even));
        let result = series + k * LN_2_LOW - half_square + f + k * LN_2_HIGH;
        (result, (f64::MIN_POSITIVE..=f64::MAX).contains(&x))
    }

    fn exact(x: f64) -> f64 {
        x.ln()
    }
}

/// Returns the exponent of the positive float with these bits.
#[inline(always)]
pub(super) fn exponent(bits: u64) -> f64 {
    // 2⁵² plus the exponent plus its bias.
    let biased = f64::from_bits(TWO_TO_52 | (bits >> 52));
    biased - (4_503_599_627_370_496.0 + 1023.0)
}
