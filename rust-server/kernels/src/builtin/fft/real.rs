//! Transforms of long real vectors, by complex ones.

use rayon::prelude::*;

use super::{
    Spectrum,
    long::{self, CHUNK, Number, Roots},
};
use crate::{Context, Stopped, room::room};

/// Returns the length of the complex vector that so many reals are transformed as: two reals are one number, if they
/// can be paired.
pub(super) fn complex_length(length: usize) -> usize {
    if length.is_multiple_of(2) {
        length / 2
    } else {
        length
    }
}

/// Transforms a vector of any length.
pub(super) fn transform(cx: &Context, x: &[f64]) -> Result<Spectrum, Stopped> {
    let mut numbers = room(cx, complex_length(x.len()))?;
    if x.len().is_multiple_of(2) {
        long::each(cx, &mut numbers, |j, number| {
            *number = Number::new(x[2 * j], x[2 * j + 1]);
        })?;
        let transformed = long::transform(cx, numbers)?;
        let roots = Roots::new(x.len());
        spectrum(cx, x.len(), |k| unpaired(&transformed, &roots, k))
    } else {
        long::each(cx, &mut numbers, |j, number| number.re = x[j])?;
        let transformed = long::transform(cx, numbers)?;
        spectrum(cx, x.len(), |k| transformed[k])
    }
}

/// Returns element k of the transform of a real vector, from the transform of its pairs.
///
/// Their real and their imaginary parts are vectors of their own, whose transforms are the even and the odd half of
/// that of the pairs.
#[inline]
fn unpaired(pairs: &[Number], roots: &Roots, k: usize) -> Number {
    let half = pairs.len();
    let this = pairs[if k == half { 0 } else { k }];
    let mirrored = pairs[if k == 0 { 0 } else { half - k }].conj();
    let (first, second) = ((this + mirrored) * 0.5, (this - mirrored) * 0.5);
    let second = Number::new(second.im, -second.re);
    first + second * roots.root(k)
}

fn spectrum(
    cx: &Context,
    length: usize,
    element: impl Fn(usize) -> Number + Sync,
) -> Result<Spectrum, Stopped> {
    let count = length / 2 + 1;
    let mut spectrum = Spectrum {
        real: room(cx, count)?,
        imaginary: room(cx, count)?,
    };
    let parts = spectrum
        .real
        .par_chunks_mut(CHUNK)
        .zip(spectrum.imaginary.par_chunks_mut(CHUNK))
        .enumerate();
    parts.try_for_each(|(chunk, (real, imaginary))| {
        cx.check()?;
        for (offset, (real, imaginary)) in real.iter_mut().zip(imaginary).enumerate() {
            let number = element(chunk * CHUNK + offset);
            (*real, *imaginary) = (number.re, number.im);
        }
        Ok(())
    })?;
    Ok(spectrum)
}
