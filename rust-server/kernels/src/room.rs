//! Room for results.

use rayon::prelude::*;

use crate::{Context, Stopped};

/// Elements that one thread clears sooner than several.
const FEW: usize = 1 << 16;
/// Elements that are cleared between two polls of the context.
const PIECE: usize = 1 << 20;

/// Returns so many zeros, to be overwritten.
///
/// Memory that was used before is cleared by hand, which takes as long as a simple kernel: all threads help.
///
/// # Errors
///
/// [`Stopped`] if `cx` asked to stop.
pub(crate) fn room<T: Clone + Default + Send + Sync>(
    cx: &Context,
    length: usize,
) -> Result<Vec<T>, Stopped> {
    cx.check()?;
    if length <= FEW {
        return Ok(vec![T::default(); length]);
    }
    let mut room = Vec::with_capacity(length);
    while room.len() < length {
        cx.check()?;
        let count = PIECE.min(length - room.len());
        room.par_extend(rayon::iter::repeat_n(T::default(), count).with_min_len(FEW));
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_length_asked_for() {
        for length in [0, 1, FEW, FEW + 1, 5 * FEW + 3, 2 * PIECE + 1] {
            let room = room::<i64>(&Context::default(), length);
            assert_eq!(room, Ok(vec![0; length]));
        }
    }
}
