//! `process_numbers`: y = f^rounds(x), f(v) = ((v + 1) · 2) rem 1 000 000 007, for each number.
//!
//! * [`closed_form`] computes any number of rounds in constant time.
//! * [`crossings`] tells which negative chains become non-negative on the way.

use rayon::prelude::*;

use crate::{context::Stopped, prelude::*};

mod closed_form;
mod crossings;

use closed_form::Rounds;

/// How often f is applied if the caller does not say.
pub const DEFAULT_ROUNDS: u32 = 1000;
/// How often f may be applied.
pub const MAX_ROUNDS: u32 = 1_000_000;

/// Numbers between two polls of the context: some tens of microseconds of work.
const CHUNK: usize = 8192;

/// The results of [`process_numbers`].
#[derive(Clone, Debug, Outputs, PartialEq, Eq)]
pub struct ProcessedNumbers {
    /// How many numbers were given.
    pub original_count: i64,
    /// One result for each number, in order.
    pub processed_result: Vec<i64>,
}

/// Applies f(v) = ((v + 1) · 2) rem 1 000 000 007 to each number, `rounds` times.
///
/// Arithmetic is signed 64-bit and wrapping; rem is the truncated remainder, which has the sign of the dividend.
/// Exact for every input. The time is linear in the count of numbers and independent of `rounds`. An empty list gives
/// an empty list. The first call with more than 2048 rounds makes a table for all later ones, which takes some tens
/// of milliseconds.
#[kernel(
    cost_ns = 8 * numbers.len(),
    memory = 8 * numbers.len(),
    example = r#"{"numbers": [1, 2, 3], "rounds": 1000}"#
)]
pub fn process_numbers(
    cx: &Context,
    /// The numbers.
    mut numbers: Vec<i64>,
    /// How often f is applied; 0 returns the numbers as they are.
    #[arg(default = DEFAULT_ROUNDS, min = 0, max = MAX_ROUNDS)]
    rounds: i64,
) -> Result<ProcessedNumbers, KernelError> {
    let Some(rounds) = u32::try_from(rounds)
        .ok()
        .filter(|rounds| *rounds <= MAX_ROUNDS)
    else {
        let message = format!("expected 0 to {MAX_ROUNDS} rounds");
        return Err(KernelError::argument("rounds", message));
    };
    process_in_place(&mut numbers, rounds, cx)?;
    Ok(ProcessedNumbers {
        original_count: i64::try_from(numbers.len()).expect("a vector is shorter than 2⁶³"),
        processed_result: numbers,
    })
}

/// Replaces each number v by f^rounds(v), on the rayon pool this is called in.
///
/// # Errors
///
/// [`Stopped`] if `context` asked to stop; the numbers are then partly replaced.
///
/// # Panics
///
/// Panics if `rounds` is over [`MAX_ROUNDS`].
pub fn process_in_place(
    numbers: &mut [i64],
    rounds: u32,
    context: &Context,
) -> Result<(), Stopped> {
    assert!(rounds <= MAX_ROUNDS, "at most {MAX_ROUNDS} rounds");
    let rounds = Rounds::new(context, rounds)?;
    numbers.par_chunks_mut(CHUNK).try_for_each(|chunk| {
        context.check()?;
        rounds.apply_to(chunk);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use super::*;

    #[test]
    fn processes_a_list() {
        let literal = |v: i64| (0..1000).fold(v, |v, _| closed_form::tests::literal_step(v));
        let processed = process_numbers(&Context::default(), vec![1, 2, 3, -3], 1000);
        let expected = ProcessedNumbers {
            original_count: 4,
            processed_result: vec![literal(1), literal(2), literal(3), literal(-3)],
        };
        assert_eq!(processed, Ok(expected));
        let identity = process_numbers(&Context::default(), vec![1, -3], 0).expect("a result");
        assert_eq!(identity.processed_result, [1, -3]);
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let numbers: Vec<i64> = (0..100_000).map(|i| (i - 50_000) * 7_919_317_011).collect();
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let mut numbers = numbers.clone();
            pool.expect("a pool")
                .install(|| process_in_place(&mut numbers, 12_345, &Context::default()))
                .expect("nothing stops it");
            numbers
        };
        assert_eq!(on_threads(1), on_threads(4));
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        assert_eq!(process_in_place(&mut [1], 1, &context), Err(Stopped));
    }
}
