//! Which numbers are prime, without doubt.

use super::montgomery::Modulus;

/// Bases that leave no doubt below a bound: no composite number below it is a strong pseudoprime to all of them.
///
/// The smallest sets that are known, as listed at <https://miller-rabin.appspot.com> and used by SymPy's `isprime`.
const BASES: [(u64, &[u64]); 5] = [
    (
        350_269_456_337,
        &[
            4_230_279_247_111_683_200,
            14_694_767_155_120_705_706,
            16_641_139_526_367_750_375,
        ],
    ),
    (
        55_245_642_489_451,
        &[
            2,
            141_889_084_524_735,
            1_199_124_725_622_454_117,
            11_096_072_698_276_303_650,
        ],
    ),
    (
        7_999_252_175_582_851,
        &[
            2,
            4_130_806_001_517,
            149_795_463_772_692_060,
            186_635_894_390_467_037,
            3_967_304_179_347_715_805,
        ],
    ),
    (
        585_226_005_592_931_977,
        &[
            2,
            123_635_709_730_000,
            9_233_062_284_813_009,
            43_835_965_440_333_360,
            761_179_012_939_631_437,
            1_263_739_024_124_850_375,
        ],
    ),
    (
        u64::MAX,
        &[2, 325, 9_375, 28_178, 450_775, 9_780_504, 1_795_265_022],
    ),
];

/// Returns whether an odd number from 3 to 2⁶³ − 1 is prime, by the test of Miller and Rabin to bases that leave no
/// doubt.
pub(super) fn is_prime(n: u64) -> bool {
    let modulus = Modulus::new(n);
    let one = modulus.one();
    let twos = (n - 1).trailing_zeros();
    let passes = |base: &u64| {
        let base = modulus.residue(*base);
        if base == 0 {
            return true;
        }
        let mut power = modulus.power(base, (n - 1) >> twos);
        if power == one || power == n - one {
            return true;
        }
        (1..twos).any(|_| {
            power = modulus.multiply(power, power);
            power == n - one
        })
    };
    let sufficient = BASES.iter().find(|(end, _)| n < *end);
    sufficient.is_some_and(|(_, bases)| bases.iter().all(passes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_trial_division() {
        for n in (3_u64..20_000).step_by(2) {
            let expected = (2..)
                .take_while(|d| d * d <= n)
                .all(|d| !n.is_multiple_of(d));
            assert_eq!(is_prime(n), expected, "{n}");
        }
    }

    #[test]
    fn is_not_deceived_by_strong_pseudoprimes() {
        // The least ones to the first primes (OEIS A014233), and where the sets of bases end.
        for n in [
            2047,
            1_373_653,
            25_326_001,
            3_215_031_751,
            4_759_123_141,
            350_269_456_337,
            55_245_642_489_451,
            7_999_252_175_582_851,
            585_226_005_592_931_977,
            2_152_302_898_747,
            3_474_749_660_383,
            341_550_071_728_321,
            3_825_123_056_546_413_051,
        ] {
            assert!(!is_prime(n), "{n}");
        }
    }

    #[test]
    fn knows_large_primes() {
        // The greatest primes below 2³¹, 2³², 2⁶¹ and 2⁶³, and those that divide a base.
        for n in [
            (1 << 31) - 1,
            (1 << 32) - 5,
            (1 << 61) - 1,
            (1 << 63) - 25,
            13,
            61,
            73,
        ] {
            assert!(is_prime(n), "{n}");
        }
        assert!(!is_prime((1 << 63) - 27));
    }
}
