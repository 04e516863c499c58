//! `quantiles`: exact quantiles, by counting leading bits.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*, room::room};

/// The most quantiles of one call.
const MAX_QUANTILES: usize = 65_536;
/// Bits that are looked at in one pass: sign, exponent and the beginning of the fraction, in counters that a core's
/// cache holds.
const BITS: u32 = 14;
/// Candidates that are sorted instead of counted again: less than a millisecond of work.
const FEW: usize = 1 << 14;
/// Elements between two polls of the context.
const CHUNK: usize = 1 << 16;
/// Nanoseconds for each element, and for each quantile with the candidates that are sorted for it.
const TIME_PER_ELEMENT: usize = 4;
const TIME_PER_QUANTILE: usize = 20_000;
/// The sign of a float.
const SIGN: u64 = 1 << 63;

/// Exact quantiles of a vector.
///
/// The quantile of q is the number at position h = (n − 1) · q of the n numbers in order, from 0; between two
/// positions it is interpolated linearly. This is type 7 of Hyndman and Fan (*Sample Quantiles in Statistical
/// Packages*, 1996), the default of NumPy and R. An empty x is an error, NaN in x makes every quantile NaN, an
/// infinite neighbour makes an interpolated one infinite or NaN.
///
/// A radix selection: leading bits are counted, and only numbers whose leading bits are those of a wanted position are
/// looked at again. Nothing is estimated, and the result is the same on any number of threads. Takes time in n, and
/// the memory of two vectors.
#[kernel(
    cost_ns = TIME_PER_ELEMENT * x.len() + TIME_PER_QUANTILE * q.len(),
    memory = 16 * x.len() + 24 * q.len(),
    example = r#"{"x": [3.0, 1.0, 2.0, 5.0], "q": [0.0, 0.5, 1.0]}"#
)]
pub fn quantiles(
    cx: &Context,
    /// The numbers, at least one.
    x: &[f64],
    /// Which quantiles, each from 0 to 1; at most 65536.
    #[arg(min = 0.0, max = 1.0)]
    q: &[f64],
) -> Result<Vec<f64>, KernelError> {
    if x.is_empty() {
        return Err(KernelError::argument(
            "x",
            "an empty vector has no quantiles",
        ));
    }
    if q.len() > MAX_QUANTILES {
        let message = format!(
            "there are {} quantiles, over the limit of {MAX_QUANTILES}",
            q.len()
        );
        return Err(KernelError::argument("q", message));
    }
    let Some(keys) = keys(cx, x)? else {
        return Ok(vec![f64::NAN; q.len()]);
    };
    let positions: Vec<Position> = q.iter().map(|q| Position::of(*q, x.len())).collect();
    let mut ranks: Vec<usize> = positions.iter().flat_map(|p| [p.below, p.above]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let mut found = Vec::with_capacity(ranks.len());
    select(cx, keys, u64::BITS, &ranks, 0, &mut found)?;
    let at = |rank: usize| -> f64 {
        let index = ranks.binary_search(&rank).expect("every rank was selected");
        number(found[index])
    };
    let mut quantiles = Vec::with_capacity(q.len());
    for positions in positions.chunks(CHUNK) {
        cx.check()?;
        quantiles.extend(
            positions
                .iter()
                .map(|p| p.between(at(p.below), at(p.above))),
        );
    }
    Ok(quantiles)
}

/// Where a quantile is among the numbers in order.
#[derive(Clone, Copy)]
struct Position {
    below: usize,
    above: usize,
    share: f64,
}

// === impl Position ===

impl Position {
    fn of(q: f64, count: usize) -> Self {
        let last = count - 1;
        let exact = last as f64 * q;
        let below = (exact.floor() as usize).min(last);
        let share = exact - below as f64;
        let above = if share > 0.0 {
            (below + 1).min(last)
        } else {
            below
        };
        Self {
            below,
            above,
            share,
        }
    }

    /// Interpolates, from the nearer side, so that the result is never beyond either.
    fn between(self, below: f64, above: f64) -> f64 {
        if self.below == self.above || below == above {
            below
        } else if self.share < 0.5 {
            below + (above - below) * self.share
        } else {
            above - (above - below) * (1.0 - self.share)
        }
    }
}

/// Returns keys that order as the numbers do; nothing if one of them is NaN.
fn keys(cx: &Context, x: &[f64]) -> Result<Option<Vec<u64>>, Stopped> {
    let mut keys = room(cx, x.len())?;
    let chunks = keys.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    let is_sound = chunks.map(|(keys, x)| {
        cx.check()?;
        let mut has_nan = false;
        for (key, x) in keys.iter_mut().zip(x) {
            has_nan |= x.is_nan();
            // 0 + −0 is 0.
            let bits = (x + 0.0).to_bits();
            let is_negative = bits & SIGN != 0;
            *key = bits ^ if is_negative { u64::MAX } else { SIGN };
        }
        Ok(!has_nan)
    });
    let is_sound = is_sound.try_reduce(|| true, |a, b| Ok(a && b))?;
    Ok(is_sound.then_some(keys))
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key & SIGN != 0 { key ^ SIGN } else { !key })
}

