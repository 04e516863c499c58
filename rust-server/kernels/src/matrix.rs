//! Matrices: rows one after the other.

use crate::buffer::Element;

/// A matrix that a kernel reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixView<'a, T> {
    elements: &'a [T],
    rows: usize,
    columns: usize,
}

/// A matrix that a kernel gives back.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T> {
    elements: Vec<T>,
    rows: usize,
    columns: usize,
}

// === impl MatrixView ===

impl<'a, T: Element> MatrixView<'a, T> {
    /// Looks at `elements` as rows one after the other.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many elements as the shape says.
    pub fn new(elements: &'a [T], rows: usize, columns: usize) -> Self {
        check(elements.len(), rows, columns);
        Self {
            elements,
            rows,
            columns,
        }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the elements, rows one after the other.
    pub fn elements(&self) -> &'a [T] {
        self.elements
    }

    /// Returns a row.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn row(&self, row: usize) -> &'a [T] {
        assert!(row < self.rows, "the matrix has {} rows", self.rows);
        &self.elements[row * self.columns..][..self.columns]
    }
}

// === impl Matrix ===

impl<T: Element> Matrix<T> {
    /// Makes a matrix of `elements`, rows one after the other.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many elements as the shape says.
    pub fn new(elements: Vec<T>, rows: usize, columns: usize) -> Self {
        check(elements.len(), rows, columns);
        Self {
            elements,
            rows,
            columns,
        }
    }

    /// Returns this matrix for reading.
    pub fn view(&self) -> MatrixView<'_, T> {
        MatrixView::new(&self.elements, self.rows, self.columns)
    }

    /// Returns the elements, and the numbers of rows and columns.
    pub fn into_parts(self) -> (Vec<T>, usize, usize) {
        (self.elements, self.rows, self.columns)
    }
}

fn check(length: usize, rows: usize, columns: usize) {
    assert_eq!(
        rows.checked_mul(columns),
        Some(length),
        "{rows} rows of {columns} columns"
    );
}
