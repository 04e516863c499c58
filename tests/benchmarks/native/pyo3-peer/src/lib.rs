//! The kernels in the process of the Python app: as PyO3 is usually written, and at its best.

use numpy::{PyArray1, PyReadonlyArray1};
use offgil_kernels::{
    Context,
    builtin::{process_numbers::process_in_place, sum_squares::exact_sum},
};
use pyo3::{exceptions::PyOverflowError, prelude::*};

const MODULUS: i64 = 1_000_000_007;

/// The module.
#[pymodule]
mod offgil_bench_pyo3 {
    #[pymodule_export]
    use super::{process_numbers, process_numbers_numpy, process_numbers_usual, sum_squares};
}

/// As usually written: a literal loop, which holds the GIL.
#[pyfunction]
fn process_numbers_usual(numbers: Vec<i64>, rounds: u32) -> Vec<i64> {
    numbers
        .into_iter()
        .map(|number| (0..rounds).fold(number, |v, _| v.wrapping_add(1).wrapping_mul(2) % MODULUS))
        .collect()
}

/// The kernel of the server on all cores, without the GIL.
#[pyfunction]
fn process_numbers(py: Python<'_>, mut numbers: Vec<i64>, rounds: u32) -> Vec<i64> {
    py.detach(|| process(&mut numbers, rounds));
    numbers
}

/// The same on buffers: one copy, and no Python object for a number.
#[pyfunction]
fn process_numbers_numpy<'py>(
    py: Python<'py>,
    numbers: PyReadonlyArray1<'py, i64>,
    rounds: u32,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let mut results = numbers.as_slice()?.to_vec();
    py.detach(|| process(&mut results, rounds));
    Ok(PyArray1::from_vec(py, results))
}

/// The kernel of the server.
#[pyfunction]
fn sum_squares(a: i64, b: i64) -> PyResult<i64> {
    exact_sum(a, b).map_err(|error| PyOverflowError::new_err(error.to_string()))
}

fn process(numbers: &mut [i64], rounds: u32) {
    process_in_place(numbers, rounds, &Context::default()).expect("nothing stops it");
}
