//! Turns one annotated Rust function into an offgil kernel.
//!
//! | module | what it does |
//! |---|---|
//! | [`function`] | `#[kernel]`: the function, and a type that implements `Kernel` for it |
//! | [`parameter`] | one parameter of such a function, with its `#[arg(…)]` |
//! | [`mod@outputs`] | `#[derive(Outputs)]`: a struct whose fields are the results |
//! | [`mod@choice`] | `#[derive(Choice)]`: an enum whose variants are the allowed strings |
//! | [`syntax`] | documentation and paths |
//!
//! What a type must be is left to the traits `Argument`, `Output` and `Outputs`, whose messages list the types
//! that are supported.

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

mod choice;
mod function;
mod outputs;
mod parameter;
mod syntax;

/// Makes a function a kernel: a unit struct of its name in CamelCase implements `Kernel`.
///
/// The documentation of the function and of its parameters is that of the kernel; its types are those of the
/// parameters and results. `cx: &Context` may come first. The attribute takes
///
/// * `example = r#"{…}"#`: the arguments of a call that succeeds, in JSON;
/// * `cost_ns = …`: how many nanoseconds a call takes on one core, where every parameter can be named; tiny calls of a
///   kernel that says so may go together in a batch;
/// * `memory = …`: how many bytes it takes beside its arguments, likewise;
/// * `name = "…"`: another name than that of the function.
///
/// A parameter may have `#[arg(…)]` with `default = …`, `min = …`, `max = …`, and the last one
/// `#[arg(variadic)]`.
#[proc_macro_attribute]
pub fn kernel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(attribute as function::Options);
    let function = parse_macro_input!(item as ItemFn);
    let expanded = function::expand(&options, function);
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes the fields of a struct the results of a kernel, with their names and documentation.
#[proc_macro_derive(Outputs)]
pub fn outputs(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    let expanded = outputs::expand(&item);
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes the variants of an enum the strings that an argument may be, in snake_case.
#[proc_macro_derive(Choice)]
pub fn choice(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    let expanded = choice::expand(&item);
    expanded
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
