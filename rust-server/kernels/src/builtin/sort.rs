//! `sort`: a stable sort with its permutation, by merging.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*, room::room};

/// Elements that are sorted at once, and merged between two polls of the context: some hundred microseconds.
const BLOCK: usize = 1 << 14;
/// Nanoseconds for each element and each level of merging.
const TIME_PER_STEP: f64 = 3.5;
/// What is over every number.
const NAN: u64 = u64::MAX;
/// The sign of a float.
const SIGN: u64 = 1 << 63;

/// The results of [`sort`].
#[derive(Clone, Debug, Outputs, PartialEq)]
pub struct Sorted {
    /// The numbers in order.
    pub values: Vec<f64>,
    /// For each of them its position in x, from 0.
    pub permutation: Vec<i64>,
}

/// Stable sort of a vector: its numbers in order, and where each came from.
///
/// `values[i]` is `x[permutation[i]]`. Equal numbers keep their order, also in a descending sort; 0 and −0 are equal.
/// NaN comes last in both orders, each NaN in its place among them. An empty vector gives two empty ones.
///
/// A merge sort of blocks, whose merges are cut into pieces of equal length (Odeh, Green, Mwassi, Shmueli and Birk,
/// *Merge Path*, 2012). The result is the same on any number of threads. Takes time in n · log n and the memory of six
/// vectors.
#[kernel(
    cost_ns = TIME_PER_STEP * x.len() as f64 * (2.0 + x.len() as f64).log2(),
    memory = 48 * x.len(),
    example = r#"{"x": [3.0, 1.0, 2.0]}"#
)]
pub fn sort(
    cx: &Context,
    /// The numbers, at most 4 294 967 295.
    x: &[f64],
    /// Whether the greatest number comes first.
    #[arg(default = false)]
    descending: bool,
) -> Result<Sorted, KernelError> {
    if u32::try_from(x.len()).is_err() {
        let message = format!(
            "the vector has {} elements, over the limit of {}",
            x.len(),
            u32::MAX
        );
        return Err(KernelError::argument("x", message));
    }
    let entries = merged(cx, sorted_blocks(cx, x, descending)?)?;
    let mut sorted = Sorted {
        values: room(cx, x.len())?,
        permutation: room(cx, x.len())?,
    };
    let outputs = sorted
        .values
        .par_chunks_mut(BLOCK)
        .zip(sorted.permutation.par_chunks_mut(BLOCK));
    outputs
        .zip(entries.par_chunks(BLOCK))
        .try_for_each(|((values, permutation), entries)| {
            cx.check()?;
            for ((value, position), entry) in values.iter_mut().zip(permutation).zip(entries) {
                let index = entry.index();
                *position = i64::from(index);
                *value = x[index as usize];
            }
            Ok::<_, Stopped>(())
        })?;
    Ok(sorted)
}

/// A key that orders as the number does, and the position of the number below it: so no two are equal, and a sort
/// of them is stable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

// === impl Entry ===

impl Entry {
    fn new(number: f64, index: u32, descending: bool) -> Self {
        // 0 + −0 is 0.
        let bits = (number + 0.0).to_bits();
        let ascending = if bits & SIGN == 0 { bits | SIGN } else { !bits };
        let key = match (number.is_nan(), descending) {
            (true, _) => NAN,
            (false, false) => ascending,
            (false, true) => !ascending,
        };
        Self(u128::from(key) << 64 | u128::from(index))
    }

    fn index(self) -> u32 {
        self.0 as u32
    }
}

fn sorted_blocks(cx: &Context, x: &[f64], descending: bool) -> Result<Vec<Entry>, Stopped> {
    let mut entries = room(cx, x.len())?;
    let blocks = entries
        .par_chunks_mut(BLOCK)
        .zip(x.par_chunks(BLOCK))
        .enumerate();
    blocks.try_for_each(|(block, (entries, x))| {
        cx.check()?;
        for (offset, (entry, number)) in entries.iter_mut().zip(x).enumerate() {
            let index = (block * BLOCK + offset) as u32; // of a vector that is not longer
            *entry = Entry::new(*number, index, descending);
        }
        entries.sort_unstable();
        Ok::<_, Stopped>(())
    })?;
    Ok(entries)
}

