//! `matmul`: the product of two matrices, in tiles.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul as multiply_add};
use rayon::prelude::*;

use crate::{context::Stopped, prelude::*};

/// Rows of the product that one job computes.
const ROWS: usize = 256;
/// Columns of the product between two polls of the context.
const COLUMNS: usize = 256;
/// Terms of a sum between two polls: a tile of so many products takes about a millisecond, and the product of large
/// matrices as long as with tiles four times as large.
const TERMS: usize = 512;
/// Nanoseconds that one multiplication with its addition takes on one core.
const TIME_PER_TERM: f64 = 0.03;

/// Multiplies two matrices.
///
/// `c[i][j]` is the sum of `a[i][k] · b[k][j]` over all k, computed by the blocked algorithm of Goto and van de Geijn
/// (*Anatomy of High-Performance Matrix Multiplication*, 2008) in the implementation of faer. Sums are rounded in
/// an order that depends on the shapes alone, so the result is the same on any number of threads. NaN and infinity
/// spread as in any sum of products. A product without terms is zero, and one without rows or columns is empty.
///
/// Takes time in the product of the three dimensions, and memory for the result; a result that would take more
/// than the server allows for a call is refused before it is begun. It can be stopped between tiles of 256 · 256 · 512
/// products, of which each takes about a millisecond, since the library's product of two tiles cannot be interrupted.
#[kernel(
    cost_ns = TIME_PER_TERM * a.rows() as f64 * a.columns() as f64 * b.columns() as f64,
    memory = 8.0 * a.rows() as f64 * b.columns() as f64,
    example = r#"{"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[5.0, 6.0], [7.0, 8.0]]}"#
)]
pub fn matmul(
    cx: &Context,
    /// The left matrix, m × k.
    a: MatrixView<'_, f64>,
    /// The right matrix, k × n.
    b: MatrixView<'_, f64>,
) -> Result<Matrix<f64>, KernelError> {
    let (rows, terms, columns) = (a.rows(), a.columns(), b.columns());
    if b.rows() != terms {
        let message = format!(
            "the matrix needs as many rows as a has columns, {terms}, not {}",
            b.rows()
        );
        return Err(KernelError::argument("b", message));
    }
    let mut product = vec![0.0; rows * columns];
    if product.is_empty() {
        return Ok(Matrix::new(product, rows, columns));
    }
    let right = MatRef::from_row_major_slice(b.elements(), terms, columns);
    product
        .par_chunks_mut(ROWS * columns)
        .enumerate()
        .try_for_each(|(block, product)| {
            let rows = product.len() / columns;
            let left = &a.elements()[block * ROWS * terms..][..rows * terms];
            let left = MatRef::from_row_major_slice(left, rows, terms);
            let product = MatMut::from_row_major_slice_mut(product, rows, columns);
            multiply_block(cx, product, left, right)
        })?;
    Ok(Matrix::new(product, rows, columns))
}

/// Adds the product of `left` and `right` to `product`, tile by tile.
fn multiply_block(
    cx: &Context,
    mut product: MatMut<'_, f64>,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
) -> Result<(), Stopped> {
    let (terms, columns) = (right.nrows(), right.ncols());
    for column in (0..columns).step_by(COLUMNS) {
        let width = COLUMNS.min(columns - column);
        for term in (0..terms).step_by(TERMS) {
            cx.check()?;
            let depth = TERMS.min(terms - term);
            multiply_add(
                product.as_mut().subcols_mut(column, width),
                Accum::Add,
                left.subcols(term, depth),
                right.submatrix(term, column, depth, width),
                1.0,
                Par::Seq,
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicBool};

    use proptest::prelude::*;

    use super::*;

    fn product(a: &[f64], b: &[f64], shape: (usize, usize, usize)) -> Matrix<f64> {
        let (rows, terms, columns) = shape;
        let a = MatrixView::new(a, rows, terms);
        let b = MatrixView::new(b, terms, columns);
        matmul(&Context::default(), a, b).expect("the dimensions fit")
    }

    fn literal(a: &[f64], b: &[f64], (rows, terms, columns): (usize, usize, usize)) -> Vec<f64> {
        let element = |i: usize, j: usize| {
            (0..terms)
                .map(|k| a[i * terms + k] * b[k * columns + j])
                .sum()
        };
        (0..rows)
            .flat_map(|i| (0..columns).map(move |j| (i, j)))
            .map(|(i, j)| element(i, j))
            .collect()
    }

    #[test]
    fn multiplies() {
        let c = product(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], (2, 2, 2));
        assert_eq!(c.view().elements(), [19.0, 22.0, 43.0, 50.0]);
    }

    #[test]
    fn is_zero_without_terms_and_empty_without_rows_or_columns() {
        assert_eq!(
            product(&[], &[], (2, 0, 3)),
            Matrix::new(vec![0.0; 6], 2, 3)
        );
        assert_eq!(
            product(&[], &[1.0, 2.0], (0, 1, 2)),
            Matrix::new(vec![], 0, 2)
        );
        assert_eq!(
            product(&[1.0, 2.0], &[], (2, 1, 0)),
            Matrix::new(vec![], 2, 0)
        );
    }

    #[test]
    fn spreads_nan_and_infinity() {
        let c = product(&[f64::NAN, 1.0, 0.0, f64::INFINITY], &[1.0, 1.0], (2, 2, 1));
        assert!(c.view().elements()[0].is_nan());
        assert_eq!(c.view().elements()[1], f64::INFINITY);
    }

    #[test]
    fn refuses_dimensions_that_differ() {
        let a = MatrixView::new(&[1.0, 2.0], 1, 2);
        let refused = matmul(&Context::default(), a, a).expect_err("1 is not 2");
        let message = "b: the matrix needs as many rows as a has columns, 2, not 1";
        assert_eq!(refused.to_string(), message);
    }

    #[test]
    fn gives_the_same_on_one_thread_and_on_many() {
        let shape = (700, 1100, 600);
        let a: Vec<f64> = (0..shape.0 * shape.1).map(|i| (i as f64).sin()).collect();
        let b: Vec<f64> = (0..shape.1 * shape.2).map(|i| (i as f64).cos()).collect();
        let on_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(|| product(&a, &b, shape))
        };
        assert!(on_threads(1) == on_threads(4));
    }

    #[test]
    fn stops_when_asked() {
        let context = Context::default().with_stop_flag(Arc::new(AtomicBool::new(true)));
        let one = MatrixView::new(&[1.0], 1, 1);
        let stopped = matmul(&context, one, one);
        assert_eq!(stopped, Err(KernelError::Stopped(Stopped)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            shape in (1_usize..12, 1_usize..12, 1_usize..12),
            elements in proptest::collection::vec(-10.0..10.0_f64, 144),
        ) {
            let a = &elements[..shape.0 * shape.1];
            let b = &elements[144 - shape.1 * shape.2..];
            let expected = literal(a, b, shape);
            for (found, expected) in product(a, b, shape).view().elements().iter().zip(expected) {
                prop_assert!((found - expected).abs() < 1e-10);
            }
        }
    }
}
