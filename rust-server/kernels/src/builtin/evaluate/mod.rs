//! `evaluate`: an arithmetic expression over named vectors.
//!
//! * [`token`] cuts the expression into words.
//! * [`parser`] compiles them to a program in one pass.
//! * [`operation`] lists the operations and the names of functions and constants.
//! * [`program`] runs a program over blocks of elements.
//! * [`apply`] applies one operation to one block.

use std::{borrow::Cow, fmt};

use rayon::prelude::*;

use crate::{prelude::*, room::room};

mod apply;
mod operation;
mod parser;
mod program;
#[cfg(test)]
mod tests;
mod token;

use program::Operand;

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 65_536;

/// Elements that a thread takes at once: enough to outweigh the taking.
const SHARE: usize = 16 * 1024;

/// The most characters of an expression that an error repeats.
const LONGEST_QUOTE: usize = 40;

/// Evaluates an arithmetic expression such as `2*a + sin(b)/c` for each element of named vectors.
///
/// In order of precedence, the tightest first:
///
/// * numbers (`1`, `.5`, `1e-3`), names of vectors, the constants `pi` and `e`, calls, parentheses;
/// * `**` or `^`, the power, from the right: `2**3**2` is 2⁹;
/// * `-` and `+` as signs: `-a**2` is −(a²);
/// * `*`, `/` and `%`, the remainder that has the sign of the divisor, as Python's;
/// * `+` and `-`;
/// * `<`, `<=`, `>`, `>=`, `==` and `!=`, which give 1 or 0 and do not chain.
///
/// The functions are `sin`, `cos`, `tan`, `asin`, `acos`, `atan`, `atan2(y, x)`, `sinh`, `cosh`, `tanh`, `exp`,
/// `expm1`, `log` (natural), `log1p`, `log2`, `log10`, `sqrt`, `cbrt`, `abs`, `floor`, `ceil`, `round` (halves to
/// even), `sign`, `min(a, b)`, `max(a, b)`, `hypot(a, b)`, `pow(a, b)` and `where(condition, a, b)`, which is a
/// where the condition is not 0 (NaN is not) and b elsewhere; both are computed. Angles are in radians. A name
/// before `(` is a function, any other a vector or else a constant, so a vector may have the name of a function,
/// and one named `e` or `pi` hides the constant. A name is a letter or `_`, then letters, digits and `_`.
///
/// All vectors have the same length, which is that of the result; one of length 1 counts as a constant. Without a
/// vector, or if all have length 1, the result has one element. A vector that the expression does not name only
/// takes part in that. Empty vectors give an empty result.
///
/// Arithmetic is IEEE 754 in 64 bits: overflow gives an infinity, 0/0 and `sqrt(-1)` give NaN, and NaN spreads,
/// through `min` and `max` too; comparisons with NaN are 0 but for `!=`. Powers, `sin`, `cos`, `exp` and `log` are
/// within 1 unit in the last place of the exact result for every argument, `tanh` and cubes (a·a·a) within 2; the
/// other functions are those of the C library, mostly as close. Each element is computed by itself: the result is the
/// same on any number of threads.
///
/// The expression is compiled once, to operations over blocks of elements that stay in the cache; constants are
/// computed on the way. Compiling the longest takes about a millisecond, without a look at whether to stop. Time is
/// linear in the length of the expression times that of the vectors. An expression that cannot be read is an error
/// with the position of the byte at fault, counted from 0.
#[kernel(
    cost_ns = (expression.len() as u64).saturating_mul(200 + length(&vectors) as u64 / 8),
    memory = (length(&vectors) as u64).saturating_mul(8).saturating_add(64 * expression.len() as u64 + (4 << 20)),
    example = r#"{"expression": "2*a + sin(b)/c", "a": [1.0, 2.0], "b": [0.0, 0.5], "c": [4.0, 5.0]}"#
)]
pub fn evaluate(
    cx: &Context,
    /// The expression, of at most 65,536 bytes, nested at most 200 levels deep.
    expression: &str,
    /// The vectors, each with the name that it has in the expression; all of one length, or of length 1.
    #[arg(variadic)]
    vectors: Named<'_, f64>,
) -> Result<Vec<f64>, KernelError> {
    if expression.len() > MAX_LENGTH {
        let given = expression.len();
        return Err(KernelError::argument(
            "expression",
            format_args!("expected at most {MAX_LENGTH} bytes, got {given}"),
        ));
    }
    check_lengths(&vectors)?;
    let operands = vectors
        .iter()
        .enumerate()
        .map(|(index, (name, vector))| match vector {
            [value] => (*name, Operand::Constant(*value)),
            _ => (*name, Operand::Vector(index)),
        });
    let program = parser::compile(expression, &operands.collect())?;
    let slices: Vec<&[f64]> = vectors.iter().map(|(_, vector)| *vector).collect();

    let mut results = room(cx, length(&vectors))?;
    let shares = results.par_chunks_mut(SHARE).enumerate();
    shares.try_for_each_init(
        || program.registers(),
        |registers, (share, results)| {
            let block = program.block();
            let mut blocks = results.chunks_mut(block).enumerate();
            blocks.try_for_each(|(index, results)| {
                let start = share * SHARE + index * block;
                program.run(&slices, start, results, registers, cx)
            })
        },
    )?;
    Ok(results)
}

/// Returns the length of the result.
fn length(vectors: &Named<'_, f64>) -> usize {
    let mut lengths = vectors.iter().map(|(_, vector)| vector.len());
    lengths.find(|length| *length != 1).unwrap_or(1)
}

fn check_lengths(vectors: &Named<'_, f64>) -> Result<(), KernelError> {
    let mut longer = vectors.iter().filter(|(_, vector)| vector.len() != 1);
    let Some((first, expected)) = longer.next() else {
        return Ok(());
    };
    match longer.find(|(_, vector)| vector.len() != expected.len()) {
        None => Ok(()),
        Some((name, vector)) => Err(KernelError::argument(
            (*name).to_owned(),
            format_args!(
                "expected {} elements like '{}', or 1, got {}",
                expected.len(),
                shorten(first),
                vector.len()
            ),
        )),
    }
}

/// Returns the error of a part of the expression.
fn fault(position: usize, message: impl fmt::Display) -> KernelError {
    KernelError::argument(
        "expression",
        format_args!("at position {position}: {message}"),
    )
}

/// Returns the beginning of a text that is too long to be repeated.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_QUOTE) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}
