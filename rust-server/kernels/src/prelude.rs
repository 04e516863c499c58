//! All that the author of a kernel needs: `use offgil_kernels::prelude::*;`.

pub use crate::{
    Catalogue, Choice, Context, Kernel, KernelError, Matrix, MatrixView, Named, Outputs, kernel,
};
