//! The prime factors of one number: trial division, then Pollard's rho.

use super::{
    montgomery::{Modulus, inverse},
    prime::is_prime,
};
use crate::context::{Context, Stopped};

/// The odd primes below 1024; what they leave is prime if it is less than 1024².
const PRIMES: [Prime; 171] = odd_primes();
const TRIAL_BOUND: u64 = 1 << 10;

/// Steps between two gcds of Pollard's rho.
const STEPS_A_GCD: u64 = 128;

/// The effort between two polls of the context: some hundred microseconds.
const EFFORT_A_CHECK: u64 = 1 << 16;

/// The effort of trial division and of a test for primality, in steps of Pollard's rho.
const EFFORT_OF_TRIAL: u64 = 30;
const EFFORT_OF_TEST: u64 = 400;

/// An odd prime, prepared for exact division.
#[derive(Clone, Copy)]
struct Prime {
    prime: u64,
    inverse: u64,
    /// The greatest quotient.
    limit: u64,
}

/// Finds the prime factors of numbers, and polls the context on the way.
#[derive(Debug)]
pub(super) struct Factorizer<'a> {
    context: &'a Context,
    effort: u64,
}

// === impl Factorizer ===

impl<'a> Factorizer<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context, effort: 0 }
    }

    /// Appends the prime factors of a number from 1 to 2⁶³ − 1, in ascending order.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the context asked to stop; some factors are then missing.
    pub(super) fn append(&mut self, number: u64, factors: &mut Vec<i64>) -> Result<(), Stopped> {
        self.spend(EFFORT_OF_TRIAL)?;
        let rest = divide_small(number, factors);
        if rest == 1 {
            return Ok(());
        }
        let start = factors.len();
        self.split(rest, factors)?;
        factors[start..].sort_unstable();
        Ok(())
    }

    /// Appends the prime factors of a number that has none below [`TRIAL_BOUND`].
    fn split(&mut self, number: u64, factors: &mut Vec<i64>) -> Result<(), Stopped> {
        self.spend(EFFORT_OF_TEST)?;
        if number < TRIAL_BOUND * TRIAL_BOUND || is_prime(number) {
            factors.push(number.cast_signed());
            return Ok(());
        }
        // Rho finds the root of a square late.
        let root = number.isqrt();
        let divisor = if root * root == number {
            root
        } else {
            self.divisor(number)?
        };
        // At most five times: each of six prime factors is over 1024, so their product is over 2⁶⁰.
        self.split(divisor, factors)?;
        self.split(number / divisor, factors)
    }

    /// Returns a divisor of an odd composite number, neither 1 nor the number itself.
    fn divisor(&mut self, number: u64) -> Result<u64, Stopped> {
        let modulus = Modulus::new(number);
        for c in 1.. {
            let c = modulus.residue(c);
            let found = self.rho(number, &modulus, c)?;
            if found != number {
                return Ok(found);
            }
        }
        unreachable!("some sequence meets itself modulo one prime factor before all others")
    }

    /// Returns a divisor other than 1, seldom the number itself: Pollard's rho with the sequence y ↦ y² + c, as
    /// Brent improved it ("An improved Monte Carlo factorization algorithm", 1980).
    fn rho(&mut self, number: u64, modulus: &Modulus, c: u64) -> Result<u64, Stopped> {
        let mut y = c;
        let mut stretch = 1;
        loop {
            let x = y;
            for _ in 0..stretch {
                y = modulus.square_plus(y, c);
            }
            let mut done = 0;
            while done < stretch {
                let start = y;
                let mut product = modulus.one();
                let steps = STEPS_A_GCD.min(stretch - done);
                for _ in 0..steps {
                    y = modulus.square_plus(y, c);
                    product = modulus.multiply(product, x.abs_diff(y));
                }
                match gcd(product, number) {
                    1 => {}
                    divisor if divisor != number => return Ok(divisor),
                    // Several factors at once: once more, one step at a time.
                    _ => return Ok(first_divisor(number, modulus, x, start, c)),
                }
                self.spend(2 * steps)?;
                done += steps;
            }
            stretch *= 2;
        }
    }

    fn spend(&mut self, effort: u64) -> Result<(), Stopped> {
        self.effort += effort;
        if self.effort < EFFORT_A_CHECK {
            return Ok(());
        }
        self.effort = 0;
        self.context.check()
    }
}

/// Returns the first divisor other than 1 that a sequence gives from `y` on.
fn first_divisor(number: u64, modulus: &Modulus, x: u64, mut y: u64, c: u64) -> u64 {
    loop {
        y = modulus.square_plus(y, c);
        let divisor = gcd(x.abs_diff(y), number);
        if divisor != 1 {
            return divisor;
        }
    }
}

/// Appends the prime factors below [`TRIAL_BOUND`] of a number that is not 0, and returns what is left.
fn divide_small(number: u64, factors: &mut Vec<i64>) -> u64 {
    let twos = number.trailing_zeros();
    factors.extend((0..twos).map(|_| 2));
    let mut rest = number >> twos;
    for prime in &PRIMES {
        // A multiple of the prime, and only that, has a product with the inverse that is no greater than any quotient.
        let mut quotient = rest.wrapping_mul(prime.inverse);
        while quotient <= prime.limit {
            factors.push(prime.prime.cast_signed());
            rest = quotient;
            quotient = rest.wrapping_mul(prime.inverse);
        }
        if prime.prime * prime.prime > rest {
            break;
        }
    }
    rest
}

/// Returns the greatest common divisor of a number and an odd one: Stein's algorithm.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while a != 0 {
        a >>= a.trailing_zeros();
        (a, b) = (a.abs_diff(b), a.min(b));
    }
    b
}

const fn odd_primes<const COUNT: usize>() -> [Prime; COUNT] {
    let mut primes = [Prime {
        prime: 0,
        inverse: 0,
        limit: 0,
    }; COUNT];
    let mut count = 0;
    let mut candidate = 3;
    while count < COUNT {
        let mut index = 0;
        while index < count && candidate % primes[index].prime != 0 {
            index += 1;
        }
        if index == count {
            primes[count] = Prime {
                prime: candidate,
                inverse: inverse(candidate),
                limit: u64::MAX / candidate,
            };
            count += 1;
        }
        candidate += 2;
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_all_primes_below_the_bound() {
        assert_eq!(PRIMES[0].prime, 3);
        assert_eq!(PRIMES[170].prime, 1021);
        assert!((1022..TRIAL_BOUND).all(|n| !is_prime(n | 1)));
    }

    #[test]
    fn finds_greatest_common_divisors() {
        assert_eq!(gcd(12, 9), 3);
        assert_eq!(gcd(0, 15), 15);
        assert_eq!(gcd(7, 15), 1);
        assert_eq!(gcd(1 << 63, 1), 1);
    }
}
