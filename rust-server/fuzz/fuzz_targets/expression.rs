//! The expressions of `evaluate`: any text is a program or a fault at a place in it; an element is computed by itself,
//! and parentheses around all of it and white space behind it mean nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offgil_fuzz::input::Input;
use offgil_kernels::{Context, KernelError, builtin::evaluate::evaluate};

const A: [f64; 5] = [1.5, -0.25, 0.0, f64::NAN, 1e300];
const B: [f64; 5] = [-3.0, 7.0, -0.0, 2.0, f64::INFINITY];
const CONSTANT: [f64; 1] = [2.5];

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let element = usize::from(input.byte()) % A.len();
    let Ok(text) = str::from_utf8(input.rest()) else {
        return;
    };
    let results = run(text, &A, &B);
    match &results {
        Ok(results) => assert_eq!(results.len(), A.len()),
        Err(KernelError::Argument(error)) => {
            assert_eq!(error.path, "expression");
            if let Some(position) = position(&error.to_string()) {
                assert!(position <= text.len() && text.is_char_boundary(position));
            }
            return;
        }
        Err(error) => panic!("{error}"),
    }
    let results = results.expect("it is no error");
    assert_eq!(bits(&run(text, &A, &B).expect("as before")), bits(&results));
    let spaced = format!("{text} ");
    assert_eq!(
        bits(&run(&spaced, &A, &B).expect("as before")),
        bits(&results)
    );
    // One level deeper may be too deep.
    if let Ok(inner) = run(&format!("({text})"), &A, &B) {
        assert_eq!(bits(&inner), bits(&results));
    }
    // Not one of each: those would be constants, whose powers are other operations.
    let (a, b) = ([A[element]; 2], [B[element]; 2]);
    let alone = run(text, &a, &b).expect("as before");
    assert_eq!(bits(&alone)[0], bits(&results)[element]);
});

fn run(text: &str, a: &[f64], b: &[f64]) -> Result<Vec<f64>, KernelError> {
    evaluate(
        &Context::default(),
        text,
        vec![("a", a), ("b", b), ("c", &CONSTANT)],
    )
}

/// Returns the position that a message names.
fn position(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("at position ")?;
    rest.split_once(':')?.0.parse().ok()
}

/// Returns the bits of numbers, those of all NaN alike.
fn bits(numbers: &[f64]) -> Vec<u64> {
    let one_nan = |x: &f64| if x.is_nan() { f64::NAN } else { *x };
    numbers.iter().map(|x| one_nan(x).to_bits()).collect()
}
