//! Operations on blocks of numbers.

use super::{
    operation::{MAX_ARITY, Operation},
    program::Numbers,
};
use crate::elementary::{Approximation, Cos, Elementary, Exp, Log, Sin, Tanh, map, power};

/// Sets each element of `into` to the result of an operation.
///
/// Inlined, with all it calls, into a function that is compiled for vector instructions.
#[inline(always)]
pub(super) fn apply(operation: Operation, operands: [Numbers<'_>; MAX_ARITY], into: &mut [f64]) {
    let [a, b, c] = operands;
    match operation {
        Operation::Negate => unary(a, into, |a| -a),
        Operation::Add => binary(a, b, into, |a, b| a + b),
        Operation::Subtract => binary(a, b, into, |a, b| a - b),
        Operation::Multiply => binary(a, b, into, |a, b| a * b),
        Operation::Divide => binary(a, b, into, |a, b| a / b),
        Operation::Remainder => approximated(a, b, into, remainder_by_division, remainder),
        Operation::Power => approximated(a, b, into, power, f64::powf),
        Operation::Square => unary(a, into, |a| a * a),
        Operation::Cube => unary(a, into, |a| a * a * a),
        Operation::Less => binary(a, b, into, |a, b| truth(a < b)),
        Operation::LessOrEqual => binary(a, b, into, |a, b| truth(a <= b)),
        Operation::Greater => binary(a, b, into, |a, b| truth(a > b)),
        Operation::GreaterOrEqual => binary(a, b, into, |a, b| truth(a >= b)),
        Operation::Equal => binary(a, b, into, |a, b| truth(a == b)),
        Operation::NotEqual => binary(a, b, into, |a, b| truth(a != b)),
        Operation::Where => choose(a, b, c, into),
        Operation::Sin => elementary::<Sin>(a, into),
        Operation::Cos => elementary::<Cos>(a, into),
        Operation::Exp => elementary::<Exp>(a, into),
        Operation::Log => elementary::<Log>(a, into),
        Operation::Tan => unary(a, into, f64::tan),
        Operation::Asin => unary(a, into, f64::asin),
        Operation::Acos => unary(a, into, f64::acos),
        Operation::Atan => unary(a, into, f64::atan),
        Operation::Atan2 => binary(a, b, into, f64::atan2),
        Operation::Sinh => unary(a, into, f64::sinh),
        Operation::Cosh => unary(a, into, f64::cosh),
        Operation::Tanh => elementary::<Tanh>(a, into),
        Operation::Expm1 => unary(a, into, f64::exp_m1),
        Operation::Log1p => unary(a, into, f64::ln_1p),
        Operation::Log2 => unary(a, into, f64::log2),
        Operation::Log10 => unary(a, into, f64::log10),
        Operation::Sqrt => unary(a, into, f64::sqrt),
        Operation::Cbrt => unary(a, into, f64::cbrt),
        Operation::Abs => unary(a, into, f64::abs),
        Operation::Floor => unary(a, into, f64::floor),
        Operation::Ceil => unary(a, into, f64::ceil),
        Operation::Round => unary(a, into, f64::round_ties_even),
        Operation::Sign => unary(a, into, sign),
        // A NaN on either side is the result, as that of NumPy's `minimum` and `maximum`.
        Operation::Min => binary(a, b, into, |a, b| if a < b || a.is_nan() { a } else { b }),
        Operation::Max => binary(a, b, into, |a, b| if a > b || a.is_nan() { a } else { b }),
        Operation::Hypot => binary(a, b, into, f64::hypot),
    }
}

#[inline(always)]
fn unary(a: Numbers<'_>, into: &mut [f64], mut function: impl FnMut(f64) -> f64) {
    match a {
        Numbers::One(a) => into.fill(function(a)),
        Numbers::Each(a) => {
            for (into, a) in into.iter_mut().zip(a) {
                *into = function(*a);
            }
        }
    }
}

#[inline(always)]
fn binary(
    a: Numbers<'_>,
    b: Numbers<'_>,
    into: &mut [f64],
    mut function: impl FnMut(f64, f64) -> f64,
) {
    match (a, b) {
        (Numbers::One(a), b) => unary(b, into, |b| function(a, b)),
        (a, Numbers::One(b)) => unary(a, into, |a| function(a, b)),
        (Numbers::Each(a), Numbers::Each(b)) => {
            for (into, (a, b)) in into.iter_mut().zip(a.iter().zip(b)) {
                *into = function(*a, *b);
            }
        }
    }
}

#[inline(always)]
fn elementary<F: Elementary>(a: Numbers<'_>, into: &mut [f64]) {
    match a {
        Numbers::One(a) => {
            let mut value = [0.0];
            map::<F>(&[a], &mut value);
            into.fill(value[0]);
        }
        Numbers::Each(a) => map::<F>(a, into),
    }
}

#[inline(always)]
fn choose(condition: Numbers<'_>, yes: Numbers<'_>, no: Numbers<'_>, into: &mut [f64]) {
    unary(no, into, |no| no);
    let condition = match condition {
        Numbers::One(0.0) => return,
        Numbers::One(_) => return unary(yes, into, |yes| yes),
        Numbers::Each(condition) => condition,
    };
    match yes {
        Numbers::One(yes) => {
            for (into, condition) in into.iter_mut().zip(condition) {
                *into = if *condition != 0.0 { yes } else { *into };
            }
        }
        Numbers::Each(yes) => {
            for (into, (condition, yes)) in into.iter_mut().zip(condition.iter().zip(yes)) {
                *into = if *condition != 0.0 { *yes } else { *into };
            }
        }
    }
}

#[inline(always)]
fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

#[inline(always)]
fn sign(a: f64) -> f64 {
    if a > 0.0 {
        1.0
    } else if a < 0.0 {
        -1.0
    } else {
        // A zero keeps its sign, and NaN is NaN.
        a
    }
}

/// Sets each element to a function of two numbers, by an approximation wherever that holds.
#[inline(always)]
fn approximated(
    a: Numbers<'_>,
    b: Numbers<'_>,
    into: &mut [f64],
    approximate: impl Fn(f64, f64) -> Approximation,
    exact: impl Fn(f64, f64) -> f64,
) {
    let mut outside = 0_u64;
    binary(a, b, into, |a, b| {
        let (value, is_inside) = approximate(a, b);
        outside |= u64::from(!is_inside);
        value
    });
    if outside != 0 {
        binary(a, b, into, |a, b| match approximate(a, b) {
            (value, true) => value,
            _ => exact(a, b),
        });
    }
}

/// Returns the same as [`remainder`], and whether it does.
///
/// The quotient is rounded, perhaps up to an integer that it does not reach. The fused product is exact either way,
/// as every remainder of floats is, and what is subtracted once too often can be added again.
#[inline(always)]
fn remainder_by_division(a: f64, b: f64) -> Approximation {
    /// From 2⁵² on, not all integers between floats are floats.
    const GREATEST: f64 = 4_503_599_627_370_496.0;
    let quotient = (a / b).floor();
    let rest = (-quotient).mul_add(b, a);
    let rest = if (rest < 0.0) != (b < 0.0) && rest != 0.0 {
        rest + b
    } else {
        rest
    };
    let rest = if rest == 0.0 {
        0.0_f64.copysign(b)
    } else {
        rest
    };
    (rest, quotient.abs() < GREATEST && b.abs() <= f64::MAX)
}

/// Returns the remainder that has the sign of the divisor, as Python's `%`.
#[inline(always)]
fn remainder(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        rest.abs().copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_same(a: f64, b: f64) {
        let (rest, is_inside) = remainder_by_division(a, b);
        let expected = remainder(a, b);
        if is_inside {
            assert_eq!(
                rest.to_bits(),
                expected.to_bits(),
                "{a:e} % {b:e}: {rest:e}"
            );
        }
        let quotient = (a / b).abs();
        let is_too_great = quotient > 1e15 || quotient.is_nan() || b.is_infinite();
        assert!(is_inside || is_too_great, "{a:e} % {b:e}");
    }

    #[test]
    fn divides_only_where_that_is_exact() {
        let numbers = [
            0.0,
            1.0,
            3.0,
            0.1,
            5e-324,
            f64::MIN_POSITIVE,
            1e300,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ];
        for (a, b) in numbers.iter().flat_map(|a| numbers.map(|b| (*a, b))) {
            for (a, b) in [(a, b), (-a, b), (a, -b), (-a, -b)] {
                assert_same(a, b);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn divides_to_the_same_bits(a in any::<f64>(), b in any::<f64>()) {
            assert_same(a, b);
        }

        #[test]
        fn divides_to_the_same_bits_beside_multiples(b in -1e3..1e3, count in 0_u32..1 << 30) {
            let multiple: f64 = b * f64::from(count);
            for a in [multiple, multiple.next_up(), multiple.next_down(), -multiple] {
                assert_same(a, b);
            }
        }
    }
}
