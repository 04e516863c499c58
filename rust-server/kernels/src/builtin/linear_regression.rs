//! `linear_regression`: ordinary least squares, by the QR decomposition of blocks of rows.

use faer::{Mat, linalg::solvers::Qr};
use rayon::prelude::*;

use crate::{context::Stopped, prelude::*};

/// The most rows that are decomposed at once.
const LONGEST_BLOCK: usize = 4096;
/// Rows times the square of the columns of a block: less than a millisecond of work.
const BLOCK_SIZE: usize = 1 << 20;
/// The most columns; twice as many rows, the shortest block, are decomposed in some milliseconds.
const MAX_COLUMNS: usize = 256;
/// Elements of y between two polls of the context.
const CHUNK: usize = 1 << 16;
/// A column counts as a combination of others if what is left of it is smaller than this part of it.
const TOLERANCE: f64 = 1e-12;
/// Nanoseconds for each element of the matrix and each of its columns.
const TIME_PER_STEP: f64 = 0.8;

/// The results of [`linear_regression`].
#[derive(Clone, Debug, Outputs, PartialEq)]
pub struct Regression {
    /// The coefficients: first the intercept if there is one, then one for each column of x.
    pub coefficients: Vec<f64>,
    /// The standard error of each coefficient.
    pub standard_errors: Vec<f64>,
    /// The share of the variance of y that the regression explains.
    pub r_squared: f64,
}

/// Ordinary least squares: the linear combination of the columns of a matrix that is nearest to a vector.
///
/// With the intercept as a first column of ones, the coefficients b minimise ‖y − X·b‖². They come from the
/// triangular factor R of the QR decomposition of [X y] by Householder reflections, blocks of rows first, then
/// the factors of the blocks (TSQR: Demmel, Grigori, Hoemmen and Langou, 2012), in the implementation of faer; the
/// normal equations, which lose half of the digits, are not used. The standard errors are the square roots of the
/// diagonal of s² · (Xᵀ·X)⁻¹, s² = ‖y − X·b‖² / (n − p) for p coefficients. r² is 1 − ‖y − X·b‖² / ‖y − m‖², where m is
/// the mean of y with an intercept and 0 without one; NaN if y is constant.
///
/// There must be more rows than coefficients, no column may be a combination of others, and every number must be
/// finite. The result is the same on any number of threads. Takes time in n · p². It can be stopped between blocks
/// of rows, which take less than a millisecond for up to 80 columns and some milliseconds for 256, since the library's
/// decomposition of a block cannot be interrupted.
#[kernel(
    cost_ns = TIME_PER_STEP * x.elements().len() as f64 * (2 + x.columns()) as f64,
    memory = 16.0 * (x.columns() as f64 + 2.0) * (x.columns() as f64 + 2.0)
        * (1.0 + (x.rows() / block_length(x.columns() + 2)) as f64)
        + 8.0 * (LONGEST_BLOCK * 8) as f64 * (x.columns() as f64 + 2.0),
    example = r#"{"x": [[1.0], [2.0], [3.0], [4.0]], "y": [1.0, 3.0, 2.0, 5.0]}"#
)]
pub fn linear_regression(
    cx: &Context,
    /// The observations, n rows of at most 256 columns.
    x: MatrixView<'_, f64>,
    /// What is to be explained, n numbers.
    y: &[f64],
    /// Whether there is a constant term.
    #[arg(default = true)]
    intercept: bool,
) -> Result<Regression, KernelError> {
    let coefficients = x.columns() + usize::from(intercept);
    check_shapes(x, y, coefficients)?;
    let table = Table { x, y, intercept };
    let factor = table.factor(cx)?;
    let last = coefficients;
    // A column of NaN or infinity has spread to the diagonal.
    if (0..=last).any(|i| !factor[(i, i)].is_finite()) {
        return Err(table.not_finite());
    }
    table.check_rank(&factor)?;
    let residual = factor[(last, last)].powi(2);
    if !residual.is_finite() {
        return Err(table.not_finite());
    }
    let right: Vec<f64> = (0..last).map(|i| factor[(i, last)]).collect();
    let variance = residual / (y.len() - coefficients) as f64;
    Ok(Regression {
        coefficients: back_substitute(&factor, right),
        standard_errors: standard_errors(cx, &factor, last, variance)?,
        r_squared: 1.0 - residual / table.total_sum_of_squares(cx)?,
    })
}

