//! `fft`: the discrete Fourier transform of a real vector.
//!
//! Short vectors are the library's. Its transforms cannot be interrupted, so
//!
//! * [`long`] composes long transforms of short ones,
//! * [`real`] makes real vectors of them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use realfft::{RealFftPlanner, RealToComplex};

use crate::prelude::*;

mod long;
mod real;

/// The longest vector that is left to the library as a whole: a millisecond, and five where the length is prime.
const SHORT: usize = 1 << 16;
/// The same for lengths without a great prime factor: 5 to 15 ms, about half of what a composition takes.
const SHORT_IF_SIMPLE: usize = 1 << 20;
/// The greatest prime factor that the library has no need of Bluestein's algorithm for.
const SMALL_FACTOR: usize = 512;
/// The longest vector.
const MAX_LENGTH: usize = 1 << 26;
/// Bytes that the library takes for each element, its plan among them: 30 were measured where all prime factors are
/// small, up to 190 elsewhere.
const BYTES: usize = 64;
const BYTES_OF_BLUESTEIN: usize = 208;
/// Bytes of the plans that are kept for later calls.
const MOST_PLANNED: usize = 64 << 20;
/// Nanoseconds for each element and each bit of the length.
const TIME_PER_STEP: f64 = 0.6;

/// The results of [`fft`].
#[derive(Clone, Debug, Outputs, PartialEq)]
pub struct Spectrum {
    /// The real parts, of the frequencies 0, 1, …, ⌊n/2⌋.
    pub real: Vec<f64>,
    /// The imaginary parts, of the same frequencies.
    pub imaginary: Vec<f64>,
}

/// Discrete Fourier transform of a real vector, for the frequencies from 0 to ⌊n/2⌋.
///
/// `X[k]` is the sum of `x[j]` · exp(−2πi · j · k / n) over all j, without a factor in front, as `numpy.fft.rfft`
/// has it; the other frequencies are the complex conjugates of these. Computed by the algorithms of Cooley and Tukey
/// (1965), Rader and Bluestein: short vectors in the implementation of RustFFT, long ones composed of such. An empty
/// vector has an empty spectrum. NaN or infinity in x makes a part of every result, real or imaginary, NaN or
/// infinite. The result is the same on any number of threads.
///
/// Takes time in n · log n for any n. Long vectors whose length has a great prime factor take about five times the
/// time and up to nine times the memory of others, so the limit of the server may refuse them earlier.
/// A transform of up to 1 048 576 elements cannot be interrupted; it takes some 10 ms.
#[kernel(
    cost_ns = TIME_PER_STEP * x.len() as f64 * (1.0 + x.len() as f64).log2(),
    memory = bytes_of(x.len()),
    example = r#"{"x": [1.0, 2.0, 0.0, -1.0]}"#
)]
pub fn fft(
    cx: &Context,
    /// The vector, at most 67 108 864 elements.
    x: &[f64],
) -> Result<Spectrum, KernelError> {
    if x.len() > MAX_LENGTH {
        let message = format!(
            "the vector has {} elements, over the limit of {MAX_LENGTH}",
            x.len()
        );
        return Err(KernelError::argument("x", message));
    }
    if x.is_empty() {
        return Ok(Spectrum {
            real: vec![],
            imaginary: vec![],
        });
    }
    if !is_short(x.len()) {
        return Ok(real::transform(cx, x)?);
    }
    cx.check()?;
    let plan = plan(x.len());
    let mut output = plan.make_output_vec();
    let transformed = plan.process(&mut x.to_vec(), &mut output);
    transformed.map_err(KernelError::failed)?;
    Ok(Spectrum {
        real: output.iter().map(|number| number.re).collect(),
        imaginary: output.iter().map(|number| number.im).collect(),
    })
}

/// Returns how many bytes the transform of so many elements takes.
fn bytes_of(length: usize) -> usize {
    if !is_short(length) {
        let of_result = 8 * length;
        of_result + long::bytes_of(real::complex_length(length))
    } else if is_simple(length) {
        64 + length * BYTES
    } else {
        64 + length * BYTES_OF_BLUESTEIN
    }
}

/// Returns whether a vector is left to the library.
fn is_short(length: usize) -> bool {
    length <= SHORT || (length <= SHORT_IF_SIMPLE && is_simple(length))
}

fn is_simple(length: usize) -> bool {
    length.is_multiple_of(2) && has_small_factors(length)
}

fn has_small_factors(mut length: usize) -> bool {
    for factor in 2..=SMALL_FACTOR {
        while length > 1 && length.is_multiple_of(factor) {
            length /= factor;
        }
    }
    length <= 1
}

/// What can be computed once for all vectors of a length.
type Plan = Arc<dyn RealToComplex<f64>>;

/// The plans that were used last, the newest first; a planner of the library would keep all of them for ever.
static PLANS: Mutex<VecDeque<Plan>> = Mutex::new(VecDeque::new());

