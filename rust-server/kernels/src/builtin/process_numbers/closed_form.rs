//! f^rounds in constant time.
//!
//! Let M = 1 000 000 007. The first step may wrap; its result r has |r| < M. From there on no step
//! wraps, and each is v ↦ 2v + 2 modulo M, whichever sign the remainder has. So, modulo M,
//!
//! > f^(n)(r) ≡ 2ⁿ · (r + 2) − 2,
//!
//! and only the representative is open: in [0, M) or in (−M, 0]. A chain that is non-negative stays
//! so. A negative chain stays negative until it is −1, whose successor is 0: then it has *crossed*
//! and is non-negative for good. [`Crossings`] tells which chains do.

use super::crossings::{self, Crossings};
use crate::{Context, Stopped, vectorize::vectorize};

/// The modulus, a prime.
pub(super) const MODULUS: i64 = 1_000_000_007;

/// Numbers that go through the vectors together.
const BLOCK: usize = 256;
/// A float of at least this has no bits behind the point, and the low bits of one next to it are an integer.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// A number of rounds, prepared for application to many numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rounds {
    /// No round: the identity.
    None,
    /// One literal step, then `steps` more in one multiplication.
    Some {
        /// The rounds after the first.
        steps: u32,
        /// 2^steps modulo [`MODULUS`].
        factor: u64,
        /// The chains that cross.
        crossings: &'static Crossings,
    },
}

// === impl Rounds ===

impl Rounds {
    pub(super) fn new(cx: &Context, rounds: u32) -> Result<Self, Stopped> {
        let Some(steps) = rounds.checked_sub(1) else {
            return Ok(Self::None);
        };
        Ok(Self::Some {
            steps,
            factor: power_of_two(steps),
            crossings: crossings::up_to(cx, steps)?,
        })
    }

    /// Replaces each number v by f^rounds(v).
    pub(super) fn apply_to(&self, numbers: &mut [i64]) {
        let Self::Some { factor, .. } = *self else {
            return;
        };
        let mut residues = [0; BLOCK];
        for block in numbers.chunks_mut(BLOCK) {
            let residues = &mut residues[..block.len()];
            let least = vectorize(
                #[inline(always)]
                || residues_after(block, factor, residues),
            );
            if least >= 0 {
                block.copy_from_slice(residues);
                continue;
            }
            for (number, residue) in block.iter_mut().zip(&*residues) {
                *number = if first_dividend(*number) >= 0 {
                    *residue
                } else {
                    self.apply(*number)
                };
            }
        }
    }

    /// Returns f^rounds(v).
    #[inline]
    pub(super) fn apply(&self, v: i64) -> i64 {
        match *self {
            Self::None => v,
            Self::Some {
                steps,
                factor,
                crossings,
            } => {
                let first = first_dividend(v) % MODULUS;
                // r + 2 modulo M, from r in (−M, M).
                let shifted = (first + 2).rem_euclid(MODULUS) as u64;
                let modulus = MODULUS as u64;
                let residue = (shifted * factor + modulus - 2) % modulus;
                let residue = residue as i64;
                if first >= 0 || crossings.within(shifted as u32, steps) {
                    residue
                } else {
                    residue - MODULUS
                }
            }
        }
    }
}

/// Returns what the first step divides.
#[inline(always)]
fn first_dividend(v: i64) -> i64 {
    v.wrapping_add(1).wrapping_mul(2)
}

/// Puts the representative in [0, M) of each result into `residues`; returns a negative number if there is a
/// dividend below 0, whose result may have another representative.
#[inline(always)]
fn residues_after(numbers: &[i64], factor: u64, residues: &mut [i64]) -> i64 {
    let mut signs = 0;
    for (number, residue) in numbers.iter().zip(residues) {
        let dividend = first_dividend(*number);
        signs |= dividend;
        let shifted = floor_modulo(dividend) + 2 - MODULUS;
        let shifted = add_if_negative(shifted);
        // Both factors have 30 bits, which the compiler is to know.
        let product = (shifted as u64 & 0xffff_ffff) * (factor & 0xffff_ffff);
        *residue = floor_modulo(product as i64 + (MODULUS - 2));
    }
    signs
}

/// Returns x modulo M in [0, M), without a division.
///
/// The quotient by floats is rounded to the next integer or, since x has up to 63 bits and a float 53, to one beside
/// it. So the rest is in (−M, M).
#[inline(always)]
fn floor_modulo(x: i64) -> i64 {
    const INVERSE: f64 = 1.0 / MODULUS as f64;
    let quotient = (x as f64 * INVERSE + ROUNDER).to_bits() as i64;
    let quotient = quotient.wrapping_sub(ROUNDER.to_bits() as i64);
    add_if_negative(x.wrapping_sub(quotient.wrapping_mul(MODULUS)))
}

#[inline(always)]
fn add_if_negative(x: i64) -> i64 {
    x + (x >> 63 & MODULUS)
}