/// The columns that are decomposed together: ones, those of x, and y.
#[derive(Clone, Copy)]
struct Table<'a> {
    x: MatrixView<'a, f64>,
    y: &'a [f64],
    intercept: bool,
}

// === impl Table ===

impl Table<'_> {
    fn columns(self) -> usize {
        usize::from(self.intercept) + self.x.columns() + 1
    }

    /// Returns the triangular factor of the whole table.
    fn factor(self, cx: &Context) -> Result<Mat<f64>, Stopped> {
        let columns = self.columns();
        let length = block_length(columns);
        let starts: Vec<usize> = (0..self.y.len()).step_by(length).collect();
        let factors = starts.into_par_iter().map(|start| {
            cx.check()?;
            Ok(triangle(self.block(start, length)))
        });
        let mut factors: Vec<Mat<f64>> = factors.collect::<Result<_, Stopped>>()?;
        // In pairs, level by level: in this order on any number of threads.
        while factors.len() > 1 {
            let pairs = factors.par_chunks(2).map(|pair| {
                cx.check()?;
                Ok(match pair {
                    [upper, lower] => triangle(stack(upper, lower, columns)),
                    _ => pair[0].clone(),
                })
            });
            factors = pairs.collect::<Result<_, Stopped>>()?;
        }
        Ok(factors.swap_remove(0))
    }

    fn block(self, start: usize, length: usize) -> Mat<f64> {
        let rows = length.min(self.y.len() - start);
        let (first, last) = (usize::from(self.intercept), self.columns() - 1);
        let mut block = Mat::full(rows, self.columns(), 1.0);
        for row in 0..rows {
            for (column, element) in self.x.row(start + row).iter().enumerate() {
                block[(row, first + column)] = *element;
            }
            block[(row, last)] = self.y[start + row];
        }
        block
    }

    /// Returns an error if a column is a combination of those before it.
    fn check_rank(self, factor: &Mat<f64>) -> Result<(), KernelError> {
        for column in 0..self.columns() - 1 {
            let length = (0..=column)
                .map(|i| factor[(i, column)].powi(2))
                .sum::<f64>()
                .sqrt();
            if factor[(column, column)].abs() <= TOLERANCE * length {
                let message = match column.checked_sub(usize::from(self.intercept)) {
                    Some(column) => format!(
                        "the matrix is singular: column {column} is a combination of those before it"
                    ),
                    None => "the matrix is singular".to_owned(),
                };
                return Err(KernelError::argument("x", message));
            }
        }
        Ok(())
    }

    /// Returns the error of the first number that is not finite.
    fn not_finite(self) -> KernelError {
        let message = "Input should be a finite number";
        let columns = self.x.columns();
        if let Some(index) = self.x.elements().iter().position(|x| !x.is_finite()) {
            let path = format!("x[{}][{}]", index / columns, index % columns);
            return KernelError::argument(path, message);
        }
        match self.y.iter().position(|y| !y.is_finite()) {
            Some(index) => KernelError::argument(format!("y[{index}]"), message),
            None => KernelError::out_of_range(
                "the squares of these numbers are over the range of float64",
            ),
        }
    }

    fn total_sum_of_squares(self, cx: &Context) -> Result<f64, Stopped> {
        let mean = if self.intercept {
            self.sum(cx, |y| y)? / self.y.len() as f64
        } else {
            0.0
        };
        let total = self.sum(cx, |y| (y - mean).powi(2))?;
        // A constant y has nothing to explain; what is left of it is rounding.
        let rounding = f64::EPSILON * mean.abs();
        let least = self.y.len() as f64 * rounding * rounding;
        Ok(if total <= least { f64::NAN } else { total })
    }

    /// Returns a sum over y: in order, so that it does not depend on threads; a small part of the work.
    fn sum(self, cx: &Context, term: impl Fn(f64) -> f64) -> Result<f64, Stopped> {
        self.y.chunks(CHUNK).try_fold(0.0, |sum, y| {
            cx.check()?;
            Ok(y.iter().fold(sum, |sum, y| sum + term(*y)))
        })
    }
}

