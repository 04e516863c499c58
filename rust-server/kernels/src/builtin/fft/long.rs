//! Transforms of long vectors: many short ones of the library, with a poll between them, on all threads.
//!
//! With j = C·r + c and k = s + R·t, a transform of length R·C is one of length R for each of the C columns, a
//! rotation of each result by exp(−2πi · c · s / (R·C)), and one of length C for each of the R rows (Cooley and Tukey,
//! 1965; Bailey, *FFTs in external or hierarchical memory*, 1990). A length that has no such factors is made a
//! convolution, whose length may be a power of two (Bluestein, 1970).

use std::f64::consts::{PI, TAU};

use rayon::prelude::*;
use realfft::num_complex::Complex;
use rustfft::FftPlanner;

use crate::{Context, Stopped, room::room};

/// The longest transform that is left to the library as a whole: less than a millisecond.
const SHORT: usize = 1 << 14;
/// Rows that are gathered from columns together, so that a line of the cache is read once.
const TOGETHER: usize = 16;
/// Elements that a thread computes in a simple loop between two polls.
pub(super) const CHUNK: usize = 1 << 14;

pub(super) type Number = Complex<f64>;

// What cannot be transformed by rows and columns must not become a convolution that cannot be either.
const _: () = assert!(2 * super::MAX_LENGTH <= SHORT * SHORT);

/// Transforms a vector of any length.
pub(super) fn transform(cx: &Context, x: Vec<Number>) -> Result<Vec<Number>, Stopped> {
    match factors(x.len()) {
        Some((rows, columns)) => by_rows_and_columns(cx, x, rows, columns),
        None => by_convolution(cx, x),
    }
}

/// Returns how many bytes a transform takes, its argument and its result among them.
pub(super) fn bytes_of(length: usize) -> usize {
    let numbers = match factors(length) {
        Some(_) => 2 * length,
        None => length + 3 * length_of_convolution(length),
    };
    numbers * size_of::<Number>()
}

/// Returns two numbers of which a length is the product, as equal as may be, if both are short.
fn factors(length: usize) -> Option<(usize, usize)> {
    let rows = (1..=length.isqrt())
        .rev()
        .find(|rows| length.is_multiple_of(*rows))?;
    let columns = length / rows;
    (columns <= SHORT).then_some((rows, columns))
}

fn by_rows_and_columns(
    cx: &Context,
    mut x: Vec<Number>,
    rows: usize,
    columns: usize,
) -> Result<Vec<Number>, Stopped> {
    let mut planner = FftPlanner::new();
    let (of_columns, of_rows) = (
        planner.plan_fft_forward(rows),
        planner.plan_fft_forward(columns),
    );
    let roots = Roots::new(rows * columns);
    let mut other = room(cx, x.len())?;
    transpose(cx, &x, &mut other, columns, &|column, row| {
        of_columns.process(row);
        // The first is not rotated.
        for (k, number) in row.iter_mut().enumerate().skip(1) {
            *number *= roots.root(column * k);
        }
    })?;
    transpose(cx, &other, &mut x, rows, &|_, row| of_rows.process(row))?;
    transpose(cx, &x, &mut other, columns, &|_, _| ())?;
    Ok(other)
}

/// Makes the `columns` columns of a matrix the rows of another, and does something to each with its number.
fn transpose(
    cx: &Context,
    from: &[Number],
    to: &mut [Number],
    columns: usize,
    then: &(impl Fn(usize, &mut [Number]) + Sync),
) -> Result<(), Stopped> {
    let length = from.len() / columns;
    to.par_chunks_mut(TOGETHER * length)
        .enumerate()
        .try_for_each(|(block, rows)| {
            cx.check()?;
            let first = block * TOGETHER;
            for (position, line) in from.chunks_exact(columns).enumerate() {
                let line = &line[first..];
                for (row, number) in rows.chunks_exact_mut(length).zip(line) {
                    row[position] = *number;
                }
            }
            for (offset, row) in rows.chunks_exact_mut(length).enumerate() {
                cx.check()?;
                then(first + offset, row);
            }
            Ok(())
        })
}

