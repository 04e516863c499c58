//! The kernels of this crate, one file each.

use crate::catalogue::Catalogue;

pub mod ema;
pub mod evaluate;
pub mod factorize;
pub mod process_numbers;
pub mod sum_squares;

/// Returns a catalogue of all kernels of this crate. A new kernel is one line here.
pub(crate) fn all() -> Catalogue {
    Catalogue::default()
        .with(ema::Ema)
        .with(evaluate::Evaluate)
        .with(factorize::Factorize)
        .with(process_numbers::ProcessNumbers)
        .with(sum_squares::SumSquares)
}