/// Merges sorted blocks, level by level.
fn merged(cx: &Context, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Stopped> {
    let mut other = room(cx, entries.len())?;
    let mut run = BLOCK;
    while run < entries.len() {
        let pieces = other.par_chunks_mut(BLOCK).enumerate();
        pieces.try_for_each(|(piece, output)| {
            cx.check()?;
            let start = piece * BLOCK;
            // A run is a whole number of pieces, so each piece belongs to one pair of runs.
            let pair = start / (2 * run) * (2 * run);
            let middle = (pair + run).min(entries.len());
            let end = (pair + 2 * run).min(entries.len());
            let (left, right) = (&entries[pair..middle], &entries[middle..end]);
            let skipped = split(left, right, start - pair);
            merge(&left[skipped..], &right[start - pair - skipped..], output);
            Ok::<_, Stopped>(())
        })?;
        std::mem::swap(&mut entries, &mut other);
        run *= 2;
    }
    Ok(entries)
}

/// Returns how many of the `count` least entries are in `left`.
fn split(left: &[Entry], right: &[Entry], count: usize) -> usize {
    let (mut least, mut most) = (count.saturating_sub(right.len()), count.min(left.len()));
    while least < most {
        let middle = least.midpoint(most);
        if left[middle] < right[count - middle - 1] {
            least = middle + 1;
        } else {
            most = middle;
        }
    }
    least
}

/// Fills `output` with the least entries of both.
fn merge(left: &[Entry], right: &[Entry], output: &mut [Entry]) {
    let (mut i, mut j, mut filled) = (0, 0, 0);
    while i < left.len() && j < right.len() && filled < output.len() {
        // Without a branch, which would be mispredicted half of the time.
        let is_left = left[i] < right[j];
        output[filled] = if is_left { left[i] } else { right[j] };
        i += usize::from(is_left);
        j += usize::from(!is_left);
        filled += 1;
    }
    let rest = &mut output[filled..];
    let remaining = if i < left.len() {
        &left[i..]
    } else {
        &right[j..]
    };
    rest.copy_from_slice(&remaining[..rest.len()]);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    fn sorted(x: &[f64], descending: bool) -> Sorted {
        sort(&Context::default(), x, descending).expect("it sorts")
    }

    /// Sorts by the definition.
    fn literal(x: &[f64], descending: bool) -> Vec<i64> {
        let mut permutation: Vec<i64> = (0..x.len() as i64).collect();
        permutation.sort_by(|i, j| {
            let (a, b) = (x[*i as usize], x[*j as usize]);
            let numbers = a
                .partial_cmp(&b)
                .map(|o| if descending { o.reverse() } else { o });
            numbers.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        });
        permutation
    }

    #[test]
    fn puts_nan_last_and_keeps_the_order_of_equals() {
        let x = [
            f64::NAN,
            0.0,
            -0.0,
            f64::INFINITY,
            -1.0,
            f64::NEG_INFINITY,
            f64::NAN,
            -0.0,
        ];
        assert_eq!(sorted(&x, false).permutation, [5, 4, 1, 2, 7, 3, 0, 6]);
        assert_eq!(sorted(&x, true).permutation, [3, 1, 2, 7, 4, 5, 0, 6]);
        let values = sorted(&x, false).values;
        assert!(values[3].is_sign_negative() && values[2].is_sign_positive());
        assert_eq!(sorted(&[], false).permutation, [0_i64; 0]);
    }

    #[test]
    fn sorts_several_blocks_on_any_number_of_threads() {
        for length in [BLOCK - 1, BLOCK, 2 * BLOCK + 1, 5 * BLOCK + 17, 8 * BLOCK] {
            let x: Vec<f64> = (0..length).map(|i| ((i * 7919) % 1009) as f64).collect();
            let on_threads = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool")
                    .install(|| sorted(&x, length % 2 == 0))
            };
            let one = on_threads(1);
            assert!(one == on_threads(4));
            assert!(one.permutation == literal(&x, length % 2 == 0), "{length}");
        }
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        assert_eq!(
            sort(&context, &[1.0], false),
            Err(KernelError::Stopped(Stopped))
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            x in proptest::collection::vec(
                prop_oneof![any::<f64>(), (-2_i8..3).prop_map(f64::from), Just(f64::NAN)],
                0..200,
            ),
            descending: bool,
        ) {
            let found = sorted(&x, descending);
            prop_assert_eq!(&found.permutation, &literal(&x, descending));
            for (value, position) in found.values.iter().zip(&found.permutation) {
                prop_assert_eq!(value.to_bits(), x[*position as usize].to_bits());
            }
        }

        #[test]
        fn splits_where_a_merge_would_be(
            mut left in proptest::collection::vec(any::<u128>(), 0..20),
            mut right in proptest::collection::vec(any::<u128>(), 0..20),
        ) {
            left.sort_unstable();
            right.sort_unstable();
            let entries = |x: &[u128]| x.iter().map(|x| Entry(*x)).collect::<Vec<_>>();
            let (left, right) = (entries(&left), entries(&right));
            let mut all = vec![Entry::default(); left.len() + right.len()];
            merge(&left, &right, &mut all);
            prop_assert!(all.is_sorted());
            for count in 0..=all.len() {
                let taken = split(&left, &right, count);
                let mut piece = vec![Entry::default(); all.len() - count];
                merge(&left[taken..], &right[count - taken..], &mut piece);
                prop_assert_eq!(&piece, &all[count..]);
            }
        }
    }
}