/// With `c[j]` = exp(πi · j² / n), `X[k]` · `c[k]` is the sum of `x[j]` / `c[j]` · `c[k − j]` over all j.
fn by_convolution(cx: &Context, x: Vec<Number>) -> Result<Vec<Number>, Stopped> {
    let chirp = chirp(cx, x.len())?;
    // Around the end of the period is what has a negative index.
    let length = length_of_convolution(x.len());
    let mut left: Vec<Number> = room(cx, length)?;
    each(cx, &mut left[..x.len()], |j, number| {
        *number = x[j] * chirp[j].conj();
    })?;
    drop(x);
    let mut right: Vec<Number> = room(cx, length)?;
    each(cx, &mut right, |j, number| {
        if let Some(value) = chirp.get(j.min(length - j)) {
            *number = *value;
        }
    })?;
    let right = transform(cx, right)?;
    let mut product = transform(cx, left)?;
    // The inverse transform is the conjugate of the transform of the conjugate, divided by the length.
    each(cx, &mut product, |k, number| {
        *number = (*number * right[k]).conj();
    })?;
    drop(right);
    let mut convolved = transform(cx, product)?;
    convolved.truncate(chirp.len());
    let scale = 1.0 / length as f64;
    each(cx, &mut convolved, |k, number| {
        *number = number.conj() * chirp[k].conj() * scale;
    })?;
    Ok(convolved)
}

fn length_of_convolution(length: usize) -> usize {
    (2 * length - 1).next_power_of_two()
}

fn chirp(cx: &Context, length: usize) -> Result<Vec<Number>, Stopped> {
    let mut chirp = room(cx, length)?;
    each(cx, &mut chirp, |j, number| {
        // The angle of j² · π / n repeats after 2n.
        let squared = (j as u64 * j as u64) % (2 * length as u64);
        *number = Complex::cis(PI * squared as f64 / length as f64);
    })?;
    Ok(chirp)
}

/// Does something to each number with its index, on all threads.
pub(super) fn each<T: Send>(
    cx: &Context,
    numbers: &mut [T],
    action: impl Fn(usize, &mut T) + Sync,
) -> Result<(), Stopped> {
    numbers
        .par_chunks_mut(CHUNK)
        .enumerate()
        .try_for_each(|(chunk, numbers)| {
            cx.check()?;
            for (offset, number) in numbers.iter_mut().enumerate() {
                action(chunk * CHUNK + offset, number);
            }
            Ok(())
        })
}

/// The roots of unity exp(−2πi · j / n), each a product of two from small tables.
pub(super) struct Roots {
    /// The first 2^`bits` of them.
    fine: Vec<Number>,
    /// Every 2^`bits`-th of them.
    coarse: Vec<Number>,
    bits: u32,
}

// === impl Roots ===

impl Roots {
    pub(super) fn new(length: usize) -> Self {
        let bits = length.isqrt().next_power_of_two().trailing_zeros();
        let root = |j: usize| Complex::cis(-TAU * j as f64 / length as f64);
        Self {
            fine: (0..1 << bits).map(root).collect(),
            coarse: (0..=length >> bits).map(|j| root(j << bits)).collect(),
            bits,
        }
    }

    /// Returns root j, which is less than the length.
    #[inline]
    pub(super) fn root(&self, j: usize) -> Number {
        self.coarse[j >> self.bits] * self.fine[j & (self.fine.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_is_a_transform() {
        for length in [1, 2, 3, 64, 1001] {
            let x: Vec<_> = (0..length).map(|j| Number::cis(j as f64 * 0.7)).collect();
            let cx = Context::default();
            let direct = transform(&cx, x.clone()).expect("nothing stops it");
            let convolved = by_convolution(&cx, x).expect("nothing stops it");
            assert_eq!(direct.len(), convolved.len());
            for (direct, convolved) in direct.iter().zip(convolved) {
                assert!((direct - convolved).norm() < 1e-10, "{length}");
            }
        }
    }

    #[test]
    fn a_length_has_factors_that_the_library_transforms_soon() {
        assert_eq!(factors(1 << 21), Some((1 << 10, 1 << 11)));
        assert_eq!(factors(7 * 16_381), Some((7, 16_381)));
        assert_eq!(factors(16_411), None, "a prime over the limit");
    }
}
