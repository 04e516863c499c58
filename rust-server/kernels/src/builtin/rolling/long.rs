//! Long windows: the end of a block, whole blocks, and the beginning of a block.
//!
//! The windows that begin in one block share all but two parts, which shrink and grow by one element from a window to
//! the next: the rest of the block they begin in (*suffix*), and what comes after the last element of the first
//! window (*prefix*). Between these lies the *core*: whole blocks, and a few elements if the length is no multiple of
//! a block's.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::{
    aggregate::{Aggregate, Proportions, weights},
    short::lane_of,
};
use crate::{Context, context::Stopped, vectorize::vectorize};

/// The most elements of a block: the states of its suffixes and prefixes fit the first-level cache.
const BLOCK: usize = 1024;
/// Elements of a block that are pushed at once, where only the whole block matters.
const LANES: usize = 16;
/// [`weights`] of the counts of a block.
static WEIGHTS: [f64; BLOCK + 1] = weights();

/// The blocks of a series, prepared for windows of one length.
#[derive(Debug)]
pub(super) struct Plan<const N: usize, A> {
    length: usize,
    block: usize,
    /// How many whole blocks each core has.
    core_blocks: usize,
    /// These blocks joined, with 0 as their origin; by the block that the windows begin in.
    cores: Vec<[f64; N]>,
    /// By the length of the prefix.
    joints: Vec<Joint>,
    aggregate: PhantomData<A>,
}

/// How a prefix and a suffix that together are as long as a block are joined.
#[derive(Clone, Copy, Debug)]
struct Joint {
    suffix_inverse: f64,
    prefix_inverse: f64,
    proportions: Proportions,
}

/// The states of the suffixes or prefixes of one block.
type States<const N: usize> = [[f64; BLOCK]; N];

// === impl Plan ===

impl<const N: usize, A: Aggregate<N>> Plan<N, A> {
    pub(super) fn new(cx: &Context, x: &[f64], length: usize) -> Result<Self, Stopped> {
        let block = block_length(length);
        let core_blocks = length / block - 1;
        let cores = if core_blocks == 0 {
            vec![]
        } else {
            let blocks = x[block..].par_chunks_exact(block).map(|block| {
                cx.check()?;
                Ok(vectorize(
                    #[inline(always)]
                    || whole::<N, A>(block),
                ))
            });
            let blocks = blocks.collect::<Result<Vec<_>, _>>()?;
            joined::<N, A>(cx, &blocks, core_blocks, block)?
        };
        Ok(Self {
            length,
            block,
            core_blocks,
            cores,
            joints: (0..block).map(|prefix| Joint::new(block, prefix)).collect(),
            aggregate: PhantomData,
        })
    }

    /// Returns the number of elements of a block.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// Computes the windows that begin in some blocks, from the first element of the first of these on.
    #[inline(always)]
    pub(super) fn fill(&self, x: &[f64], first_block: usize, y: &mut [f64]) {
        let (mut suffixes, mut prefixes) = ([[0.0; BLOCK]; N], [[0.0; BLOCK]; N]);
        for (block, y) in (first_block..).zip(y.chunks_mut(self.block)) {
            let x = &x[block * self.block..];
            let origin = x[self.block - 1];
            scan::<N, A>(
                (&x[..self.block], &mut suffixes),
                (&x[self.length..][..y.len() - 1], &mut prefixes),
                origin,
            );
            self.join(y, &suffixes, &prefixes, self.core(x, block, origin));
        }
    }

    /// Returns what all windows that begin in a block have in common; `x` begins with the block.
    #[inline(always)]
    fn core(&self, x: &[f64], block: usize, origin: f64) -> Option<[f64; N]> {
        let whole = self.core_blocks * self.block;
        let rest = &x[self.block + whole..self.length];
        let blocks = self.cores.get(block).map(|core| A::shift(*core, -origin));
        if rest.is_empty() {
            return blocks;
        }
        let rest_state = A::settle(run::<N, A>(rest, origin), 1.0 / rest.len() as f64);
        Some(match blocks {
            Some(blocks) => A::join(blocks, rest_state, Proportions::new(whole, rest.len())),
            None => rest_state,
        })
    }

    /// Computes the windows that begin in a block, from its parts.
    #[inline(always)]
    fn join(
        &self,
        y: &mut [f64],
        suffixes: &States<N>,
        prefixes: &States<N>,
        core: Option<[f64; N]>,
    ) {
        let length = self.length as f64;
        let proportions = Proportions::new(self.block, self.length - self.block);
        let windows = y.iter_mut().zip(&self.joints).enumerate().take(BLOCK);
        match core {
            None => {
                for (index, (y, joint)) in windows {
                    *y = A::finish(ends::<N, A>(suffixes, prefixes, index, joint), length);
                }
            }
            Some(core) => {
                for (index, (y, joint)) in windows {
                    let ends = ends::<N, A>(suffixes, prefixes, index, joint);
                    *y = A::finish(A::join(ends, core, proportions), length);
                }
            }
        }
    }
}

// === impl Joint ===

impl Joint {
    fn new(block: usize, prefix: usize) -> Self {
        Self {
            suffix_inverse: 1.0 / (block - prefix) as f64,
            // The sum of no elements, 0, has the mean 0.
            prefix_inverse: 1.0 / prefix.max(1) as f64,
            proportions: Proportions::new(block - prefix, prefix),
        }
    }
}

