//! `monte_carlo_option`: the price of a European option, by simulation.

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::{
    context::Stopped,
    elementary::{Exp, map},
    prelude::*,
    vectorize::vectorize,
};

/// Draws that one stream of random numbers is for, between two polls of the context: some tens of microseconds.
const BLOCK: usize = 4096;
/// The most paths: they take about a minute on one core.
const MAX_PATHS: i64 = 10_000_000_000;
/// Nanoseconds for each path.
const TIME_PER_PATH: f64 = 6.0;
/// The greatest rate, volatility and maturity that are taken for more than a slip of the pen.
const GREATEST: f64 = 1000.0;

/// What the holder of the option may do.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Buy at the strike.
    Call,
    /// Sell at the strike.
    Put,
}

/// The results of [`monte_carlo_option`].
#[derive(Clone, Copy, Debug, Outputs, PartialEq)]
pub struct Price {
    /// The estimated price.
    pub price: f64,
    /// The standard error of the estimate.
    pub standard_error: f64,
}

/// Price of a European option by Monte Carlo simulation.
///
/// The underlying follows a geometric Brownian motion, so at maturity it is
/// S = spot · exp((rate − volatility² / 2) · maturity + volatility · √maturity · Z) with a standard normal Z. The
/// price is the mean of exp(−rate · maturity) · max(±(S − strike), 0) over the paths (Boyle, *Options: A Monte Carlo
/// Approach*, 1977). Paths come in pairs of Z and −Z (antithetic variates); the standard error is that of the pairs.
/// An odd number of paths is rounded up.
///
/// The same seed gives the same bits on any number of threads and any machine: every block of 4096 pairs has a stream
/// of ChaCha8 of its own, and blocks are added in order. Values that are not finite are refused; a payoff over the
/// range of a float is infinite. Takes time in the number of paths.
#[kernel(
    cost_ns = TIME_PER_PATH * paths as f64,
    memory = 16 * (paths.unsigned_abs() / BLOCK as u64 + 1),
    example = r#"{"spot": 100.0, "strike": 105.0, "rate": 0.03, "volatility": 0.2, "maturity": 1.5, "paths": 10000}"#
)]
#[expect(
    clippy::too_many_arguments,
    reason = "the model has as many parameters"
)]
pub fn monte_carlo_option(
    cx: &Context,
    /// The price of the underlying today.
    #[arg(min = 0.0, max = 1e12)]
    spot: f64,
    /// The price at which the holder may buy or sell.
    #[arg(min = 0.0, max = 1e12)]
    strike: f64,
    /// The risk-free rate per year, compounded continuously.
    #[arg(min = -GREATEST, max = GREATEST)]
    rate: f64,
    /// The volatility per square root of a year.
    #[arg(min = 0.0, max = GREATEST)]
    volatility: f64,
    /// The time to maturity in years.
    #[arg(min = 0.0, max = GREATEST)]
    maturity: f64,
    /// How many paths are simulated, from 4.
    #[arg(default = 100_000, min = 4, max = MAX_PATHS)]
    paths: i64,
    /// What the holder may do.
    #[arg(default = OptionKind::Call)]
    kind: OptionKind,
    /// The seed of the random numbers.
    #[arg(default = 0)]
    seed: i64,
) -> Result<Price, KernelError> {
    let model = Model {
        spot,
        strike,
        drift: (rate - volatility * volatility / 2.0) * maturity,
        deviation: volatility * maturity.sqrt(),
        sign: if kind == OptionKind::Call { 1.0 } else { -1.0 },
    };
    let pairs = paths.unsigned_abs().div_ceil(2);
    let blocks = pairs.div_ceil(BLOCK as u64);
    let sums = (0..blocks).into_par_iter().map(|block| {
        cx.check()?;
        let count = (pairs - block * BLOCK as u64).min(BLOCK as u64) as usize;
        let mut rng = cx.rng(seed.cast_unsigned(), block);
        let mut normals = [0.0; BLOCK];
        normals[..count].fill_with(|| StandardNormal.sample(&mut rng));
        Ok(vectorize(
            #[inline(always)]
            || model.payoffs(&normals[..count]),
        ))
    });
    let sums: Vec<Sums> = sums.collect::<Result<_, Stopped>>()?;
    let total = sums.into_iter().fold(Sums::default(), Sums::plus);
    let n = pairs as f64;
    let discount = (-rate * maturity).exp();
    let mean = total.values / n;
    // Rounding may make the variance of equal payoffs a little negative.
    let variance = ((total.squares - mean * total.values) / (n - 1.0)).max(0.0);
    Ok(Price {
        price: discount * mean,
        standard_error: discount * (variance / n).sqrt(),
    })
}

