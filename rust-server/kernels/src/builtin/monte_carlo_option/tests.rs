//! Tests of the kernel against the formula of Black and Scholes, and of its draws.

use std::f64::consts::TAU;

use proptest::prelude::*;

use super::{draws::PAIRS, *};
use crate::testing::{on_threads, stopped};

#[derive(Clone, Copy, Debug)]
struct Case {
    spot: f64,
    strike: f64,
    rate: f64,
    volatility: f64,
    maturity: f64,
    kind: OptionKind,
}

const CASE: Case = Case {
    spot: 100.0,
    strike: 105.0,
    rate: 0.03,
    volatility: 0.2,
    maturity: 1.5,
    kind: OptionKind::Call,
};

impl Case {
    fn simulate_with(
        self,
        context: &Context,
        paths: i64,
        seed: i64,
        antithetic: bool,
    ) -> Result<OptionPrice, KernelError> {
        monte_carlo_option(
            context,
            self.spot,
            self.strike,
            self.rate,
            self.volatility,
            self.maturity,
            paths,
            self.kind,
            seed,
            antithetic,
        )
    }

    fn simulate(self, paths: i64, seed: i64, antithetic: bool) -> OptionPrice {
        let price = self.simulate_with(&Context::default(), paths, seed, antithetic);
        price.expect("a result")
    }

    /// The formula of Black and Scholes.
    fn exact(self) -> f64 {
        let Self {
            spot,
            strike,
            rate,
            volatility,
            maturity,
            kind,
        } = self;
        let deviation = volatility * maturity.sqrt();
        let d1 = ((spot / strike).ln() + rate * maturity) / deviation + 0.5 * deviation;
        let discounted = strike * (-rate * maturity).exp();
        let call = spot * normal_cdf(d1) - discounted * normal_cdf(d1 - deviation);
        match kind {
            OptionKind::Call => call,
            OptionKind::Put => call - spot + discounted,
        }
    }
}

/// The distribution of the standard normal law, by its series.
fn normal_cdf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / TAU.sqrt()
}

#[test]
fn agrees_with_the_formula_of_black_and_scholes() {
    assert!(
        (CASE.exact() - 9.577_478_144_275_93).abs() < 1e-10,
        "the oracle itself"
    );
    for kind in [OptionKind::Call, OptionKind::Put] {
        for strike in [60.0, 105.0, 150.0] {
            for antithetic in [false, true] {
                let case = Case {
                    kind,
                    strike,
                    ..CASE
                };
                let OptionPrice {
                    price,
                    standard_error,
                } = case.simulate(100_000, 7, antithetic);
                let distance = (price - case.exact()).abs();
                assert!(
                    distance < 4.0 * standard_error,
                    "{case:?}: {price} ± {standard_error}, not {}",
                    case.exact()
                );
                assert!(standard_error < 0.1, "{standard_error}");
            }
        }
    }
}

#[test]
fn draws_standard_normal_numbers() {
    let mut draws = Draws::default();
    let mut numbers = vec![];
    for block in 0..200 {
        draws.draw(Context::default().rng(3, block));
        numbers.extend_from_slice(draws.normal());
    }
    let count = numbers.len() as f64;
    let moment = |power: i32| numbers.iter().map(|z| z.powi(power)).sum::<f64>() / count;
    // Within five standard errors of the moments of the normal law: their variances are 1, 2, 15 and 96.
    for (power, expected, variance) in [
        (1, 0.0, 1.0_f64),
        (2, 1.0, 2.0),
        (3, 0.0, 15.0),
        (4, 3.0, 96.0),
    ] {
        let tolerance = 5.0 * (variance / count).sqrt();
        assert!(
            (moment(power) - expected).abs() < tolerance,
            "moment {power} is {}",
            moment(power)
        );
    }
    // The share in each of some intervals.
    for bound in [-3.0, -1.0, -0.1, 0.5, 2.0, 3.5] {
        let share = numbers.iter().filter(|z| **z < bound).count() as f64 / count;
        let expected = normal_cdf(bound);
        let tolerance = 5.0 * (expected * (1.0 - expected) / count).sqrt();
        assert!(
            (share - expected).abs() < tolerance,
            "{share} below {bound}, not {expected}"
        );
    }
    // Both numbers of a pair are independent.
    let products = numbers
        .chunks(BLOCK)
        .flat_map(|block| (0..PAIRS).map(|i| block[i] * block[PAIRS + i]));
    let covariance = products.sum::<f64>() / (count / 2.0);
    assert!(
        covariance.abs() < 5.0 / (count / 2.0).sqrt(),
        "{covariance}"
    );
}

