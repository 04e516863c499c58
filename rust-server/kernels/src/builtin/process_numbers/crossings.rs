//! Which negative chains become non-negative.
//!
//! After k steps a chain that began at r is −1 exactly if 2ᵏ · (r + 2) − 2 ≡ −1, that is, if
//! r + 2 ≡ 2⁻ᵏ modulo M. The order of 2 modulo M is 500 000 003, far over the greatest number of
//! steps, so these residues all differ, and each has one k.

use std::sync::LazyLock;

use super::{MAX_ROUNDS, closed_form::MODULUS};

/// Steps that the small table covers; with its filter it fits the first-level cache.
const FEW_STEPS: u32 = 2048;

static FEW: LazyLock<Crossings> = LazyLock::new(|| Crossings::new(FEW_STEPS));
/// 12 MB, built in some tens of milliseconds by the first call with many rounds.
static MANY: LazyLock<Crossings> = LazyLock::new(|| Crossings::new(MAX_ROUNDS));

/// The residues 2⁻ᵏ for every k below a bound, with their k.
#[derive(Debug)]
pub(super) struct Crossings {
    /// A bit for the low bits of each residue: tells most residues that are not in `steps` at once.
    filter: Vec<u64>,
    /// Pairs of a residue and its k, ordered by residue.
    steps: Vec<(u32, u32)>,
}

/// Returns a table that covers at least `steps` steps.
pub(super) fn up_to(steps: u32) -> &'static Crossings {
    if steps <= FEW_STEPS { &FEW } else { &MANY }
}

// === impl Crossings ===

impl Crossings {
    fn new(bound: u32) -> Self {
        // 32 bits a residue let one of 32 foreign residues pass.
        let words = (bound as usize * 32 / 64).next_power_of_two();
        let mut filter = vec![0; words];
        let mut steps = Vec::with_capacity(bound as usize);
        let mut residue = 1;
        for step in 0..bound {
            let (word, bit) = place(residue, words);
            filter[word] |= bit;
            steps.push((residue, step));
            residue = halve(residue);
        }
        steps.sort_unstable();
        Self { filter, steps }
    }

    /// Returns whether a negative chain that began at r, with `shifted` = r + 2 modulo M, is −1
    /// before its last of `steps` steps.
    #[inline]
    pub(super) fn within(&self, shifted: u32, steps: u32) -> bool {
        let (word, bit) = place(shifted, self.filter.len());
        self.filter[word] & bit != 0 && self.step_of(shifted).is_some_and(|step| step < steps)
    }

    fn step_of(&self, shifted: u32) -> Option<u32> {
        let found = self
            .steps
            .binary_search_by_key(&shifted, |&(residue, _)| residue);
        found.ok().map(|index| self.steps[index].1)
    }
}

/// Returns the word and the bit of a residue in a filter of so many words, a power of two.
#[inline]
fn place(residue: u32, words: usize) -> (usize, u64) {
    ((residue >> 6) as usize & (words - 1), 1 << (residue & 63))
}

/// Returns residue / 2 modulo M.
fn halve(residue: u32) -> u32 {
    let modulus = MODULUS as u32;
    if residue.is_multiple_of(2) {
        residue / 2
    } else {
        residue.midpoint(modulus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_each_inverse_power_of_two_once() {
        let mut residues: Vec<_> = MANY.steps.iter().map(|&(residue, _)| residue).collect();
        residues.dedup();
        assert_eq!(residues.len(), MAX_ROUNDS as usize);
        for &(residue, step) in MANY.steps.iter().step_by(997) {
            let doubled = (0..step).fold(u64::from(residue), |r, _| r * 2 % MODULUS as u64);
            assert_eq!(doubled, 1, "2^{step} · {residue}");
        }
    }

    #[test]
    fn counts_only_crossings_before_the_last_step() {
        // r = −1 has r + 2 = 1 = 2⁻⁰: it crosses in its first step.
        assert!(!FEW.within(1, 0));
        assert!(FEW.within(1, 1));
        // r = −2 is a fixed point: r + 2 = 0 is no power.
        assert!(!FEW.within(0, FEW_STEPS));
    }
}
