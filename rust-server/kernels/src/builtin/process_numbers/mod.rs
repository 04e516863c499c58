//! `process_numbers`: y = f^rounds(x), f(v) = ((v + 1) · 2) rem 1 000 000 007, for each number.
//!
//! * [`closed_form`] computes any number of rounds in constant time.
//! * [`crossings`] tells which negative chains become non-negative on the way.

use std::time::Duration;

use rayon::prelude::*;

use crate::{
    arguments::Arguments,
    context::{Context, Stopped},
    error::KernelError,
    kernel::Kernel,
    spec::{KernelSpec, Parameter, ResultSpec, ValueType},
    value::Value,
};

mod closed_form;
mod crossings;

use closed_form::Rounds;

/// The kernel `process_numbers`.
#[derive(Clone, Copy, Debug)]
pub struct ProcessNumbers;

/// How often f is applied if the caller does not say.
pub const DEFAULT_ROUNDS: u32 = 1000;
/// How often f may be applied.
pub const MAX_ROUNDS: u32 = 1_000_000;

/// Numbers between two polls of the context: some tens of microseconds of work.
const CHUNK: usize = 8192;

const SPEC: KernelSpec = KernelSpec {
    name: "process_numbers",
    documentation: "Applies f(v) = ((v + 1) · 2) rem 1 000 000 007 to each number, `rounds` times.

Arithmetic is signed 64-bit and wrapping; rem is the truncated remainder, which has the sign of the \
dividend. Exact for every input. The time is linear in the count of numbers and independent of `rounds`. \
An empty list gives an empty list.",
    parameters: &[
        Parameter {
            name: "numbers",
            documentation: "The numbers.",
            value_type: ValueType::INT64_VECTOR,
            default: None,
            minimum: None,
            maximum: None,
        },
        Parameter {
            name: "rounds",
            documentation: "How often f is applied; 0 returns the numbers as they are.",
            value_type: ValueType::INT64,
            default: Some(DEFAULT_ROUNDS as i64),
            minimum: Some(0),
            maximum: Some(MAX_ROUNDS as i64),
        },
    ],
    results: &[
        ResultSpec {
            name: "original_count",
            documentation: "How many numbers were given.",
            value_type: ValueType::INT64,
        },
        ResultSpec {
            name: "processed_result",
            documentation: "One result for each number, in order.",
            value_type: ValueType::INT64_VECTOR,
        },
    ],
};

// === impl ProcessNumbers ===

impl Kernel for ProcessNumbers {
    fn spec(&self) -> &'static KernelSpec {
        &SPEC
    }

    fn cost(&self, arguments: &Arguments) -> Duration {
        let elements: usize = arguments.values().iter().map(Value::element_count).sum();
        Duration::from_nanos(8 * elements as u64)
    }

    fn run(&self, arguments: Arguments, context: &Context) -> Result<Vec<Value>, KernelError> {
        let [Value::Int64Vector(mut numbers), Value::Int64(rounds)] = arguments.into_array() else {
            unreachable!("bound arguments have the types of the spec")
        };
        let rounds = u32::try_from(rounds).expect("bound rounds are within the spec's limits");
        process_numbers(&mut numbers, rounds, context)?;
        let count = i64::try_from(numbers.len()).expect("a vector is shorter than 2⁶³");
        Ok(vec![Value::Int64(count), Value::Int64Vector(numbers)])
    }
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
pub fn process_numbers(numbers: &mut [i64], rounds: u32, context: &Context) -> Result<(), Stopped> {
    assert!(rounds <= MAX_ROUNDS, "at most {MAX_ROUNDS} rounds");
    let rounds = Rounds::new(rounds);
    numbers.par_chunks_mut(CHUNK).try_for_each(|chunk| {
        context.check()?;
        for number in chunk {
            *number = rounds.apply(*number);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use super::*;

    #[test]
    fn processes_a_list_through_the_trait() {
        let named = [("numbers", Value::Int64Vector(vec![1, 2, 3, -3]))];
        let mut arguments = Arguments::bind(&SPEC, named.clone()).expect("valid");
        let literal = |v: i64| (0..1000).fold(v, |v, _| closed_form::tests::literal_step(v));
        let expected = vec![literal(1), literal(2), literal(3), literal(-3)];
        let results = ProcessNumbers.run(arguments, &Context::default());
        let all = vec![Value::Int64(4), Value::Int64Vector(expected)];
        assert_eq!(results, Ok(all));

        let identity = named.into_iter().chain([("rounds", Value::Int64(0))]);
        arguments = Arguments::bind(&SPEC, identity).expect("valid");
        let results = ProcessNumbers.run(arguments, &Context::default());
        let all = vec![Value::Int64(4), Value::Int64Vector(vec![1, 2, 3, -3])];
        assert_eq!(results, Ok(all));
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let numbers: Vec<i64> = (0..100_000).map(|i| (i - 50_000) * 7_919_317_011).collect();
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let mut numbers = numbers.clone();
            pool.expect("a pool")
                .install(|| process_numbers(&mut numbers, 12_345, &Context::default()))
                .expect("nothing stops it");
            numbers
        };
        assert_eq!(on_threads(1), on_threads(4));
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        assert_eq!(process_numbers(&mut [1], 1, &context), Err(Stopped));
    }
}
