//! Which negative chains become non-negative.
//!
//! After k steps a chain that began at r is −1 exactly if 2ᵏ · (r + 2) − 2 ≡ −1, that is, if
//! r + 2 ≡ 2⁻ᵏ modulo M. The order of 2 modulo M is 500 000 003, far over the greatest number of
//! steps, so these residues all differ, and each has one k.

use std::sync::OnceLock;

use super::{MAX_ROUNDS, closed_form::MODULUS};
use crate::{Context, Stopped, room::room};

/// Steps that the small table covers; with its filter it fits the first-level cache.
const FEW_STEPS: u32 = 2048;

/// Steps between two polls of the context while a table is made.
const CHUNK: u32 = 1 << 14;

static FEW: OnceLock<Crossings> = OnceLock::new();
/// 20 MB, made in some tens of milliseconds by the first call with many rounds.
static MANY: OnceLock<Crossings> = OnceLock::new();

/// The residues 2⁻ᵏ for every k below a bound, with their k.
#[derive(Debug)]
pub(super) struct Crossings {
    /// A bit for the low bits of each residue: tells most residues that are not in `steps` at once.
    filter: Vec<u64>,
    /// Pairs of a residue and its k, each in the first free place from that of the residue on. A power of two of
    /// them, at least half of them free: no residue is 0.
    steps: Vec<(u32, u32)>,
}

/// Returns a table that covers at least `steps` steps.
pub(super) fn up_to(cx: &Context, steps: u32) -> Result<&'static Crossings, Stopped> {
    let (table, bound) = if steps <= FEW_STEPS {
        (&FEW, FEW_STEPS)
    } else {
        (&MANY, MAX_ROUNDS)
    };
    if let Some(crossings) = table.get() {
        return Ok(crossings);
    }
    // Calls that come meanwhile make one as well, so that each can be stopped.
    let crossings = Crossings::new(cx, bound)?;
    Ok(table.get_or_init(|| crossings))
}

// === impl Crossings ===

impl Crossings {
    fn new(cx: &Context, bound: u32) -> Result<Self, Stopped> {
        // 32 bits a residue let one of 32 foreign residues pass.
        let words = (bound as usize * 32 / 64).next_power_of_two();
        let mut crossings = Self {
            filter: room(cx, words)?,
            steps: room(cx, 2 * (bound as usize).next_power_of_two())?,
        };
        let mut residue = 1;
        for step in 0..bound {
            if step.is_multiple_of(CHUNK) {
                cx.check()?;
            }
            let (word, bit) = place(residue, words);
            crossings.filter[word] |= bit;
            let index = crossings.find(residue);
            crossings.steps[index] = (residue, step);
            residue = halve(residue);
        }
        Ok(crossings)
    }

    /// Returns whether a negative chain that began at r, with `shifted` = r + 2 modulo M, is −1
    /// before its last of `steps` steps.
    #[inline]
    pub(super) fn within(&self, shifted: u32, steps: u32) -> bool {
        let (word, bit) = place(shifted, self.filter.len());
        self.filter[word] & bit != 0 && self.step_of(shifted).is_some_and(|step| step < steps)
    }

    fn step_of(&self, shifted: u32) -> Option<u32> {
        let (residue, step) = self.steps[self.find(shifted)];
        (residue != 0 && residue == shifted).then_some(step)
    }

    /// Returns where a residue is, or where it would be.
    fn find(&self, residue: u32) -> usize {
        let mask = self.steps.len() - 1;
        let mut index = residue as usize & mask;
        while !matches!(self.steps[index].0, found if found == 0 || found == residue) {
            index = (index + 1) & mask;
        }
        index
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
    use std::collections::HashSet;

    use super::*;
    use crate::testing::stopped;

    fn table(steps: u32) -> &'static Crossings {
        up_to(&Context::default(), steps).expect("nothing stops it")
    }

    #[test]
    fn holds_each_inverse_power_of_two_once() {
        let many = table(MAX_ROUNDS);
        let taken = many.steps.iter().filter(|&&(residue, _)| residue != 0);
        let residues: HashSet<_> = taken.clone().map(|&(residue, _)| residue).collect();
        assert_eq!(
            (residues.len(), taken.clone().count()),
            (MAX_ROUNDS as usize, MAX_ROUNDS as usize)
        );
        for &(residue, step) in taken.step_by(997) {
            let doubled = (0..step).fold(u64::from(residue), |r, _| r * 2 % MODULUS as u64);
            assert_eq!(doubled, 1, "2^{step} · {residue}");
        }
    }

    #[test]
    fn counts_only_crossings_before_the_last_step() {
        let few = table(FEW_STEPS);
        // r = −1 has r + 2 = 1 = 2⁻⁰: it crosses in its first step.
        assert!(!few.within(1, 0));
        assert!(few.within(1, 1));
        // r = −2 is a fixed point: r + 2 = 0 is no power.
        assert!(!few.within(0, FEW_STEPS));
    }

    #[test]
    fn stops_while_a_table_is_made() {
        assert!(matches!(
            Crossings::new(&stopped(), MAX_ROUNDS),
            Err(Stopped)
        ));
    }
}