/// The option and its underlying.
#[derive(Clone, Copy)]
struct Model {
    spot: f64,
    strike: f64,
    drift: f64,
    deviation: f64,
    /// 1 for a call, −1 for a put.
    sign: f64,
}

/// The sum of values, and that of their squares.
#[derive(Clone, Copy, Default)]
struct Sums {
    values: f64,
    squares: f64,
}

// === impl Model ===

impl Model {
    /// Adds up the mean payoffs of pairs of paths.
    #[inline(always)]
    fn payoffs(self, normals: &[f64]) -> Sums {
        let mut exponents = [0.0; BLOCK];
        let mut up = [0.0; BLOCK];
        let mut down = [0.0; BLOCK];
        let (exponents, up, down) = (
            &mut exponents[..normals.len()],
            &mut up[..normals.len()],
            &mut down[..normals.len()],
        );
        let mut grow = |sign: f64, growths: &mut [f64]| {
            for (exponent, normal) in exponents.iter_mut().zip(normals) {
                *exponent = self.drift + sign * self.deviation * normal;
            }
            map::<Exp>(exponents, growths);
        };
        grow(1.0, up);
        grow(-1.0, down);
        // Several sums, which the compiler turns into vectors.
        let mut lanes = [Sums::default(); 8];
        for (up, down) in up.chunks(lanes.len()).zip(down.chunks(lanes.len())) {
            for ((lane, up), down) in lanes.iter_mut().zip(up).zip(down) {
                let value = (self.payoff(*up) + self.payoff(*down)) / 2.0;
                lane.values += value;
                lane.squares += value * value;
            }
        }
        lanes.into_iter().fold(Sums::default(), Sums::plus)
    }

    #[inline(always)]
    fn payoff(self, growth: f64) -> f64 {
        let value = self.sign * (self.spot * growth - self.strike);
        if value > 0.0 { value } else { 0.0 }
    }
}

// === impl Sums ===

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            squares: self.squares + other.squares,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_threads, stopped};

    fn price(kind: OptionKind, paths: i64, seed: i64) -> Price {
        let cx = Context::default();
        let priced = monte_carlo_option(&cx, 100.0, 105.0, 0.03, 0.2, 1.5, paths, kind, seed);
        priced.expect("nothing stops it")
    }

    #[test]
    fn agrees_with_black_and_scholes() {
        for (kind, exact) in [(OptionKind::Call, 9.577_478), (OptionKind::Put, 9.957_214)] {
            let priced = price(kind, 400_000, 1);
            let off = (priced.price - exact).abs();
            assert!(
                off < 5.0 * priced.standard_error + 1e-3,
                "{priced:?} is not {exact}"
            );
            assert!(priced.standard_error < 0.05);
        }
    }

    #[test]
    fn gives_the_same_for_the_same_seed_on_any_number_of_threads() {
        let on = |threads, seed| on_threads(threads, || price(OptionKind::Call, 50_001, seed));
        assert_eq!(on(1, 7), on(4, 7));
        assert_ne!(on(1, 7), on(1, 8));
    }

    #[test]
    fn is_certain_without_volatility_or_time() {
        let cx = Context::default();
        let of = |volatility, maturity| {
            let call = OptionKind::Call;
            monte_carlo_option(&cx, 110.0, 100.0, 0.0, volatility, maturity, 1000, call, 0)
        };
        let certain = Price {
            price: 10.0,
            standard_error: 0.0,
        };
        assert_eq!(of(0.0, 1.0), Ok(certain));
        assert_eq!(of(0.2, 0.0), Ok(certain));
    }

    #[test]
    fn stops_when_asked() {
        let put = OptionKind::Put;
        let priced = monte_carlo_option(&stopped(), 1.0, 1.0, 0.0, 0.1, 1.0, 4, put, 0);
        assert_eq!(priced, Err(KernelError::Stopped(Stopped)));
    }
}
