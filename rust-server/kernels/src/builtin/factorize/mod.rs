//! `factorize`: the prime factors of each number.
//!
//! * [`divide`] finds the factors of one number.
//! * [`prime`] tells primes from composite numbers.
//! * [`montgomery`] multiplies modulo an odd number.
//!
//! num-prime does this too, but cannot be stopped within a number, and brings big integers along.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*};

mod divide;
mod montgomery;
mod prime;

use divide::Factorizer;

/// The most numbers that a thread takes at once, and into how many shares they are cut if they are fewer.
const LARGEST_SHARE: usize = 1024;
const SHARES: usize = 256;

/// The results of [`factorize`].
#[derive(Clone, Debug, Outputs, PartialEq, Eq)]
pub struct Factorizations {
    /// The prime factors of all numbers, one number after the other; of each in ascending order, repeated as often
    /// as they divide it.
    pub factors: Vec<i64>,
    /// Where the factors of each number begin, and the end: those of `n[i]` are `factors[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<i64>,
}

/// Finds the prime factors of each number, with certainty.
///
/// The product of the factors of a number is the number; 1 has none, a prime has itself. No numbers give no factors
/// and the single offset 0. The same numbers always give the same factors in the same time: nothing is left to
/// chance.
///
/// Primes below 1024 are found by trial division, the others by Pollard's rho as Brent improved it (1980), with
/// Montgomery's multiplication; what is left is shown to be prime by the test of Miller and Rabin to bases that
/// leave no doubt below 2⁶⁴. A number takes time in the order of the square root of its second greatest prime
/// factor: under a microsecond for small numbers, typically half a millisecond for the product of two primes near
/// 2³¹.
#[kernel(
    cost_ns = n.iter().map(|n| cost_of(*n)).sum::<f64>(),
    memory = n.iter().fold(8, |sum: u64, n| sum.saturating_add(16 + 16 * most_factors(*n))),
    example = r#"{"n": [360, 97, 1]}"#
)]
pub fn factorize(
    cx: &Context,
    /// The numbers, from 1 to 2⁶³ − 1.
    #[arg(min = 1)]
    n: &[i64],
) -> Result<Factorizations, KernelError> {
    if let Some(index) = n.iter().position(|n| *n < 1) {
        let message = "expected a number of at least 1";
        return Err(KernelError::argument(format!("n[{index}]"), message));
    }
    let share = (n.len() / SHARES).clamp(1, LARGEST_SHARE);
    let shares = n
        .par_chunks(share)
        .map(|numbers| factorize_each(numbers, cx));
    let shares: Vec<Share> = shares.collect::<Result<_, Stopped>>()?;

    let mut factors = Vec::with_capacity(shares.iter().map(|share| share.factors.len()).sum());
    let mut offsets = Vec::with_capacity(n.len() + 1);
    offsets.push(0);
    let mut end = 0;
    for share in shares {
        cx.check()?;
        factors.extend_from_slice(&share.factors);
        offsets.extend(share.counts.into_iter().map(|count| {
            end += i64::from(count);
            end
        }));
    }
    Ok(Factorizations { factors, offsets })
}

/// The factors of some of the numbers, and how many each has.
struct Share {
    factors: Vec<i64>,
    counts: Vec<u8>,
}

fn factorize_each(numbers: &[i64], context: &Context) -> Result<Share, Stopped> {
    context.check()?;
    let mut factorizer = Factorizer::new(context);
    let mut factors = vec![];
    let mut counts = Vec::with_capacity(numbers.len());
    for number in numbers {
        let before = factors.len();
        factorizer.append(number.cast_unsigned(), &mut factors)?;
        let count = u8::try_from(factors.len() - before);
        counts.push(count.expect("a number below 2⁶³ has at most 62 prime factors"));
    }
    Ok(Share { factors, counts })
}

/// Returns no less than the number of prime factors, from the number's size and its powers of 2, 3 and 5.
fn most_factors(number: i64) -> u64 {
    let mut rest = number.max(1).cast_unsigned();
    let twos = rest.trailing_zeros();
    rest >>= twos;
    let mut count = u64::from(twos);
    for prime in [3, 5] {
        while rest.is_multiple_of(prime) {
            rest /= prime;
            count += 1;
        }
    }
    // Each of the others is at least 7, which is over 2^2.8.
    count + u64::from(rest.ilog2()) * 10 / 28 + 1
}

