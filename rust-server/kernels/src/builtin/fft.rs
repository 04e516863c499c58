//! `fft`: the discrete Fourier transform of a real vector.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use realfft::{RealFftPlanner, RealToComplex};

use crate::prelude::*;

/// The longest vector. The library's transform cannot be interrupted, so its length bounds its time.
const MAX_LENGTH: usize = 1 << 22;
/// Bytes that a transform takes for each element, its plan among them: 30 were measured where all prime factors are
/// small, up to 190 elsewhere.
const BYTES: usize = 64;
const BYTES_OF_BLUESTEIN: usize = 208;
/// The greatest prime factor that the library has no need of Bluestein's algorithm for.
const SMALL_FACTOR: usize = 512;
/// Bytes of the plans that are kept for later calls.
const MOST_PLANNED: usize = 128 << 20;
/// Elements that are copied between two polls of the context.
const CHUNK: usize = 1 << 16;
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
/// (1965), Rader and Bluestein, in the implementation of RustFFT, on one thread. An empty vector has an empty
/// spectrum. NaN or infinity in x makes a part of every result, real or imaginary, NaN or infinite.
///
/// Takes time in n · log n for any n. The transform itself cannot be interrupted: a vector has at most 4 194 304
/// elements, which take about 0.1 s, and 0.4 s where the length is a prime number. Odd lengths, and those with a prime
/// factor over 512, take three times the memory, so the limit of the server may refuse them earlier.
#[kernel(
    cost_ns = TIME_PER_STEP * x.len() as f64 * (1.0 + x.len() as f64).log2(),
    memory = bytes_of(x.len()) + 64,
    example = r#"{"x": [1.0, 2.0, 0.0, -1.0]}"#
)]
pub fn fft(
    cx: &Context,
    /// The vector, at most 4 194 304 elements.
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
    cx.check()?;
    let plan = plan(x.len());
    cx.check()?;
    let mut input = x.to_vec();
    let mut output = plan.make_output_vec();
    let transformed = plan.process(&mut input, &mut output);
    transformed.map_err(KernelError::failed)?;
    let mut spectrum = Spectrum {
        real: Vec::with_capacity(output.len()),
        imaginary: Vec::with_capacity(output.len()),
    };
    for chunk in output.chunks(CHUNK) {
        cx.check()?;
        spectrum.real.extend(chunk.iter().map(|number| number.re));
        spectrum
            .imaginary
            .extend(chunk.iter().map(|number| number.im));
    }
    Ok(spectrum)
}

/// Returns how many bytes the transform of so many elements takes.
fn bytes_of(length: usize) -> usize {
    let is_simple = length.is_multiple_of(2) && has_small_factors(length);
    length * if is_simple { BYTES } else { BYTES_OF_BLUESTEIN }
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
    use std::{f64::consts::TAU, sync::atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;
    use crate::context::Stopped;

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
            for length in [2, 3, 8, 17, 1000] {
                let mut x = vec![1.0; length];
                x[1] = strange;
                let spectrum = transform(&x);
                let mut parts = spectrum.real.iter().zip(&spectrum.imaginary);
                assert!(parts.all(|(real, imaginary)| !(real + imaginary).is_finite()));
            }
        }
    }

    #[test]
    fn refuses_what_would_take_too_long() {
        let refused = fft(&Context::default(), &vec![0.0; MAX_LENGTH + 1]).expect_err("too long");
        assert!(
            refused
                .to_string()
                .starts_with("x: the vector has 4194305 elements"),
            "{refused}"
        );
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
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        assert_eq!(fft(&context, &[1.0]), Err(KernelError::Stopped(Stopped)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(x in proptest::collection::vec(-10.0..10.0_f64, 1..80)) {
            let spectrum = transform(&x);
            let expected = literal(&x);
            prop_assert_eq!(spectrum.real.len(), expected.len());
            for (k, (real, imaginary)) in expected.into_iter().enumerate() {
                prop_assert!((spectrum.real[k] - real).abs() < 1e-9);
                prop_assert!((spectrum.imaginary[k] - imaginary).abs() < 1e-9);
            }
        }
    }
}
