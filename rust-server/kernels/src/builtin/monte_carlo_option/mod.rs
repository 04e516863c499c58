//! `monte_carlo_option`: the price of a European option by simulation.
//!
//! * [`draws`] makes normal numbers.
//! * [`moments`] gathers the mean and the spread of payoffs.

use rayon::prelude::*;

use crate::{
    context::Stopped,
    elementary::{Exp, map},
    prelude::*,
    vectorize::vectorize,
};

mod draws;
mod moments;
#[cfg(test)]
mod tests;

use draws::{BLOCK, Draws};
use moments::Moments;

/// The most draws.
pub const MAX_PATHS: i64 = 1_000_000_000;

/// What the holder of an option may do at its maturity.
#[derive(Clone, Copy, Choice, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Buy at the strike: pays max(S − K, 0).
    Call,
    /// Sell at the strike: pays max(K − S, 0).
    Put,
}

/// The results of [`monte_carlo_option`].
#[derive(Clone, Copy, Debug, Outputs, PartialEq)]
pub struct OptionPrice {
    /// The estimate of the price today, in the unit of the spot price.
    pub price: f64,
    /// The standard error of the estimate, in the same unit: the true price is within two of them 95 times in a
    /// hundred.
    pub standard_error: f64,
}

/// Prices a European option by simulating the price of its asset at maturity.
///
/// The asset follows geometric Brownian motion, as Black, Scholes and Merton (1973) have it: S = spot · exp((rate −
/// volatility²/2) · maturity + volatility · √maturity · Z) with a standard normal Z. The price is the mean of
/// exp(−rate · maturity) · payoff over all draws of Z, the standard error their standard deviation over the root of
/// their number. With antithetic variates each Z is used twice, as Z and −Z, and the mean of both payoffs counts as
/// one draw: for twice the exponentials the error is about a third to a half less.
///
/// The normal numbers come from ChaCha8 by the transform of Box and Muller (1958), one stream for each block of 2,048
/// draws; blocks are merged in order (Chan, Golub and LeVeque, 1979). So the same seed gives the same bits on any
/// number of threads. Without volatility or time the price is exact and the error 0. If volatility · √maturity is
/// over 3 or so, most of a call's value is in events that are too rare to be drawn, and both results are too low.
/// Nothing overflows within the limits. Time is linear in `paths`.
#[kernel(
    cost_ns = paths.max(0).cast_unsigned() * if antithetic { 7 } else { 6 },
    memory = paths.max(0).cast_unsigned() / BLOCK as u64 * 64 + (1 << 20),
    example = r#"{"spot": 100.0, "strike": 105.0, "rate": 0.03, "volatility": 0.2, "maturity": 1.0, "paths": 10000, "kind": "call", "seed": 1}"#
)]
#[expect(
    clippy::too_many_arguments,
    reason = "they are the parameters of the model"
)]
pub fn monte_carlo_option(
    cx: &Context,
    /// The price of the asset today, from 0 to 10¹².
    #[arg(min = 0.0, max = 1e12)]
    spot: f64,
    /// The price at which the option may be exercised, from 0 to 10¹², in the unit of the spot price.
    #[arg(min = 0.0, max = 1e12)]
    strike: f64,
    /// The risk-free rate of interest a year, continuously compounded, from −1 to 1: 0.03 is 3 %.
    #[arg(min = -1.0, max = 1.0)]
    rate: f64,
    /// The standard deviation of the logarithmic return of a year, from 0 to 10: 0.2 is 20 %.
    #[arg(min = 0.0, max = 10.0)]
    volatility: f64,
    /// The time to maturity in years, from 0 to 100.
    #[arg(min = 0.0, max = 100.0)]
    maturity: f64,
    /// How many independent draws are made, from 2 to 10⁹.
    #[arg(default = 100_000, min = 2, max = MAX_PATHS)]
    paths: i64,
    /// Whether the option is a call or a put.
    #[arg(default = OptionKind::Call)]
    kind: OptionKind,
    /// What the random numbers begin with.
    #[arg(default = 0)]
    seed: i64,
    /// Whether each draw is used with both signs.
    #[arg(default = true)]
    antithetic: bool,
) -> Result<OptionPrice, KernelError> {
    let model = Model {
        spot,
        strike,
        drift: (rate - 0.5 * volatility * volatility) * maturity,
        deviation: volatility * maturity.sqrt(),
        sign: match kind {
            OptionKind::Call => 1.0,
            OptionKind::Put => -1.0,
        },
        antithetic,
    };
    let Some(paths) = usize::try_from(paths).ok().filter(|paths| *paths >= 2) else {
        return Err(KernelError::argument("paths", "expected at least 2 paths"));
    };
    let blocks =
        (0..paths.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, block| {
                cx.check()?;
                scratch
                    .draws
                    .draw(cx.rng(seed.cast_unsigned(), block as u64));
                let count = BLOCK.min(paths - block * BLOCK);
                Ok(vectorize(
                    #[inline(always)]
                    || model.moments(scratch, count),
                ))
            });
    let blocks: Vec<Moments> = blocks.collect::<Result<_, Stopped>>()?;
    let total = blocks.into_iter().fold(Moments::default(), Moments::merge);
    let discount = (-rate * maturity).exp();
    Ok(OptionPrice {
        price: discount * total.mean,
        standard_error: discount * (total.squares / (total.count - 1.0) / total.count).sqrt(),
    })
}

/// Room for the payoffs of one block.
#[derive(Clone, Debug)]
struct Scratch {
    draws: Draws,
    exponents: Vec<f64>,
    growth: Vec<f64>,
    payoffs: Vec<f64>,
}

/// The distribution of the asset's price at maturity, and what is paid for it.
#[derive(Clone, Copy, Debug)]
struct Model {
    spot: f64,
    strike: f64,
    /// The mean of the logarithmic return.
    drift: f64,
    /// Its standard deviation.
    deviation: f64,
    /// 1 for a call, −1 for a put.
    sign: f64,
    antithetic: bool,
}

// === impl Model ===

impl Model {
    /// Returns the moments of the first payoffs of a block, from its random bits.
    #[inline(always)]
    fn moments(&self, scratch: &mut Scratch, count: usize) -> Moments {
        let Scratch {
            draws,
            exponents,
            growth,
            payoffs,
        } = scratch;
        let normal = draws.normal();
        for (exponent, z) in exponents.iter_mut().zip(normal) {
            *exponent = self.drift + self.deviation * z;
        }
        map::<Exp>(exponents, growth);
        for (payoff, growth) in payoffs.iter_mut().zip(&*growth) {
            *payoff = self.pay(*growth);
        }
        if self.antithetic {
            for (exponent, z) in exponents.iter_mut().zip(normal) {
                *exponent = self.drift - self.deviation * z;
            }
            map::<Exp>(exponents, growth);
            for (payoff, growth) in payoffs.iter_mut().zip(&*growth) {
                *payoff = 0.5 * (*payoff + self.pay(*growth));
            }
        }
        Moments::of(&payoffs[..count])
    }

    #[inline(always)]
    fn pay(&self, growth: f64) -> f64 {
        (self.sign * (self.spot * growth - self.strike)).max(0.0)
    }
}

// === impl Scratch ===

impl Default for Scratch {
    fn default() -> Self {
        Self {
            draws: Draws::default(),
            exponents: vec![0.0; BLOCK],
            growth: vec![0.0; BLOCK],
            payoffs: vec![0.0; BLOCK],
        }
    }
}