/// Returns nanoseconds: between those of a typical number and those of a product of two equally large primes.
fn cost_of(number: i64) -> f64 {
    50.0 + 1.4 * (number as f64).sqrt().sqrt()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    fn run(n: &[i64]) -> Factorizations {
        factorize(&Context::default(), n).expect("a result")
    }

    fn of_one(n: i64) -> Vec<i64> {
        let Factorizations { factors, offsets } = run(&[n]);
        assert_eq!(offsets, [0, factors.len() as i64]);
        factors
    }

    #[test]
    fn finds_the_factors_of_each_number() {
        let factorizations = run(&[360, 97, 1, 2, 49, 1]);
        assert_eq!(factorizations.factors, [2, 2, 2, 3, 3, 5, 97, 2, 7, 7]);
        assert_eq!(factorizations.offsets, [0, 6, 7, 7, 8, 10, 10]);
        assert_eq!(
            run(&[]),
            Factorizations {
                factors: vec![],
                offsets: vec![0]
            }
        );
    }

    #[test]
    fn finds_large_factors() {
        // As SymPy's factorint gives them.
        assert_eq!(of_one(i64::MAX), [7, 7, 73, 127, 337, 92_737, 649_657]);
        assert_eq!(of_one(i64::MAX - 24), [i64::MAX - 24]);
        assert_eq!(of_one(1 << 62), [2; 62]);
        assert_eq!(of_one(3_037_000_493 * 3_037_000_493), [3_037_000_493; 2]);
        assert_eq!(
            of_one(2_147_483_647 * 4_294_967_291),
            [2_147_483_647, 4_294_967_291]
        );
        assert_eq!(
            of_one(3_037_000_453 * 3_037_000_493),
            [3_037_000_453, 3_037_000_493]
        );
        assert_eq!(
            of_one(1031 * 1031 * 1031 * 1033 * 1033 * 1033),
            [1031, 1031, 1031, 1033, 1033, 1033]
        );
        assert_eq!(of_one(1_048_583 * 1_048_583 * 1_048_583), [1_048_583; 3]);
    }

    #[test]
    fn refuses_what_is_not_positive() {
        for n in [0, -1, i64::MIN] {
            let refused = factorize(&Context::default(), &[1, n]).expect_err("no factors");
            assert_eq!(refused.to_string(), "n[1]: expected a number of at least 1");
        }
    }

    #[test]
    fn estimates_no_fewer_factors_than_there_are() {
        for n in (1..2000).chain([
            i64::MAX,
            1 << 62,
            7_i64.pow(22),
            11_i64.pow(18),
            3_i64.pow(39),
        ]) {
            assert!(most_factors(n) >= of_one(n).len() as u64, "{n}");
        }
        assert!(most_factors(i64::MIN) < 100 && most_factors(0) < 100);
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let n: Vec<i64> = (1..5000).map(|i| i * 1_844_674_407_370_955 + 1).collect();
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| run(&n))
        };
        assert_eq!(on_threads(1), on_threads(4));
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        assert_eq!(factorize(&context, &[1]), Err(Stopped.into()));
        // Within one number, too.
        let hard = 3_037_000_453 * 3_037_000_493;
        let mut factorizer = Factorizer::new(&context);
        assert_eq!(factorizer.append(hard, &mut vec![]), Err(Stopped));
    }

    fn assert_factorized(n: i64) {
        let factors = of_one(n);
        assert_eq!(factors.iter().product::<i64>(), n, "{factors:?}");
        assert!(factors.is_sorted(), "{factors:?}");
        let is_prime = |p: i64| p == 2 || p % 2 == 1 && prime::is_prime(p.cast_unsigned());
        assert!(factors.into_iter().all(is_prime), "{n}");
    }

    #[test]
    fn agrees_with_trial_division_for_small_numbers() {
        let numbers: Vec<i64> = (1..30_000).collect();
        let Factorizations { factors, offsets } = run(&numbers);
        for (n, ends) in numbers.into_iter().zip(offsets.windows(2)) {
            let mut rest = n;
            let mut expected = vec![];
            for divisor in 2..=n {
                while rest % divisor == 0 {
                    expected.push(divisor);
                    rest /= divisor;
                }
                if rest == 1 {
                    break;
                }
            }
            assert_eq!(factors[ends[0] as usize..ends[1] as usize], expected, "{n}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn splits_any_number_into_primes(n in 1..i64::MAX, shift in 0..63) {
            assert_factorized(i64::max(n >> shift, 1));
        }

        #[test]
        fn splits_products_of_a_few_large_numbers(a in 1_i64..1 << 21, b in 1_i64..1 << 21, c in 1_i64..1 << 20) {
            assert_factorized(a * b * c);
            assert_factorized(a * a * c);
        }
    }
}
