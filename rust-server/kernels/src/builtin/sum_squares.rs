//! `sum_squares`: a² + b², exact or an error.

use std::time::Duration;

use crate::{
    arguments::Arguments,
    context::Context,
    error::KernelError,
    kernel::Kernel,
    spec::{KernelSpec, Parameter, ResultSpec, ValueType},
    value::Value,
};

/// The kernel `sum_squares`.
#[derive(Clone, Copy, Debug)]
pub struct SumSquares;

const SPEC: KernelSpec = KernelSpec {
    name: "sum_squares",
    documentation: "Returns a² + b², exactly.

The result is computed in exact arithmetic. If it does not fit a signed 64-bit integer the call fails \
with OUT_OF_RANGE; it is never wrapped. Takes constant time.",
    parameters: &[
        parameter("a", "The first number."),
        parameter("b", "The second number."),
    ],
    results: &[
        result("a", "The first number, as given."),
        result("b", "The second number, as given."),
        result("sum_of_squares", "a² + b²."),
    ],
};

const fn parameter(name: &'static str, documentation: &'static str) -> Parameter {
    Parameter {
        name,
        documentation,
        value_type: ValueType::INT64,
        default: None,
        minimum: None,
        maximum: None,
    }
}

const fn result(name: &'static str, documentation: &'static str) -> ResultSpec {
    ResultSpec {
        name,
        documentation,
        value_type: ValueType::INT64,
    }
}

// === impl SumSquares ===

impl Kernel for SumSquares {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn cost(&self, _arguments: &Arguments) -> Duration {
        Duration::from_nanos(10)
    }

    fn run(&self, arguments: Arguments, _context: &Context) -> Result<Vec<Value>, KernelError> {
        let [Value::Int64(a), Value::Int64(b)] = arguments.into_array() else {
            unreachable!("bound arguments have the types of the spec")
        };
        let sum = sum_squares(a, b)?;
        Ok([a, b, sum].map(Value::Int64).into())
    }
}

/// Returns a² + b².
///
/// # Errors
///
/// [`KernelError::OutOfRange`] if the exact sum is over [`i64::MAX`].
pub fn sum_squares(a: i64, b: i64) -> Result<i64, KernelError> {
    // The largest sum is 2 · 2¹²⁶ = 2¹²⁷, which fits 128 bits without a sign but not with one.
    let square = |x: i64| u128::from(x.unsigned_abs()).pow(2);
    i64::try_from(square(a) + square(b)).map_err(|_| KernelError::OutOfRange {
        message: format!(
            "a² + b² is over the greatest signed 64-bit integer, {}",
            i64::MAX
        ),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn adds_squares() {
        assert_eq!(sum_squares(3, 4), Ok(25));
        assert_eq!(sum_squares(-5, 10), Ok(125));
        assert_eq!(sum_squares(0, 0), Ok(0));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        for (a, b) in [
            (1 << 62, 1 << 62),
            (i64::MIN, i64::MIN),
            (i64::MAX, 0),
            (3_037_000_500, 0),
        ] {
            assert!(
                matches!(sum_squares(a, b), Err(KernelError::OutOfRange { .. })),
                "{a}, {b}"
            );
        }
    }

    #[test]
    fn reaches_the_limit_exactly() {
        // The largest square below 2⁶³, and the largest second number that still fits beside it.
        let a = i64::MAX.isqrt();
        let b = (i64::MAX - a * a).isqrt();
        assert_eq!(sum_squares(a, b), Ok(a * a + b * b));
        assert!(sum_squares(a, b + 1).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_checked_arithmetic(a: i64, b: i64, shift in 0_u32..64) {
            // Shifted, so that sums on both sides of the limit are common.
            let (a, b) = (a >> shift, b >> shift);
            let checked = a
                .checked_mul(a)
                .and_then(|aa| b.checked_mul(b).and_then(|bb| aa.checked_add(bb)));
            prop_assert_eq!(sum_squares(a, b).ok(), checked);
        }
    }
}
