//! Standard normal numbers, by the transform of Box and Muller (1958).

use std::f64::consts::TAU;

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use crate::elementary::{Cos, Log, Sin, map};

/// Draws that share a stream of random numbers; two come from each pair of uniform numbers.
pub(super) const BLOCK: usize = 2 * PAIRS;
pub(super) const PAIRS: usize = 1024;

/// The normal numbers of one block, and room to make them.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    bits: Vec<u64>,
    normal: Vec<f64>,
    /// Angles, then radii.
    polar: Vec<f64>,
    /// Sines, then cosines.
    circle: Vec<f64>,
}

// === impl Draws ===

impl Default for Draws {
    fn default() -> Self {
        Self {
            bits: vec![0; BLOCK],
            normal: vec![0.0; BLOCK],
            polar: vec![0.0; BLOCK],
            circle: vec![0.0; BLOCK],
        }
    }
}

impl Draws {
    /// Takes the random bits of a block.
    pub(super) fn draw(&mut self, mut rng: ChaCha8Rng) {
        for bits in &mut self.bits {
            *bits = rng.next_u64();
        }
    }

    /// Turns the random bits into normal numbers.
    #[inline(always)]
    pub(super) fn normal(&mut self) -> &[f64] {
        let (radius_bits, angle_bits) = self.bits.split_at(PAIRS);
        let (first, second) = self.normal.split_at_mut(PAIRS);
        let (angles, radii) = self.polar.split_at_mut(PAIRS);
        let (sines, cosines) = self.circle.split_at_mut(PAIRS);
        for (uniform, bits) in first.iter_mut().zip(radius_bits) {
            // In (0, 1]: the logarithm of 0 is infinite.
            *uniform = 2.0 - from_one_to_two(*bits);
        }
        map::<Log>(first, radii);
        for radius in radii.iter_mut() {
            *radius = (-2.0 * *radius).sqrt();
        }
        for (angle, bits) in angles.iter_mut().zip(angle_bits) {
            *angle = TAU * (from_one_to_two(*bits) - 1.0);
        }
        map::<Sin>(angles, sines);
        map::<Cos>(angles, cosines);
        for (z, (radius, cosine)) in first.iter_mut().zip(radii.iter().zip(&*cosines)) {
            *z = radius * cosine;
        }
        for (z, (radius, sine)) in second.iter_mut().zip(radii.iter().zip(&*sines)) {
            *z = radius * sine;
        }
        &self.normal
    }
}

/// Returns a number of [1, 2) with random bits in its mantissa.
#[inline(always)]
fn from_one_to_two(bits: u64) -> f64 {
    f64::from_bits(1.0_f64.to_bits() | bits >> 12)
}
