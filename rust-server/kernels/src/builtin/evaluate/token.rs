//! The words of an expression.

use super::{fault, shorten};
use crate::error::KernelError;

use super::operation::Operation;

/// A word of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'e> {
    /// A number, which has no sign.
    Number(f64),
    /// The name of a vector, a constant or a function.
    Name(&'e str),
    /// An operator between two operands; `-` and `+` may also stand before one.
    Operator(Operation),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// The end of the expression.
    End,
}

/// The words of an expression, one after the other.
#[derive(Debug)]
pub(super) struct Tokens<'e> {
    text: &'e str,
    position: usize,
}

/// Operators; one that begins with another comes before it.
const OPERATORS: [(&str, Operation); 13] = [
    ("**", Operation::Power),
    ("<=", Operation::LessOrEqual),
    (">=", Operation::GreaterOrEqual),
    ("==", Operation::Equal),
    ("!=", Operation::NotEqual),
    ("<", Operation::Less),
    (">", Operation::Greater),
    ("+", Operation::Add),
    ("-", Operation::Subtract),
    ("*", Operation::Multiply),
    ("/", Operation::Divide),
    ("%", Operation::Remainder),
    ("^", Operation::Power),
];

// === impl Tokens ===

impl<'e> Tokens<'e> {
    pub(super) fn new(text: &'e str) -> Self {
        Self { text, position: 0 }
    }

    /// Returns the next word and the position of its first byte.
    ///
    /// # Errors
    ///
    /// [`KernelError::Argument`] if there is no word at the next position.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'e>), KernelError> {
        let rest = self.text[self.position..].trim_start();
        let start = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            self.position = start;
            return Ok((start, Token::End));
        };
        let (length, token) = if first.is_ascii_digit() || first == '.' {
            number(start, rest)?
        } else if is_name_start(first) {
            let length = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
            (length, Token::Name(&rest[..length]))
        } else {
            symbol(start, first, rest)?
        };
        self.position = start + length;
        Ok((start, token))
    }
}

/// Returns whether a vector of this name can stand in an expression.
fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_in_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn number<'e>(start: usize, rest: &'e str) -> Result<(usize, Token<'e>), KernelError> {
    let digits = |from: usize| {
        let count = rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        from + count
    };
    let mut end = digits(0);
    if rest[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        // Else the letter begins a name, which is no valid continuation either.
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    let text = &rest[..end];
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((end, Token::Number(value))),
        Ok(_) => Err(fault(
            start,
            format_args!(
                "{} is over the greatest finite number, {:e}",
                shorten(text),
                f64::MAX
            ),
        )),
        Err(_) => Err(fault(
            start,
            format_args!("'{}' is no number", shorten(text)),
        )),
    }
}

fn symbol<'e>(start: usize, first: char, rest: &str) -> Result<(usize, Token<'e>), KernelError> {
    let operator = OPERATORS
        .iter()
        .find(|(symbol, _)| rest.starts_with(symbol));
    if let Some((symbol, operation)) = operator {
        return Ok((symbol.len(), Token::Operator(*operation)));
    }
    match first {
        '(' => Ok((1, Token::Open)),
        ')' => Ok((1, Token::Close)),
        ',' => Ok((1, Token::Comma)),
        '=' => Err(fault(start, "'=' is no operator; equality is '=='")),
        '&' | '|' | '!' | '~' => Err(fault(
            start,
            format_args!(
                "'{first}' is no operator; 'and' is '*' and 'or' is max(…, …) of comparisons"
            ),
        )),
        _ => Err(fault(
            start,
            format_args!("{first:?} is no part of an expression"),
        )),
    }
}