/// Appends the keys at these ranks to `found`; the least of `keys` has the rank `first`, and all of them have the
/// same bits from `bits` on.
fn select(
    cx: &Context,
    mut keys: Vec<u64>,
    bits: u32,
    ranks: &[usize],
    first: usize,
    found: &mut Vec<u64>,
) -> Result<(), Stopped> {
    cx.check()?;
    if keys.len() <= FEW || bits == 0 {
        if bits > 0 {
            keys.sort_unstable();
        }
        found.extend(ranks.iter().map(|rank| keys[rank - first]));
        return Ok(());
    }
    let shift = bits.saturating_sub(BITS);
    let digit = |key: u64| (key >> shift) as usize & ((1 << (bits - shift)) - 1);
    let counts = count(cx, &keys, digit)?;
    // The digits that hold a wanted rank, each with its ranks.
    let mut wanted = vec![];
    let mut slots = vec![None; counts.len()];
    let (mut start, mut rest) = (first, ranks);
    for (slot, count) in slots.iter_mut().zip(&counts) {
        let end = start + *count as usize;
        let (here, later) = rest.split_at(rest.partition_point(|rank| *rank < end));
        if !here.is_empty() {
            *slot = Some(wanted.len());
            wanted.push((start, here));
        }
        (start, rest) = (end, later);
    }
    let parts = gather(cx, &keys, wanted.len(), |key| slots[digit(key)])?;
    drop(keys);
    for (part, (start, ranks)) in parts.into_iter().zip(wanted) {
        select(cx, part, shift, ranks, start, found)?;
    }
    Ok(())
}

/// Counts how many keys have each digit.
fn count(
    cx: &Context,
    keys: &[u64],
    digit: impl Fn(u64) -> usize + Sync,
) -> Result<Vec<u32>, Stopped> {
    let chunks = keys.par_chunks(CHUNK).map(|keys| {
        cx.check()?;
        let mut counts = vec![0_u32; 1 << BITS];
        for key in keys {
            counts[digit(*key)] += 1;
        }
        Ok(counts)
    });
    chunks.try_reduce(
        || vec![0; 1 << BITS],
        |mut all, counts| {
            all.iter_mut()
                .zip(counts)
                .for_each(|(all, count)| *all += count);
            Ok(all)
        },
    )
}

/// Returns the keys of each slot.
fn gather(
    cx: &Context,
    keys: &[u64],
    slots: usize,
    slot: impl Fn(u64) -> Option<usize> + Sync,
) -> Result<Vec<Vec<u64>>, Stopped> {
    let chunks = keys.par_chunks(CHUNK).map(|keys| {
        cx.check()?;
        let mut parts = vec![vec![]; slots];
        for key in keys {
            if let Some(slot) = slot(*key) {
                parts[slot].push(*key);
            }
        }
        Ok(parts)
    });
    chunks.try_reduce(
        || vec![vec![]; slots],
        |mut all: Vec<Vec<u64>>, parts| {
            cx.check()?;
            all.iter_mut()
                .zip(parts)
                .for_each(|(all, part)| all.extend(part));
            Ok(all)
        },
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    fn of(x: &[f64], q: &[f64]) -> Vec<f64> {
        quantiles(&Context::default(), x, q).expect("there are numbers")
    }

    /// Computes quantiles by sorting.
    fn literal(x: &[f64], q: &[f64]) -> Vec<f64> {
        let mut sorted = x.to_vec();
        sorted.sort_by(f64::total_cmp);
        let of = |q: &f64| {
            let position = Position::of(*q, x.len());
            position.between(sorted[position.below], sorted[position.above])
        };
        q.iter().map(of).collect()
    }

    #[test]
    fn interpolates_between_neighbours() {
        let x = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(of(&x, &[0.0, 0.5, 0.75, 1.0]), [1.0, 2.5, 3.25, 4.0]);
        assert_eq!(of(&[7.0], &[0.0, 0.3, 1.0]), [7.0; 3]);
        assert!(of(&x, &[]).is_empty());
    }

    #[test]
    fn takes_infinities_as_numbers_and_nan_as_none() {
        let x = [f64::INFINITY, 0.0, f64::NEG_INFINITY];
        assert_eq!(
            of(&x, &[0.0, 0.5, 1.0]),
            [f64::NEG_INFINITY, 0.0, f64::INFINITY]
        );
        assert!(of(&[1.0, f64::NAN], &[0.0, 1.0]).iter().all(|y| y.is_nan()));
    }

    #[test]
    fn refuses_what_has_no_quantiles() {
        let refused = quantiles(&Context::default(), &[], &[0.5]).expect_err("empty");
        assert_eq!(refused.to_string(), "x: an empty vector has no quantiles");
        let many = vec![0.5; MAX_QUANTILES + 1];
        let refused = quantiles(&Context::default(), &[1.0], &many).expect_err("too many");
        assert!(
            refused.to_string().starts_with("q: there are 65537"),
            "{refused}"
        );
    }

    #[test]
    fn selects_among_many_numbers_however_they_are_spread() {
        let n = 300_000;
        let q = [0.0, 0.001, 0.25, 0.5, 0.500_001, 0.75, 0.999, 1.0];
        let spread: [fn(usize) -> f64; 4] = [
            |i| ((i * 7919) % 300_007) as f64,
            |i| ((i * 7919) % 3) as f64,
            |_| -0.0,
            |i| (((i * 7919) % 300_007) as f64 - 150_000.0).powi(7),
        ];
        for number in spread {
            let x: Vec<f64> = (0..n).map(number).collect();
            let on_threads = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool").install(|| of(&x, &q))
            };
            assert_eq!(on_threads(1), literal(&x, &q));
            assert_eq!(on_threads(4), literal(&x, &q));
        }
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        let stopped = quantiles(&context, &[1.0], &[0.5]);
        assert_eq!(stopped, Err(KernelError::Stopped(Stopped)));
    }

    proptest! {
        #[test]
        fn agrees_with_sorting(
            x in proptest::collection::vec(-1e3..1e3_f64, 1..100),
            q in proptest::collection::vec(0.0..=1.0_f64, 0..10),
        ) {
            prop_assert_eq!(of(&x, &q), literal(&x, &q));
        }
    }
}
