//! Arithmetic modulo an odd number below 2⁶³, after Montgomery, "Modular multiplication without trial division" (1985).
//!
//! A residue a is kept as a · 2⁶⁴ modulo n: then a product takes three multiplications and no division.

/// An odd modulus from 3 to 2⁶³ − 1, prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modulus {
    n: u64,
    /// n⁻¹ modulo 2⁶⁴.
    inverse: u64,
    /// The residue of 1: 2⁶⁴ modulo n.
    one: u64,
    /// The residue of 2⁶⁴.
    square_of_base: u64,
}

/// Returns n⁻¹ modulo 2⁶⁴ of an odd n.
pub(super) const fn inverse(n: u64) -> u64 {
    // Right to 5 bits (Montgomery's trick), and each step of Newton's iteration doubles them: 10, 20, 40, 80.
    let mut x = n.wrapping_mul(3) ^ 2;
    let mut step = 0;
    while step < 4 {
        x = x.wrapping_mul(2_u64.wrapping_sub(n.wrapping_mul(x)));
        step += 1;
    }
    x
}

// === impl Modulus ===

impl Modulus {
    pub(super) fn new(n: u64) -> Self {
        debug_assert!(n % 2 == 1 && n >> 63 == 0, "{n}");
        let one = (u64::MAX % n + 1) % n;
        let square = u128::from(one) * u128::from(one) % u128::from(n);
        Self {
            n,
            inverse: inverse(n),
            one,
            square_of_base: square as u64,
        }
    }

    /// Returns the residue of 1.
    pub(super) fn one(&self) -> u64 {
        self.one
    }

    /// Returns the number as a residue.
    pub(super) fn residue(&self, number: u64) -> u64 {
        self.multiply(number % self.n, self.square_of_base)
    }

    /// Returns the product of two residues.
    #[inline]
    pub(super) fn multiply(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        let factor = (product as u64).wrapping_mul(self.inverse);
        let multiple = u128::from(factor) * u128::from(self.n);
        // The low halves are equal, and each high half is under n.
        let difference = ((product >> 64) as u64).wrapping_sub((multiple >> 64) as u64);
        difference.min(difference.wrapping_add(self.n))
    }

    /// Returns a² + c.
    #[inline]
    pub(super) fn square_plus(&self, a: u64, c: u64) -> u64 {
        let sum = self.multiply(a, a) + c;
        sum.min(sum.wrapping_sub(self.n))
    }

    /// Returns base^exponent of a residue.
    pub(super) fn power(&self, base: u64, exponent: u64) -> u64 {
        let bits = (0..u64::BITS - exponent.leading_zeros()).rev();
        bits.fold(self.one, |power, bit| {
            let square = self.multiply(power, power);
            if exponent >> bit & 1 == 1 {
                self.multiply(square, base)
            } else {
                square
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_128_bits(n in 1_u64..1 << 62, a: u64, b: u64, exponent in 0_u64..50) {
            let n = 2 * n + 1;
            let modulus = Modulus::new(n);
            prop_assert_eq!(inverse(n).wrapping_mul(n), 1);
            prop_assert_eq!(modulus.one(), modulus.residue(1));
            let wide = |x: u64| u128::from(x);
            let (a, b) = (a % n, b % n);
            let (x, y) = (modulus.residue(a), modulus.residue(b));
            let product = modulus.residue((wide(a) * wide(b) % wide(n)) as u64);
            prop_assert_eq!(modulus.multiply(x, y), product);
            let sum = modulus.residue(((wide(a) * wide(a) + wide(b)) % wide(n)) as u64);
            prop_assert_eq!(modulus.square_plus(x, y), sum);
            let power = (0..exponent).fold(1, |power, _| (wide(power) * wide(a) % wide(n)) as u64);
            prop_assert_eq!(modulus.power(x, exponent), modulus.residue(power));
        }
    }
}