fn plan(length: usize) -> Plan {
    // A plan is put in or taken out whole, so a panic elsewhere leaves nothing half done.
    let known = || PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let find = |plans: &mut VecDeque<Plan>| {
        let position = plans.iter().position(|plan| plan.len() == length)?;
        plans.remove(position)
    };
    let found = find(&mut known());
    // Made without the lock, since it takes as long as a transform.
    let plan = found.unwrap_or_else(|| RealFftPlanner::new().plan_fft_forward(length));
    let mut plans = known();
    find(&mut plans);
    plans.push_front(Arc::clone(&plan));
    let mut planned = 0;
    plans.retain(|plan| {
        // Half of what a transform takes are its tables.
        planned += bytes_of(plan.len()) / 2;
        planned <= MOST_PLANNED
    });
    plan
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        context::Stopped,
        testing::{noise, on_threads, stopped},
    };

    fn literal(x: &[f64]) -> Vec<(f64, f64)> {
        let n = x.len();
        let term = |k: usize, j: usize| {
            let angle = -TAU * ((j * k) % n) as f64 / n as f64;
            (x[j] * angle.cos(), x[j] * angle.sin())
        };
        let sum = |k: usize| {
            (0..n)
                .map(|j| term(k, j))
                .fold((0.0, 0.0), |s, t| (s.0 + t.0, s.1 + t.1))
        };
        (0..=n / 2).map(sum).collect()
    }

    fn transform(x: &[f64]) -> Spectrum {
        fft(&Context::default(), x).expect("a short vector")
    }

    #[test]
    fn transforms_what_is_known() {
        let spectrum = transform(&[1.0, 2.0, 0.0, -1.0]);
        assert_eq!(spectrum.real, [2.0, 1.0, 0.0]);
        assert_eq!(spectrum.imaginary, [0.0, -3.0, 0.0]);
        assert_eq!(transform(&[7.0]).real, [7.0]);
        assert!(transform(&[]).real.is_empty());
    }

    #[test]
    fn spreads_what_is_not_finite() {
        for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for length in [2, 3, 8, 17, 1000, 65_537, 65_538, 100_000, 1_200_000] {
                let mut x = vec![1.0; length];
                x[1] = strange;
                let spectrum = transform(&x);
                let mut parts = spectrum.real.iter().zip(&spectrum.imaginary);
                assert!(parts.all(|(real, imaginary)| !(real + imaginary).is_finite()));
            }
        }
    }

    #[test]
    fn refuses_what_is_too_long() {
        let refused = fft(&Context::default(), &vec![0.0; MAX_LENGTH + 1]).expect_err("too long");
        assert!(
            refused
                .to_string()
                .starts_with("x: the vector has 67108865 elements"),
            "{refused}"
        );
    }

    #[test]
    fn transforms_long_vectors_as_the_library_does() {
        // A power of two, small factors, an odd number, twice a prime, a prime.
        for length in [1 << 21, 1_200_000, 177_147, 131_074, 65_537] {
            let x = noise(length, 1.0);
            let spectrum = transform(&x);
            let mut expected = plan(length).make_output_vec();
            let transformed = plan(length).process(&mut x.clone(), &mut expected);
            transformed.expect("the lengths fit");
            assert_eq!(spectrum.real.len(), expected.len());
            let energy: f64 = x.iter().map(|x| x * x).sum();
            let tolerance = 1e-14 * energy.sqrt() * (length as f64).log2();
            for (k, expected) in expected.into_iter().enumerate() {
                let distance =
                    (spectrum.real[k] - expected.re).hypot(spectrum.imaginary[k] - expected.im);
                assert!(
                    distance < tolerance,
                    "{length}, {k}: {distance} is not below {tolerance}"
                );
            }
        }
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        for length in [1_200_000, 65_537] {
            let x = noise(length, 0.0);
            assert!(on_threads(1, || transform(&x)) == on_threads(4, || transform(&x)));
        }
    }

    #[test]
    fn keeps_few_plans() {
        for length in 1..60 {
            plan(1 << 16 | length);
        }
        let plans = PLANS.lock().expect("no panic");
        let bytes = plans.iter().map(|plan| bytes_of(plan.len()) / 2);
        assert!(bytes.sum::<usize>() <= MOST_PLANNED);
    }

    #[test]
    fn stops_when_asked() {
        for x in [vec![1.0], vec![1.0; SHORT + 1]] {
            assert_eq!(fft(&stopped(), &x), Err(KernelError::Stopped(Stopped)));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(x in proptest::collection::vec(-10.0..10.0_f64, 1..80)) {
            let expected = literal(&x);
            for spectrum in [transform(&x), real::transform(&Context::default(), &x)?] {
                prop_assert_eq!(spectrum.real.len(), expected.len());
                for (k, (real, imaginary)) in expected.iter().enumerate() {
                    prop_assert!((spectrum.real[k] - real).abs() < 1e-9);
                    prop_assert!((spectrum.imaginary[k] - imaginary).abs() < 1e-9);
                }
            }
        }
    }
}
