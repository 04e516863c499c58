//! Operations on blocks of numbers.

use super::{
    operation::{MAX_ARITY, Operation},
    program::Numbers,
};
use crate::elementary::{
    Cos, Elementary, ElementaryOfTwo, Exp, Log, Power, Remainder, Sin, Tanh, map,
};

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
        Operation::Remainder => elementary_of_two::<Remainder>(a, b, into),
        Operation::Power => elementary_of_two::<Power>(a, b, into),
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
        (Numbers::One(a), b) => unary(
            b,
            into,
            #[inline(always)]
            |b| function(a, b),
        ),
        (a, Numbers::One(b)) => unary(
            a,
            into,
            #[inline(always)]
            |a| function(a, b),
        ),
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

#[inline(always)]
fn elementary_of_two<F: ElementaryOfTwo>(a: Numbers<'_>, b: Numbers<'_>, into: &mut [f64]) {
    let mut outside = 0_u64;
    binary(
        a,
        b,
        into,
        #[inline(always)]
        |a, b| {
            let (value, is_inside) = F::approximate(a, b);
            outside |= u64::from(!is_inside);
            value
        },
    );
    if outside != 0 {
        binary(a, b, into, |a, b| match F::approximate(a, b) {
            (value, true) => value,
            _ => F::exact(a, b),
        });
    }
}
