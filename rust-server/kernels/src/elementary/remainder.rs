//! The remainder that has the sign of the divisor, as Python's `%`.

use super::{Approximation, ElementaryOfTwo};

/// The remainder.
pub(crate) struct Remainder;

/// From 2⁵² on, not all integers between floats are floats.
const GREATEST_QUOTIENT: f64 = 4_503_599_627_370_496.0;

impl ElementaryOfTwo for Remainder {
    /// The quotient is rounded, perhaps up to an integer that it does not reach. The fused product is exact either
    /// way, as every remainder of floats is, and what is subtracted once too often can be added again.
    #[inline(always)]
    fn approximate(a: f64, b: f64) -> Approximation {
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
        let is_inside = quotient.abs() < GREATEST_QUOTIENT && b.abs() <= f64::MAX;
        (rest, is_inside)
    }

    fn exact(a: f64, b: f64) -> f64 {
        let rest = a % b;
        if rest == 0.0 {
            rest.abs().copysign(b)
        } else if (rest < 0.0) != (b < 0.0) {
            rest + b
        } else {
            rest
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_same(a: f64, b: f64) {
        let (rest, is_inside) = Remainder::approximate(a, b);
        let expected = Remainder::exact(a, b);
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
