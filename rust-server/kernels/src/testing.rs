//! What the tests of several kernels need.

use std::sync::{Arc, atomic::AtomicBool};

use proptest::prelude::*;

use crate::Context;

/// Runs a function in a pool of so many threads.
pub(crate) fn on_threads<R: Send>(threads: usize, function: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a pool").install(function)
}

/// Returns a context whose result nobody wants.
pub(crate) fn stopped() -> Context {
    Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)))
}

/// Returns normal numbers from a sequence that is always the same, with `offset` added.
pub(crate) fn noise(count: usize, offset: f64) -> Vec<f64> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    (0..count).map(|_| normal() + offset).collect()
}

/// Returns the bits of floats: NaN is equal to itself, and 0 differs from −0.
pub(crate) fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Generates floats of which many are equal, and some are special.
pub(crate) fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -4.0..4.0,
        4 => (-3_i8..4).prop_map(f64::from),
        2 => any::<f64>(),
        1 => prop::sample::select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]),
    ]
}
