//! Tests of the whole kernel.

use proptest::prelude::*;

use super::*;
use crate::testing::{any_float, bits, noise, on_threads, stopped};

const ALL: [Statistic; 5] = [
    Statistic::Mean,
    Statistic::Std,
    Statistic::Min,
    Statistic::Max,
    Statistic::Sum,
];

fn rolled(x: &[f64], window: usize, statistic: Statistic) -> Vec<f64> {
    rolling(&Context::default(), x, window as i64, statistic).expect("the window fits")
}

/// Computes a statistic of one window by its definition.
fn literal(window: &[f64], statistic: Statistic) -> f64 {
    let n = window.len() as f64;
    let sum: f64 = window.iter().sum();
    let least = |a: f64, b: f64| if b < a || b.is_nan() { b } else { a };
    match statistic {
        Statistic::Sum => sum,
        Statistic::Mean => sum / n,
        Statistic::Min => window.iter().copied().reduce(least).expect("an element"),
        Statistic::Max => -window.iter().map(|x| -x).reduce(least).expect("an element"),
        Statistic::Std => {
            let squares: f64 = window.iter().map(|x| (x - sum / n).powi(2)).sum();
            (squares / (n - 1.0)).sqrt()
        }
    }
}

/// Compares every `step`th window with the definition.
fn assert_near(x: &[f64], window: usize, step: usize) {
    for statistic in ALL {
        let y = rolled(x, window, statistic);
        assert_eq!(y.len(), x.len() - window + 1);
        for (index, y) in y.iter().enumerate().step_by(step) {
            let window = &x[index..index + window];
            let expected = literal(window, statistic);
            let scale = window.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
            let n = window.len() as f64;
            // Squares of numbers around 1e-160 are subnormal, and have an error of their own.
            let of_squares = (4.0 * n * f64::from_bits(1)).sqrt();
            let is_near = *y == expected
                || y.is_nan() && expected.is_nan()
                || (y - expected).abs() <= 1e-13 * scale * n
                || statistic == Statistic::Std && (y - expected).abs() <= of_squares;
            let length = window.len();
            assert!(
                is_near,
                "{statistic:?} of {length} at {index}: {y} is not {expected}"
            );
        }
    }
}

#[test]
fn computes_what_is_known() {
    let x = [1.0, 2.0, 4.0, 8.0];
    assert_eq!(rolled(&x, 2, Statistic::Mean), [1.5, 3.0, 6.0]);
    assert_eq!(rolled(&x, 3, Statistic::Sum), [7.0, 14.0]);
    assert_eq!(rolled(&x, 4, Statistic::Max), [8.0]);
    assert_eq!(rolled(&x, 1, Statistic::Min), x);
    assert!(rolled(&x, 1, Statistic::Std).iter().all(|y| y.is_nan()));
    assert_eq!(rolled(&[1.0, 3.0], 2, Statistic::Std), [2.0_f64.sqrt()]);
}

#[test]
fn refuses_a_window_that_does_not_fit() {
    let refused = |x: &[f64], window| {
        let result = rolling(&Context::default(), x, window, Statistic::Sum);
        result.expect_err("a window that does not fit").to_string()
    };
    let message = "window: the window of 4 is longer than the series of 3";
    assert_eq!(refused(&[1.0; 3], 4), message);
    for window in [0, -1, i64::MIN] {
        let message = format!("window: the window of {window} has no element");
        assert_eq!(refused(&[1.0; 3], window), message);
    }
    assert!(refused(&[], 1).ends_with("the series of 0"));
    assert!(refused(&[], i64::MAX).ends_with("the series of 0"));
}

#[test]
fn agrees_with_the_definition_for_any_length() {
    let x = noise(9000, 1.0);
    let windows = [
        1, 2, 23, 24, 25, 31, 100, 1023, 1024, 1025, 2047, 2048, 3001, 8191, 9000,
    ];
    for window in windows {
        assert_near(&x, window, 37);
    }
}

#[test]
fn keeps_what_is_not_finite_to_the_windows_that_hold_it() {
    for window in [3, 40, 1500, 4000] {
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = noise(6000, 0.0);
            x[2500] = special;
            assert_near(&x, window, 7);
            x[3000] = f64::INFINITY;
            assert_near(&x, window, 7);
        }
    }
}

#[test]
fn does_not_remember_what_has_left_the_window() {
    for window in [10, 100, 3000] {
        let mut x = noise(10_000, 0.0);
        let clean = rolled(&x[5001..], window, Statistic::Std);
        x[5000] = 1e140;
        let after = &rolled(&x, window, Statistic::Std)[5001..];
        for (after, clean) in after.iter().zip(&clean) {
            assert!((after - clean).abs() < 1e-13, "{after} is not {clean}");
        }
    }
}

#[test]
fn finds_no_deviation_of_equal_numbers() {
    for window in [2, 10, 100, 1024, 5000] {
        let y = rolled(&[0.1; 6000], window, Statistic::Std);
        assert_eq!(y, vec![0.0; 6001 - window]);
    }
}

#[test]
fn keeps_the_digits_of_small_deviations_far_from_zero() {
    // There floats are 0.0002 apart.
    let offset = 2.0_f64.powi(40);
    let x = noise(6000, offset);
    let centred: Vec<f64> = x.iter().map(|x| x - offset).collect();
    for window in [10, 100, 3000] {
        let expected = rolled(&centred, window, Statistic::Std);
        for (y, expected) in rolled(&x, window, Statistic::Std).iter().zip(expected) {
            assert!(
                (y - expected).abs() < 1e-5 * expected,
                "{y} is not {expected}"
            );
        }
    }
}

#[test]
fn gives_the_same_on_one_thread_and_on_many() {
    let x = noise(100_000, 1.0);
    for window in [10, 100, 30_000] {
        for statistic in ALL {
            let on = |threads| bits(&on_threads(threads, || rolled(&x, window, statistic)));
            assert!(on(1) == on(4), "{statistic:?} of {window}");
        }
    }
}

#[test]
fn stops_when_asked() {
    for window in [2, 50, 5000] {
        let result = rolling(&stopped(), &[1.0; 6000], window, Statistic::Std);
        assert_eq!(result, Err(KernelError::Stopped(Stopped)));
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        x in prop::collection::vec(any_float(), 1..200),
        window in 0.0..1.0,
    ) {
        // What overflows on the way depends on the order of the additions.
        let tame = |x: f64| if (1e100..f64::INFINITY).contains(&x.abs()) { 1.0 } else { x };
        let x: Vec<f64> = x.into_iter().map(tame).collect();
        let window = 1 + (window * x.len() as f64) as usize;
        assert_near(&x, window, 1);
    }
}
