//! The hyperbolic tangent, after `tanh.c` of Cephes (Stephen Moshier, 1995).
//!
//! Near 0 it is x plus x³ times a rational function of x²; elsewhere 1 − 2 / (e²ˣ + 1), with the sign of x.

use super::{Approximation, Elementary, Exp};

/// The hyperbolic tangent; within 2 units in the last place.
pub(crate) struct Tanh;

/// Below, the rational function is the better one.
const NEAR: f64 = 0.625;

const P0: f64 = -0.964_399_179_425_052_3;
const P1: f64 = -99.287_723_100_191_87;
const P2: f64 = -1_614.687_684_417_084_5;
const Q0: f64 = 112.811_678_491_632_94;
const Q1: f64 = 2_235.488_390_601_004_6;
const Q2: f64 = 4_844.063_053_251_25;

impl Elementary for Tanh {
    #[inline(always)]
    fn approximate(x: f64) -> Approximation {
        let z = x * x;
        let numerator = P2 + z * (P1 + z * P0);
        let denominator = Q2 + z * (Q1 + z * (Q0 + z));
        let near = x + x * z * (numerator / denominator);
        let magnitude = x.abs();
        let (power, is_inside) = Exp::approximate(2.0 * magnitude);
        let far = 1.0 - 2.0 / (power + 1.0);
        let value = if magnitude < NEAR { near } else { far };
        // The sign of a zero too.
        (value.copysign(x), is_inside)
    }

    fn exact(x: f64) -> f64 {
        x.tanh()
    }
}