fn check_shapes(x: MatrixView<'_, f64>, y: &[f64], coefficients: usize) -> Result<(), KernelError> {
    let (rows, columns) = (x.rows(), x.columns());
    if columns > MAX_COLUMNS {
        let message = format!("the matrix has {columns} columns, over the limit of {MAX_COLUMNS}");
        return Err(KernelError::argument("x", message));
    }
    if y.len() != rows {
        let message = format!("the vector has {} elements, and x has {rows} rows", y.len());
        return Err(KernelError::argument("y", message));
    }
    if coefficients == 0 {
        let message = "the matrix has no columns, and there is no intercept";
        return Err(KernelError::argument("x", message));
    }
    if rows <= coefficients {
        let message = format!("{coefficients} coefficients need more rows than {rows}");
        return Err(KernelError::argument("x", message));
    }
    Ok(())
}

/// Returns how many rows of so many columns are decomposed at once.
fn block_length(columns: usize) -> usize {
    // At least two rows a column, since each block leaves a factor with a row for each column.
    (BLOCK_SIZE / (columns * columns)).clamp(2 * columns, LONGEST_BLOCK)
}

/// Returns the triangular factor of the QR decomposition, as a square matrix.
fn triangle(matrix: Mat<f64>) -> Mat<f64> {
    let columns = matrix.ncols();
    let decomposed = Qr::new(matrix.as_ref());
    let factor = decomposed.thin_R();
    // Fewer rows than columns give fewer rows of the factor; the rest of them are zero.
    Mat::from_fn(columns, columns, |i, j| {
        if i <= j && i < factor.nrows() {
            factor[(i, j)]
        } else {
            0.0
        }
    })
}

fn stack(upper: &Mat<f64>, lower: &Mat<f64>, columns: usize) -> Mat<f64> {
    Mat::from_fn(2 * columns, columns, |i, j| {
        if i < columns {
            upper[(i, j)]
        } else {
            lower[(i - columns, j)]
        }
    })
}

/// Solves R · b = `right` for the leading triangle of R.
fn back_substitute(factor: &Mat<f64>, mut right: Vec<f64>) -> Vec<f64> {
    for i in (0..right.len()).rev() {
        let known: f64 = (i + 1..right.len())
            .map(|j| factor[(i, j)] * right[j])
            .sum();
        right[i] = (right[i] - known) / factor[(i, i)];
    }
    right
}

