//! The kernels of this crate, one file each.

use crate::catalogue::Catalogue;

pub mod describe;
pub mod ema;
pub mod evaluate;
pub mod factorize;
pub mod fft;
pub mod linear_regression;
pub mod matmul;
pub mod monte_carlo_option;
pub mod process_numbers;
pub mod quantiles;
pub mod rolling;
pub mod sort;
pub mod sum_squares;

/// Returns a catalogue of all kernels of this crate. A new kernel is one line here.
pub(crate) fn all() -> Catalogue {
    Catalogue::default()
        .with(describe::Describe)
        .with(ema::Ema)
        .with(evaluate::Evaluate)
        .with(factorize::Factorize)
        .with(fft::Fft)
        .with(linear_regression::LinearRegression)
        .with(matmul::Matmul)
        .with(monte_carlo_option::MonteCarloOption)
        .with(process_numbers::ProcessNumbers)
        .with(quantiles::Quantiles)
        .with(rolling::Rolling)
        .with(sort::Sort)
        .with(sum_squares::SumSquares)
}
