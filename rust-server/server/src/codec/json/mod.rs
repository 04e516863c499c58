//! JSON objects of arguments and results.
//!
//! Reading goes in two steps: [`members`] checks the syntax of the whole text and picks the raw members that
//! parameters ask for; [`read`] turns them into values. So a syntax error
//! anywhere comes before a type error anywhere, as in Python web frameworks. [`integer`] knows what
//! counts as an integer, [`mod@write`] puts results into text.

use offgil_kernels::{Arguments, KernelSpec};

use crate::{error::Error, proto::JsonMode};

mod integer;
mod members;
mod read;
mod write;

pub use write::write_results;

/// How strictly arguments are read; see `JsonMode` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Every member is known and given once, an integer is written as one.
    Strict,
    /// As Python web frameworks read a body.
    Lax,
}

/// Reads the arguments of a kernel from one JSON object.
///
/// # Errors
///
/// [`Error::Json`] if the text is not well-formed, [`Error::Argument`] if it is no object or an
/// argument is missing, unknown, given twice, of a wrong type or out of range.
pub fn read_arguments(
    spec: &KernelSpec,
    text: &[u8],
    strictness: Strictness,
) -> Result<Arguments, Error> {
    let picked = members::pick(spec, text, strictness)?;
    let named = read::values(spec, &picked, strictness)?;
    Ok(Arguments::bind(spec, named)?)
}

// === impl Strictness ===

impl From<JsonMode> for Strictness {
    fn from(mode: JsonMode) -> Self {
        match mode {
            JsonMode::Unspecified | JsonMode::Strict => Self::Strict,
            JsonMode::Lax => Self::Lax,
        }
    }
}

#[cfg(test)]
mod tests;