/// Returns the square roots of the diagonal of `variance` · (Rᵀ·R)⁻¹, from the rows of R⁻¹.
fn standard_errors(
    cx: &Context,
    factor: &Mat<f64>,
    count: usize,
    variance: f64,
) -> Result<Vec<f64>, Stopped> {
    let mut squares = vec![0.0; count];
    for column in 0..count {
        cx.check()?;
        let mut unit = vec![0.0; count];
        unit[column] = 1.0;
        for (square, element) in squares.iter_mut().zip(back_substitute(factor, unit)) {
            *square += element * element;
        }
    }
    Ok(squares
        .into_iter()
        .map(|square| (variance * square).sqrt())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    fn fit(x: &[f64], columns: usize, y: &[f64], intercept: bool) -> Result<Regression, String> {
        let x = MatrixView::new(x, x.len() / columns, columns);
        let fitted = linear_regression(&Context::default(), x, y, intercept);
        fitted.map_err(|error| error.to_string())
    }

    fn close(found: &[f64], expected: &[f64]) -> bool {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
        found.len() == expected.len() && found.iter().zip(expected).all(near)
    }

    #[test]
    fn fits_what_is_known() {
        // As scipy.stats.linregress has it.
        let fitted = fit(&[1.0, 2.0, 3.0, 4.0], 1, &[1.0, 3.0, 2.0, 5.0], true).expect("a fit");
        assert!(close(&fitted.coefficients, &[0.0, 1.1]), "{fitted:?}");
        assert!(
            (fitted.standard_errors[1] - 0.519_615_242_270_663_2).abs() < 1e-9,
            "{fitted:?}"
        );
        assert!((fitted.r_squared - 0.691_428_571_428_571_4).abs() < 1e-9);
    }

    #[test]
    fn keeps_its_digits_where_normal_equations_lose_them() {
        let n = 20_000;
        let x: Vec<f64> = (0..n)
            .flat_map(|i| [1e8 + f64::from(i), f64::from(i % 7)])
            .collect();
        let y: Vec<f64> = x
            .chunks(2)
            .map(|row| 3.0 + (row[0] - 1e8) - 2.0 * row[1])
            .collect();
        let fitted = fit(&x, 2, &y, true).expect("a fit");
        assert!((fitted.coefficients[1] - 1.0).abs() < 1e-7, "{fitted:?}");
        assert!((fitted.coefficients[2] + 2.0).abs() < 1e-7, "{fitted:?}");
    }

    #[test]
    fn refuses_what_has_no_answer() {
        let columns = [1.0, 2.0, 2.0, 4.0, 3.0, 6.0, 4.0, 8.0];
        for (x, width, y, intercept, message) in [
            (
                &columns[..],
                2,
                &[1.0; 4][..],
                true,
                "x: the matrix is singular: column 1",
            ),
            (
                &[1.0; 4],
                1,
                &[1.0; 4],
                true,
                "x: the matrix is singular: column 0",
            ),
            (
                &[0.0; 4],
                1,
                &[1.0; 4],
                false,
                "x: the matrix is singular: column 0",
            ),
            (
                &columns,
                2,
                &[1.0; 3],
                true,
                "y: the vector has 3 elements, and x has 4 rows",
            ),
            (
                &columns,
                4,
                &[1.0; 2],
                true,
                "x: 5 coefficients need more rows than 2",
            ),
            (
                &[1.0, f64::NAN, 2.0, 5.0],
                1,
                &[1.0; 4],
                true,
                "x[1][0]: Input should be a finite",
            ),
            (
                &[1.0, 2.0, 4.0, 5.0],
                1,
                &[1.0, 1.0, f64::INFINITY, 0.0],
                true,
                "y[2]: Input",
            ),
            (
                &[1.0, 2.0, 4.0, 5.0],
                1,
                &[1.0, 1e200, 3.0, 0.0],
                true,
                "the squares",
            ),
        ] {
            let refused = fit(x, width, y, intercept).expect_err(message);
            assert!(refused.starts_with(message), "{refused}");
        }
    }

    #[test]
    fn has_nothing_to_explain_in_a_constant() {
        let fitted = fit(&[1.0, 2.0, 4.0, 5.0], 1, &[0.1; 4], true).expect("a fit");
        assert!(fitted.r_squared.is_nan(), "{fitted:?}");
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let x: Vec<f64> = (0..60_000).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let y: Vec<f64> = (0..20_000).map(|i| (f64::from(i) * 0.3).cos()).collect();
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| fit(&x, 3, &y, true))
        };
        assert_eq!(on_threads(1), on_threads(4));
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        let x = MatrixView::new(&[1.0, 2.0, 3.0], 3, 1);
        let stopped = linear_regression(&context, x, &[1.0, 2.0, 4.0], false);
        assert_eq!(stopped, Err(KernelError::Stopped(Stopped)));
    }

    proptest! {
        #[test]
        fn leaves_residuals_that_are_orthogonal_to_every_column(
            elements in proptest::collection::vec(-10.0..10.0_f64, 40),
            y in proptest::collection::vec(-10.0..10.0_f64, 20),
        ) {
            let fitted = fit(&elements, 2, &y, true).expect("random columns are independent");
            let [constant, first, second] = fitted.coefficients[..] else {
                panic!("there are three coefficients");
            };
            let rows = elements.chunks(2).zip(&y);
            let residuals: Vec<f64> =
                rows.map(|(x, y)| y - constant - first * x[0] - second * x[1]).collect();
            let dot = |column: usize| -> f64 {
                elements.chunks(2).zip(&residuals).map(|(x, r)| x[column] * r).sum()
            };
            prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-8);
            prop_assert!(dot(0).abs() < 1e-7 && dot(1).abs() < 1e-7);
        }
    }
}
