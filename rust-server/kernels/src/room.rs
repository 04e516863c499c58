//! Room for results.

use rayon::prelude::*;

/// Elements that one thread clears sooner than several.
const FEW: usize = 1 << 16;

/// Returns so many zeros, to be overwritten.
///
/// Memory that was used before is cleared by hand, which takes as long as a simple kernel: all threads help.
pub(crate) fn room<T: Clone + Default + Send + Sync>(length: usize) -> Vec<T> {
    if length <= FEW {
        return vec![T::default(); length];
    }
    let mut room = Vec::with_capacity(length);
    room.par_extend(rayon::iter::repeat_n(T::default(), length).with_min_len(FEW));
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_length_asked_for() {
        for length in [0, 1, FEW, FEW + 1, 5 * FEW + 3] {
            assert_eq!(room::<i64>(length), vec![0; length]);
        }
    }
}
