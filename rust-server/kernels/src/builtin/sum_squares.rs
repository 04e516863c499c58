//! `sum_squares`: a² + b², exact or an error.

use crate::prelude::*;

/// The results of [`sum_squares`].
#[derive(Clone, Copy, Debug, Outputs, PartialEq, Eq)]
pub struct SumOfSquares {
    /// The first number, as given.
    pub a: i64,
    /// The second number, as given.
    pub b: i64,
    /// a² + b².
    pub sum_of_squares: i64,
}

/// Returns a² + b², exactly.
///
/// The result is computed in exact arithmetic. If it does not fit a signed 64-bit integer the call fails
/// with OUT_OF_RANGE; it is never wrapped. Takes constant time.
#[kernel(cost_ns = 10, memory = 0, example = r#"{"a": 3, "b": 4}"#)]
pub fn sum_squares(
    /// The first number.
    a: i64,
    /// The second number.
    b: i64,
) -> Result<SumOfSquares, KernelError> {
    let sum_of_squares = exact_sum(a, b)?;
    Ok(SumOfSquares {
        a,
        b,
        sum_of_squares,
    })
}

/// Returns a² + b².
///
/// # Errors
///
/// [`KernelError::OutOfRange`] if the exact sum is over [`i64::MAX`].
pub fn exact_sum(a: i64, b: i64) -> Result<i64, KernelError> {
    // The largest sum is 2 · 2¹²⁶ = 2¹²⁷, which fits 128 bits without a sign but not with one.
    let square = |x: i64| u128::from(x.unsigned_abs()).pow(2);
    i64::try_from(square(a) + square(b)).map_err(|_| {
        KernelError::out_of_range(format_args!(
            "a² + b² is over the greatest signed 64-bit integer, {}",
            i64::MAX
        ))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn adds_squares() {
        assert_eq!(exact_sum(3, 4), Ok(25));
        assert_eq!(exact_sum(-5, 10), Ok(125));
        assert_eq!(exact_sum(0, 0), Ok(0));
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
                matches!(exact_sum(a, b), Err(KernelError::OutOfRange { .. })),
                "{a}, {b}"
            );
        }
    }

    #[test]
    fn reaches_the_limit_exactly() {
        // The largest square below 2⁶³, and the largest second number that still fits beside it.
        let a = i64::MAX.isqrt();
        let b = (i64::MAX - a * a).isqrt();
        assert_eq!(exact_sum(a, b), Ok(a * a + b * b));
        assert!(exact_sum(a, b + 1).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_checked_arithmetic(a: i64, b: i64, shift in 0_u32..64) {
            // Shifted, so that sums on both sides of the limit are common.
            let (a, b) = (a >> shift, b >> shift);
            let checked = a
                .checked_mul(a)
                .and_then(|aa| b.checked_mul(b).and_then(|bb| aa.checked_add(bb)));
            prop_assert_eq!(exact_sum(a, b).ok(), checked);
        }
    }
}
