//! The exponential function, after `e_exp.c` of fdlibm (Sun Microsystems, 1993).
//!
//! x = k · ln 2 + r with |r| ≤ ½ ln 2, and eˣ = 2ᵏ · eʳ, where eʳ = 1 + r + r · c / (2 − c) with a polynomial c
//! that Remez' algorithm gave.

use super::{Approximation, Elementary, ROUNDER};

/// eˣ.
pub(crate) struct Exp;

/// Inside, the result and 2ᵏ are normal numbers.
const GREATEST: f64 = 708.0;

/// The upper 32 bits of ln 2: its product with k is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
/// ln 2 − `LN_2_HIGH`.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

const P1: f64 = 0.166_666_666_666_666_02;
const P2: f64 = -0.002_777_777_777_701_559_3;
const P3: f64 = 6.613_756_321_437_934e-5;
const P4: f64 = -1.653_390_220_546_525_2e-6;
const P5: f64 = 4.138_136_797_057_238_5e-8;

impl Elementary for Exp {
    #[inline(always)]
    fn approximate(x: f64) -> Approximation {
        let rounded = x * std::f64::consts::LOG2_E + ROUNDER;
        let k = rounded - ROUNDER;
        let high = x - k * LN_2_HIGH;
        let low = k * LN_2_LOW;
        let r = high - low;
        let c = series(r);
        let mantissa = 1.0 + (r * c / (2.0 - c) - low + high);
        (mantissa * power_of_two(rounded), x.abs() <= GREATEST)
    }

    fn exact(x: f64) -> f64 {
        x.exp()
    }
}

/// Returns the polynomial c of r.
#[inline(always)]
pub(super) fn series(r: f64) -> f64 {
    let t = r * r;
    r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))))
}

/// Returns 2ᵏ for a normal result, given k + [`ROUNDER`].
#[inline(always)]
pub(super) fn power_of_two(rounded: f64) -> f64 {
    // k is in the low bits: shifted, it is the exponent of 2ᵏ but for the bias of 1.0.
    f64::from_bits((rounded.to_bits() << 52).wrapping_add(1.0_f64.to_bits()))
}
