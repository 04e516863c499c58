//! Pure compute kernels: mathematics only, with nothing of requests, transports or runtimes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`kernel`] | the [`Kernel`] trait, and the cost estimate of a call |
//! | [`spec`] | what a kernel says of itself: name, documentation, parameters, results |
//! | [`value`] | the values that go in and come out |
//! | [`arguments`] | matching named values to parameters: defaults, types, ranges |
//! | [`context`] | what a running kernel may ask: should I stop? |
//! | [`error`] | why a kernel gave no result |
//! | [`catalogue`] | the kernels a server serves, found by name |
//! | [`process_numbers`], [`sum_squares`] | one file a kernel |

pub mod arguments;
pub mod catalogue;
pub mod context;
pub mod error;
pub mod kernel;
pub mod process_numbers;
pub mod spec;
pub mod sum_squares;
pub mod value;

pub use arguments::Arguments;
pub use catalogue::Catalogue;
pub use context::{Context, Stopped};
pub use error::{ArgumentError, ArgumentFault, KernelError};
pub use kernel::Kernel;
pub use spec::{ElementType, KernelSpec, Parameter, ResultSpec, ValueType};
pub use value::Value;
