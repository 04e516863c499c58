//! Short windows: each is computed for itself.

use super::{
    SHORT,
    aggregate::{Aggregate, weights},
};

/// Windows that are computed at once.
const LANES: usize = 64;
static WEIGHTS: [f64; SHORT + 1] = weights();

/// Computes the windows of so many elements, at most [`SHORT`], that begin at each of the first elements of `x`.
#[inline(always)]
pub(super) fn fill<const N: usize, A: Aggregate<N>>(x: &[f64], length: usize, y: &mut [f64]) {
    let (chunks, rest) = y.as_chunks_mut::<LANES>();
    let start = chunks.len() * LANES;
    for (index, y) in chunks.iter_mut().enumerate() {
        fill_lanes::<N, LANES, A>(&x[index * LANES..], length, y);
    }
    for (index, y) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
        fill_lanes::<N, 1, A>(&x[start + index..], length, y);
    }
}

#[inline(always)]
fn fill_lanes<const N: usize, const L: usize, A: Aggregate<N>>(
    x: &[f64],
    length: usize,
    y: &mut [f64; L],
) {
    let mut states = [[0.0; L]; N];
    for (part, empty) in states.iter_mut().zip(A::EMPTY) {
        *part = [empty; L];
    }
    let origins = lanes::<L>(x);
    for offset in 0..length {
        let (count, weight) = ((offset + 1) as f64, WEIGHTS[offset + 1]);
        let x = lanes::<L>(&x[offset..]);
        for lane in 0..L {
            let value = A::value(x[lane], origins[lane]);
            let state = A::push(lane_of(&states, lane), value, count, weight);
            for part in 0..N {
                states[part][lane] = state[part];
            }
        }
    }
    let inverse = 1.0 / length as f64;
    for (lane, y) in y.iter_mut().enumerate() {
        let state = A::settle(lane_of(&states, lane), inverse);
        *y = A::finish(state, length as f64);
    }
}

/// Returns the state of one lane, by a loop that the compiler turns into vectors (unlike `array::map`).
#[inline(always)]
pub(super) fn lane_of<const N: usize, const L: usize>(
    states: &[[f64; L]; N],
    lane: usize,
) -> [f64; N] {
    let mut state = [0.0; N];
    for part in 0..N {
        state[part] = states[part][lane];
    }
    state
}

#[inline(always)]
fn lanes<const L: usize>(x: &[f64]) -> &[f64; L] {
    x.first_chunk().expect("each window is complete")
}
