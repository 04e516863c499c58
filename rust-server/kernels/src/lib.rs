//! Pure compute kernels: mathematics only, with nothing of requests, transports or runtimes.
//!
//! A kernel is one annotated function:
//!
//! ```
//! use offgil_kernels::prelude::*;
//!
//! /// Multiplies each number by a factor.
//! #[kernel(example = r#"{"x": [1.0, 2.0], "factor": 3.0}"#)]
//! pub fn scale(
//!     /// The numbers.
//!     x: &[f64],
//!     /// What each is multiplied by.
//!     #[arg(default = 2.0, min = -1e6, max = 1e6)]
//!     factor: f64,
//! ) -> Vec<f64> {
//!     x.iter().map(|x| x * factor).collect()
//! }
//!
//! let catalogue = Catalogue::built_in().with(Scale);
//! assert_eq!(catalogue.get("scale").unwrap().spec().parameters[1].name, "factor");
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@kernel`] | the [`Kernel`] trait, with the cost and memory estimates of a call |
//! | [`spec`] | what a kernel says of itself: name, documentation, parameters, results |
//! | [`value`], [`buffer`], [`matrix`] | the values that go in and come out |
//! | [`argument`], [`output`] | which Rust types a kernel's parameters and results may have |
//! | [`arguments`], [`convert`] | matching named values to parameters: defaults, types, ranges |
//! | [`context`] | what a running kernel may ask: should I stop? a stream of random numbers? |
//! | [`error`] | why a kernel gave no result |
//! | [`names`] | the nearest names to one that does not exist |
//! | [`mod@vectorize`] | loops at the width of this processor's vectors |
//! | [`mod@room`] | room for results |
//! | [`elementary`] | sine, logarithm and the like over slices, in vector instructions |
//! | [`catalogue`] | the kernels a server serves, found by name |
//! | [`builtin`] | the kernels of this crate, one file each |

// The code that the macros generate names this crate, also from within it.
extern crate self as offgil_kernels;

pub mod argument;
pub mod arguments;
pub mod buffer;
pub mod builtin;
pub mod catalogue;
pub mod context;
pub mod convert;
mod elementary;
pub mod error;
pub mod kernel;
pub mod matrix;
pub mod names;
pub mod output;
pub mod prelude;
mod room;
pub mod spec;
pub mod value;
mod vectorize;

#[cfg(test)]
mod testing;

pub use argument::{Argument, Named};
pub use arguments::Arguments;
pub use buffer::{Buffer, Element};
pub use catalogue::Catalogue;
pub use context::{Context, Stopped};
pub use error::{ArgumentError, ArgumentFault, KernelError};
pub use kernel::Kernel;
pub use matrix::{Matrix, MatrixView};
pub use offgil_macros::{Choice, Outputs, kernel};
pub use output::{Output, Outputs};
pub use spec::{ElementType, KernelSpec, Literal, Parameter, ResultSpec, ValueType};
pub use value::{Array, Data, Scalar, Value};
