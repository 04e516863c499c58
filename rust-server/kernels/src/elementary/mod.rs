//! Elementary functions over slices, at several elements an instruction.
//!
//! Each function is a polynomial without branches and calls, which the compiler turns into vector
//! instructions inside of [`vectorize`](crate::vectorize::vectorize). Without fused operations, but for one whose
//! result is exact, a function has the same bits on any processor. An element outside the range of its polynomial is
//! given to the standard library instead, so every element has its accuracy: within 1 unit in the last place of the
//! exact result (2 for [`Tanh`]), and infinities, NaN, zeros and subnormal numbers as IEEE 754 asks.
//!
//! | module | functions |
//! |---|---|
//! | [`exponential`] | [`Exp`] |
//! | [`hyperbolic`] | [`Tanh`] |
//! | [`logarithm`] | [`Log`] |
//! | [`power`] | [`Power`] |
//! | [`remainder`] | [`Remainder`], whose bits are those of its definition |
//! | [`trigonometric`] | [`Sin`], [`Cos`] |

mod exponential;
mod hyperbolic;
mod logarithm;
mod power;
mod remainder;
mod trigonometric;

pub(crate) use exponential::Exp;
pub(crate) use hyperbolic::Tanh;
pub(crate) use logarithm::Log;
pub(crate) use power::Power;
pub(crate) use remainder::Remainder;
pub(crate) use trigonometric::{Cos, Sin};

/// 1.5 · 2⁵². A number of less than 2⁵¹ that is added to it is rounded to an integer, which is then in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The value of a polynomial, and whether its argument is in the polynomial's range.
pub(crate) type Approximation = (f64, bool);

/// An elementary function.
///
/// A trait rather than closures: only then is it certain that all is inlined into what calls [`map`].
pub(crate) trait Elementary {
    /// Returns the function by its polynomial.
    fn approximate(x: f64) -> Approximation;

    /// Returns the function for any number.
    fn exact(x: f64) -> f64;
}

/// An elementary function of two numbers.
pub(crate) trait ElementaryOfTwo {
    /// Returns the function by its polynomial.
    fn approximate(x: f64, y: f64) -> Approximation;

    /// Returns the function for any numbers.
    fn exact(x: f64, y: f64) -> f64;
}

/// Sets each y to the function of x.
#[inline(always)]
pub(crate) fn map<F: Elementary>(x: &[f64], y: &mut [f64]) {
    let mut outside = 0_u64;
    for (y, x) in y.iter_mut().zip(x) {
        let (value, is_inside) = F::approximate(*x);
        *y = value;
        outside |= u64::from(!is_inside);
    }
    if outside != 0 {
        for (y, x) in y.iter_mut().zip(x) {
            if !F::approximate(*x).1 {
                *y = F::exact(*x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectorize::vectorize;

    type OverSlices = fn(&[f64], &mut [f64]);
    /// A name, both ways to compute it, and how far apart their results may be.
    type Case = (&'static str, OverSlices, fn(f64) -> f64, u64);

    const FUNCTIONS: [Case; 5] = [
        (
            "exp",
            |x, y| {
                vectorize(
                    #[inline(always)]
                    || map::<Exp>(x, y),
                )
            },
            f64::exp,
            1,
        ),
        (
            "log",
            |x, y| {
                vectorize(
                    #[inline(always)]
                    || map::<Log>(x, y),
                )
            },
            f64::ln,
            1,
        ),
        (
            "sin",
            |x, y| {
                vectorize(
                    #[inline(always)]
                    || map::<Sin>(x, y),
                )
            },
            f64::sin,
            1,
        ),
        (
            "cos",
            |x, y| {
                vectorize(
                    #[inline(always)]
                    || map::<Cos>(x, y),
                )
            },
            f64::cos,
            1,
        ),
        (
            "tanh",
            |x, y| {
                vectorize(
                    #[inline(always)]
                    || map::<Tanh>(x, y),
                )
            },
            f64::tanh,
            // Both are within 2 units.
            3,
        ),
    ];

    /// Returns how many numbers lie between two, or 0 if both are NaN.
    fn distance(a: f64, b: f64) -> u64 {
        let place = |x: f64| {
            let bits = x.to_bits().cast_signed();
            if bits < 0 { i64::MIN - bits } else { bits }
        };
        if a.is_nan() && b.is_nan() {
            return 0;
        }
        place(a).abs_diff(place(b))
    }

    /// The standard library is within 1 unit in the last place itself, mostly within half of one.
    fn assert_close(arguments: &[f64]) {
        for (name, over_slices, exact, most) in FUNCTIONS {
            let mut results = vec![0.0; arguments.len()];
            over_slices(arguments, &mut results);
            for (x, y) in arguments.iter().zip(results) {
                let expected = exact(*x);
                assert!(
                    distance(y, expected) <= most,
                    "{name}({x:e}) is {y:e}, not {expected:e}"
                );
            }
        }
    }

    #[test]
    fn follows_ieee_754_at_the_edges() {
        let infinity = f64::INFINITY;
        let edges = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            infinity,
            -infinity,
            f64::NAN,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            708.0,
            709.0,
            709.782_712_893_384,
            709.79,
            -708.0,
            -745.1,
            -745.2,
            -1e9,
            1e6,
            1e6 + 0.5,
            1e22,
            1e300,
        ];
        for (name, over_slices, exact, most) in FUNCTIONS {
            for x in edges {
                let mut y = [0.0];
                over_slices(&[x], &mut y);
                assert!(
                    distance(y[0], exact(x)) <= most,
                    "{name}({x}) is {}, not {}",
                    y[0],
                    exact(x)
                );
                if exact(x) == 0.0 {
                    assert_eq!(
                        y[0].to_bits(),
                        exact(x).to_bits(),
                        "the sign of {name}({x})"
                    );
                }
            }
        }
    }

    #[test]
    fn is_close_where_the_argument_nearly_cancels() {
        let quarter = std::f64::consts::FRAC_PI_2;
        let near: Vec<f64> = (1..300_000)
            .flat_map(|n| {
                let x = f64::from(n) * quarter;
                [x.next_down(), x, x.next_up(), -x]
            })
            .collect();
        assert_close(&near);
        let near_one: Vec<f64> = (0..1000)
            .map(|n| 1.0 + f64::from(n - 500) * f64::EPSILON)
            .collect();
        assert_close(&near_one);
    }

    #[test]
    fn gives_each_element_the_same_whatever_its_neighbours() {
        let arguments: Vec<f64> = (0..1003)
            .map(|n| f64::from(n - 500) * 1.618)
            .chain([1e300, f64::NAN])
            .collect();
        for (name, over_slices, ..) in FUNCTIONS {
            let mut together = vec![0.0; arguments.len()];
            over_slices(&arguments, &mut together);
            for (x, y) in arguments.iter().zip(together) {
                let mut alone = [0.0];
                over_slices(&[*x], &mut alone);
                assert_eq!(alone[0].to_bits(), y.to_bits(), "{name}({x})");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn is_close_for_moderate_arguments(x in prop::collection::vec(-50.0..50.0, 1000)) {
            assert_close(&x);
        }

        #[test]
        fn is_close_in_the_whole_range_of_the_polynomials(x in prop::collection::vec(-2e6..2e6, 1000), y in prop::collection::vec(-750.0..750.0, 1000)) {
            assert_close(&x);
            assert_close(&y);
        }

        #[test]
        fn is_close_for_any_bits(bits in prop::collection::vec(any::<u64>(), 1000)) {
            let x: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            assert_close(&x);
        }
    }
}
