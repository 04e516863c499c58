//! Sine and cosine, after `k_sin.c`, `k_cos.c` and `e_rem_pio2.c` of fdlibm (Sun Microsystems, 1993).
//!
//! x = n · π/2 + r with |r| ≤ π/4; n says which of ±sin r and ±cos r is meant, whose polynomials Remez' algorithm
//! gave.

use super::{Approximation, Elementary, ROUNDER};

/// The sine of an angle in radians.
pub(crate) struct Sin;

/// The cosine of an angle in radians.
pub(crate) struct Cos;

/// Inside, n is under 2²⁰, so its products with numbers of 33 bits are exact.
const GREATEST: f64 = 1e6;
/// A smaller remainder has too few good bits left, unless n is 0.
const LEAST_REMAINDER: f64 = 1.0 / (1_u64 << 40) as f64;

/// π/2 in three parts, the first two of 33 bits.
const HALF_PI: [f64; 3] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_795_950_6e-21,
];

const S1: f64 = -0.166_666_666_666_666_32;
const S2: f64 = 0.008_333_333_333_322_49;
const S3: f64 = -0.000_198_412_698_298_579_5;
const S4: f64 = 2.755_731_370_707_006_8e-6;
const S5: f64 = -2.505_076_025_340_686_3e-8;
const S6: f64 = 1.589_690_995_211_55e-10;

const C1: f64 = 0.041_666_666_666_666_6;
const C2: f64 = -0.001_388_888_888_887_411;
const C3: f64 = 2.480_158_728_947_673e-5;
const C4: f64 = -2.755_731_435_139_066_3e-7;
const C5: f64 = 2.087_572_321_298_175e-9;
const C6: f64 = -1.135_964_755_778_819_5e-11;

/// An argument less the nearest multiple of π/2.
struct Reduced {
    /// The multiple; only the two low bits count.
    quadrant: u64,
    /// What remains, rounded.
    remainder: f64,
    /// What the rounding left of it.
    tail: f64,
    /// Whether the remainder is good to more than 53 bits.
    is_inside: bool,
}

impl Elementary for Sin {
    #[inline(always)]
    fn approximate(x: f64) -> Approximation {
        let reduced = reduce(x);
        (reduced.in_quadrant(reduced.quadrant), reduced.is_inside)
    }

    fn exact(x: f64) -> f64 {
        x.sin()
    }
}

impl Elementary for Cos {
    #[inline(always)]
    fn approximate(x: f64) -> Approximation {
        let reduced = reduce(x);
        (
            reduced.in_quadrant(reduced.quadrant.wrapping_add(1)),
            reduced.is_inside,
        )
    }

    fn exact(x: f64) -> f64 {
        x.cos()
    }
}

#[inline(always)]
fn reduce(x: f64) -> Reduced {
    let rounded = x * std::f64::consts::FRAC_2_PI + ROUNDER;
    let n = rounded - ROUNDER;
    // Exact: both are multiples of the last place of the smaller, and nearly equal.
    let first = x - n * HALF_PI[0];
    let second = n * HALF_PI[1];
    let rest = first - second;
    let third = n * HALF_PI[2] - ((first - rest) - second);
    let remainder = rest - third;
    Reduced {
        quadrant: rounded.to_bits(),
        remainder,
        tail: (rest - remainder) - third,
        is_inside: x.abs() <= GREATEST && (n == 0.0 || remainder.abs() >= LEAST_REMAINDER),
    }
}

// === impl Reduced ===

impl Reduced {
    /// Returns sin r, cos r, −sin r or −cos r, for a quadrant of 0, 1, 2 or 3 modulo 4.
    #[inline(always)]
    fn in_quadrant(&self, quadrant: u64) -> f64 {
        let value = if quadrant & 1 == 0 {
            self.kernel_sine()
        } else {
            self.kernel_cosine()
        };
        f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62))
    }

    #[inline(always)]
    fn kernel_sine(&self) -> f64 {
        let (x, y) = (self.remainder, self.tail);
        let z = x * x;
        let v = z * x;
        let r = S2 + z * (S3 + z * (S4 + z * (S5 + z * S6)));
        x - ((z * (0.5 * y - v * r) - y) - v * S1)
    }

    #[inline(always)]
    fn kernel_cosine(&self) -> f64 {
        let (x, y) = (self.remainder, self.tail);
        let z = x * x;
        let r = z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))));
        let half_square = 0.5 * z;
        let w = 1.0 - half_square;
        w + (((1.0 - w) - half_square) + (z * r - x * y))
    }
}