/// Returns 2^exponent modulo [`MODULUS`].
fn power_of_two(exponent: u32) -> u64 {
    let modulus = MODULUS as u64;
    let mut power = 1;
    for bit in (0..u32::BITS).rev() {
        power = power * power % modulus;
        if exponent >> bit & 1 == 1 {
            power = power * 2 % modulus;
        }
    }
    power
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rounds_of(rounds: u32) -> Rounds {
        Rounds::new(&Context::default(), rounds).expect("nothing stops it")
    }

    /// f, written down as it is specified.
    pub(crate) fn literal_step(v: i64) -> i64 {
        v.wrapping_add(1).wrapping_mul(2) % MODULUS
    }

    /// Compares f^rounds with the literal loop for every count of rounds from 0 to `most`.
    fn assert_exact(start: i64, most: u32) {
        let mut literal = start;
        for rounds in 0..=most {
            let closed = rounds_of(rounds).apply(start);
            assert_eq!(closed, literal, "start {start}, rounds {rounds}");
            literal = literal_step(literal);
        }
    }

    /// Returns a negative number whose chain is −1 after exactly `steps` steps.
    ///
    /// Walks backwards: the predecessor of w in (−M, 0) is w/2 − 1 or (w − M)/2 − 1, whichever is
    /// whole.
    fn start_that_is_minus_one_after(steps: u32) -> i64 {
        (0..steps).fold(-1, |w, _| {
            let even = if w % 2 == 0 { w } else { w - MODULUS };
            even / 2 - 1
        })
    }

    #[test]
    fn is_exact_at_the_edges() {
        let anchors = [
            0,
            i64::MIN,
            i64::MAX,
            i64::MIN / 2,
            i64::MAX / 2,
            MODULUS,
            -MODULUS,
        ];
        for anchor in anchors {
            for distance in -4..=4 {
                assert_exact(anchor.wrapping_add(distance), 3000);
            }
        }
    }

    #[test]
    fn is_exact_where_a_chain_passes_through_minus_one() {
        for steps in [1, 2, 3, 29, 30, 31, 500, 999, 1000, 1500, 2998, 2999, 3000] {
            let start = start_that_is_minus_one_after(steps);
            let end = (0..steps).fold(start, |v, _| literal_step(v));
            assert_eq!((end, start < 0), (-1, true), "the construction is right");
            // Every count of rounds: −1 comes at the last step, in the middle, at the first.
            for distance in -2..=2 {
                assert_exact(start + distance, 3000);
            }
        }
    }

    #[test]
    fn is_exact_for_a_million_rounds() {
        let crossing = start_that_is_minus_one_after(999_000);
        for start in [crossing, crossing + 1, -3, 5, i64::MIN, i64::MAX] {
            let mut literal = start;
            for rounds in 1..=super::super::MAX_ROUNDS {
                literal = literal_step(literal);
                if matches!(rounds, 998_999..=999_003 | 1_000_000) {
                    let closed = rounds_of(rounds).apply(start);
                    assert_eq!(closed, literal, "start {start}, rounds {rounds}");
                }
            }
        }
    }

    #[test]
    fn floors_without_a_division() {
        let edges = [
            0,
            1,
            MODULUS - 1,
            MODULUS,
            MODULUS / 2,
            i64::MAX,
            i64::MAX / MODULUS * MODULUS,
            1 << 60,
        ];
        for edge in edges.into_iter().flat_map(|edge| [edge, -edge]) {
            for x in (-2..=2).map(|distance| edge.saturating_add(distance)) {
                assert_eq!(floor_modulo(x), x.rem_euclid(MODULUS), "{x}");
            }
        }
        assert_eq!(floor_modulo(i64::MIN), i64::MIN.rem_euclid(MODULUS));
    }

    proptest! {
        #[test]
        fn floors_any_number(x: i64) {
            prop_assert_eq!(floor_modulo(x), x.rem_euclid(MODULUS));
        }

        #[test]
        fn applies_to_many_as_to_each(
            mut numbers: Vec<i64>, positive in proptest::collection::vec(0..i64::MAX / 2 - 1, 0..600), rounds in 0_u32..2000,
        ) {
            numbers.extend(positive);
            let rounds = rounds_of(rounds);
            let expected: Vec<i64> = numbers.iter().map(|v| rounds.apply(*v)).collect();
            rounds.apply_to(&mut numbers);
            prop_assert_eq!(numbers, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn is_exact_over_the_whole_range(start: i64) {
            assert_exact(start, 3000);
        }

        #[test]
        fn is_exact_for_small_numbers(start in -3 * MODULUS..3 * MODULUS) {
            assert_exact(start, 3000);
        }

        #[test]
        fn is_exact_at_any_crossing(steps in 0_u32..3000, wrap in -1000_i64..0) {
            // Another number with the same first step: adding M to v adds 2M to the dividend.
            let start = start_that_is_minus_one_after(steps) + wrap * MODULUS;
            assert_exact(start, 3000);
        }
    }
}
