//! JSON objects of arguments and results.
//!
//! Reading goes in two steps: [`members`] checks the syntax of the whole text and picks the raw members that
//! parameters ask for; [`read`] turns them into values, with [`mod@array`] for lists. So a syntax error anywhere
//! comes before a type error anywhere, as in Python web frameworks. [`integer`] and [`scalar`] know what counts
//! as a number, [`mod@write`] puts results into text. A [`Reader`] takes the text while it arrives and tries the
//! fast way of [`plain`] text first.

use offgil_kernels::{Arguments, KernelSpec};

use crate::{error::Error, proto::JsonMode};

mod array;
mod integer;
mod members;
mod plain;
mod read;
mod reader;
mod scalar;
mod write;

pub use array::read_tensor;
pub use members::{check_object, malformed};
pub use reader::Reader;
pub use write::{write_data, write_results};

/// How strictly arguments are read; see `JsonMode` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strictness {
    /// Whether every member must be known and given once.
    pub members: Reading,
    /// Whether an integer must be written as one.
    pub integers: Reading,
}

/// One or the other way of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// To the letter.
    Strict,
    /// As Python web frameworks read a body.
    Lax,
}

/// Reads the arguments of a kernel from one JSON object, with every fault explained.
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
    let named = read::values(spec, &picked, strictness.integers)?;
    Ok(Arguments::bind(spec, named)?)
}

// === impl Strictness ===

impl Strictness {
    /// To the letter.
    pub const STRICT: Self = Self {
        members: Reading::Strict,
        integers: Reading::Strict,
    };
    /// As Python web frameworks read a body.
    pub const LAX: Self = Self {
        members: Reading::Lax,
        integers: Reading::Lax,
    };
    /// As people write: a long integer may be a string of digits.
    pub const DIGITS: Self = Self {
        members: Reading::Strict,
        integers: Reading::Lax,
    };
}

impl From<JsonMode> for Strictness {
    fn from(mode: JsonMode) -> Self {
        match mode {
            JsonMode::Unspecified | JsonMode::Strict => Self::STRICT,
            JsonMode::Lax => Self::LAX,
        }
    }
}

#[cfg(test)]
mod tests;