/// Returns how many elements a block has: of the lengths that are not small, the one that divides best.
fn block_length(length: usize) -> usize {
    if length <= BLOCK {
        return length;
    }
    let candidates = (BLOCK / 2..=BLOCK).rev();
    candidates
        .min_by_key(|block| length % block)
        .unwrap_or(BLOCK)
}

/// Returns the suffix and the prefix of one window, joined.
#[inline(always)]
fn ends<const N: usize, A: Aggregate<N>>(
    suffixes: &States<N>,
    prefixes: &States<N>,
    index: usize,
    joint: &Joint,
) -> [f64; N] {
    let suffix = A::settle(lane_of(suffixes, index), joint.suffix_inverse);
    let prefix = A::settle(lane_of(prefixes, index), joint.prefix_inverse);
    A::join(suffix, prefix, joint.proportions)
}

/// Returns the running state of some elements, at most a block.
#[inline(always)]
fn run<const N: usize, A: Aggregate<N>>(x: &[f64], origin: f64) -> [f64; N] {
    let mut state = A::EMPTY;
    for ((index, x), weight) in x.iter().enumerate().zip(&WEIGHTS[1..]) {
        state = A::push(state, A::value(*x, origin), (index + 1) as f64, *weight);
    }
    state
}

/// Returns the settled state of a block, with 0 as its origin.
#[inline(always)]
fn whole<const N: usize, A: Aggregate<N>>(block: &[f64]) -> [f64; N] {
    let origin = block[block.len() - 1];
    let (groups, rest) = block.as_chunks::<LANES>();
    let mut states = [[0.0; LANES]; N];
    for (part, empty) in states.iter_mut().zip(A::EMPTY) {
        *part = [empty; LANES];
    }
    for ((index, group), weight) in groups.iter().enumerate().zip(&WEIGHTS[1..]) {
        for (lane, x) in group.iter().enumerate() {
            let value = A::value(*x, origin);
            let state = A::push(lane_of(&states, lane), value, (index + 1) as f64, *weight);
            for part in 0..N {
                states[part][lane] = state[part];
            }
        }
    }
    let mut state = A::settle(run::<N, A>(rest, origin), 1.0 / rest.len().max(1) as f64);
    let inverse = 1.0 / groups.len().max(1) as f64;
    for lane in 0..LANES {
        let before = rest.len() + lane * groups.len();
        let of_lane = A::settle(lane_of(&states, lane), inverse);
        state = A::join(state, of_lane, Proportions::new(before, groups.len()));
    }
    A::shift(state, origin)
}

/// Computes the states of all suffixes of some elements, and of all prefixes of others, from the empty one on.
#[inline(always)]
fn scan<const N: usize, A: Aggregate<N>>(
    (before, suffixes): (&[f64], &mut States<N>),
    (after, prefixes): (&[f64], &mut States<N>),
    origin: f64,
) {
    let (mut suffix, mut prefix) = (A::EMPTY, A::EMPTY);
    let count = before.len().min(BLOCK);
    // In one loop, so that neither chain of additions waits for the other.
    for index in 0..count {
        let (values, weight) = ((index + 1) as f64, WEIGHTS[index + 1]);
        let place = count - 1 - index;
        suffix = A::push(suffix, A::value(before[place], origin), values, weight);
        for part in 0..N {
            suffixes[part][place] = suffix[part];
            prefixes[part][index] = prefix[part];
        }
        if let Some(x) = after.get(index) {
            prefix = A::push(prefix, A::value(*x, origin), values, weight);
        }
    }
}

/// Returns every `count` neighbouring blocks joined; all blocks have the same length and origin.
fn joined<const N: usize, A: Aggregate<N>>(
    cx: &Context,
    blocks: &[[f64; N]],
    count: usize,
    length: usize,
) -> Result<Vec<[f64; N]>, Stopped> {
    let join = |a, a_blocks: usize, b, b_blocks: usize| {
        A::join(a, b, Proportions::new(a_blocks * length, b_blocks * length))
    };
    let (mut suffixes, mut prefixes) = (blocks.to_vec(), blocks.to_vec());
    let groups = suffixes.chunks_mut(count).zip(prefixes.chunks_mut(count));
    for (suffixes, prefixes) in groups {
        for index in 1..prefixes.len() {
            poll(cx, index)?;
            prefixes[index] = join(prefixes[index - 1], index, prefixes[index], 1);
            let place = suffixes.len() - 1 - index;
            suffixes[place] = join(suffixes[place], 1, suffixes[place + 1], index);
        }
    }
    let starts = 0..(blocks.len() + 1).saturating_sub(count);
    let window = |start: usize| {
        poll(cx, start)?;
        let in_prefix = start % count;
        Ok(if in_prefix == 0 {
            suffixes[start]
        } else {
            let prefix = prefixes[start + count - 1];
            join(suffixes[start], count - in_prefix, prefix, in_prefix)
        })
    };
    starts.map(window).collect()
}

/// Polls the context now and then.
fn poll(cx: &Context, index: usize) -> Result<(), Stopped> {
    if index.is_multiple_of(BLOCK) {
        cx.check()
    } else {
        Ok(())
    }
}