#[test]
fn has_less_error_with_antithetic_variates() {
    let plain = CASE.simulate(100_000, 1, false);
    let antithetic = CASE.simulate(100_000, 1, true);
    assert!(antithetic.standard_error < plain.standard_error / 1.5);
}

#[test]
fn is_exact_without_volatility_or_time() {
    for (case, expected) in [
        (
            Case {
                volatility: 0.0,
                strike: 50.0,
                ..CASE
            },
            100.0 - 50.0 * (-0.045_f64).exp(),
        ),
        (
            Case {
                maturity: 0.0,
                strike: 90.0,
                ..CASE
            },
            10.0,
        ),
        (
            Case {
                maturity: 0.0,
                strike: 110.0,
                ..CASE
            },
            0.0,
        ),
        (
            Case {
                maturity: 0.0,
                strike: 110.0,
                kind: OptionKind::Put,
                ..CASE
            },
            10.0,
        ),
        (Case { spot: 0.0, ..CASE }, 0.0),
    ] {
        let OptionPrice {
            price,
            standard_error,
        } = case.simulate(5000, 1, true);
        assert!(
            (price - expected).abs() < 1e-9,
            "{case:?}: {price}, not {expected}"
        );
        assert!(standard_error < 1e-9, "{standard_error}");
    }
}

#[test]
fn stays_finite_at_the_limits() {
    for kind in [OptionKind::Call, OptionKind::Put] {
        for [spot, strike, rate, volatility, maturity] in [
            [1e12, 0.0, 1.0, 10.0, 100.0],
            [1e12, 1e12, -1.0, 10.0, 100.0],
            [1e12, 0.0, 1.0, 0.86, 100.0],
            [5e-324, 1e12, -1.0, 10.0, 1e-300],
        ] {
            let case = Case {
                spot,
                strike,
                rate,
                volatility,
                maturity,
                kind,
            };
            let OptionPrice {
                price,
                standard_error,
            } = case.simulate(10_000, 1, true);
            assert!(
                price.is_finite() && standard_error.is_finite(),
                "{case:?}: {price} ± {standard_error}"
            );
        }
    }
}

#[test]
fn repeats_itself_for_a_seed_only() {
    assert_eq!(
        CASE.simulate(10_000, 1, true),
        CASE.simulate(10_000, 1, true)
    );
    assert_ne!(
        CASE.simulate(10_000, 1, true),
        CASE.simulate(10_000, 2, true)
    );
    assert_ne!(
        CASE.simulate(10_000, -1, true),
        CASE.simulate(10_000, 1, true)
    );
}

#[test]
fn gives_the_same_bits_on_one_thread_and_on_many() {
    let on = |threads| on_threads(threads, || CASE.simulate(100_001, 5, true));
    assert_eq!(on(1), on(4));
}

#[test]
fn stops_when_asked() {
    let stopped = CASE.simulate_with(&stopped(), 10, 1, true);
    assert_eq!(stopped, Err(Stopped.into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn merges_moments_as_if_they_were_of_one_block(payoffs in prop::collection::vec(0.0..1e6, 2..5000), part in 0.0..1.0) {
        let middle = 1 + ((payoffs.len() - 2) as f64 * part) as usize;
        let (first, second) = payoffs.split_at(middle);
        let merged = Moments::default().merge(Moments::of(first)).merge(Moments::of(second));
        let count = payoffs.len() as f64;
        let mean = payoffs.iter().sum::<f64>() / count;
        let squares: f64 = payoffs.iter().map(|x| (x - mean).powi(2)).sum();
        prop_assert_eq!(merged.count, count);
        prop_assert!((merged.mean - mean).abs() <= 1e-9 * mean.abs());
        prop_assert!((merged.squares - squares).abs() <= 1e-9 * squares.abs());
    }

    #[test]
    fn prices_calls_and_puts_at_parity(spot in 1.0..200.0, strike in 1.0..200.0, volatility in 0.01..0.5, seed: i64) {
        let case = Case { spot, strike, volatility, ..CASE };
        let call = case.simulate(4000, seed, true);
        let put = Case { kind: OptionKind::Put, ..case }.simulate(4000, seed, true);
        let forward = spot - strike * (-case.rate * case.maturity).exp();
        let error = 6.0 * (call.standard_error + put.standard_error) + 1e-9;
        prop_assert!((call.price - put.price - forward).abs() < error);
    }
}
