//! From an expression to a program, in one pass.
//!
//! Operators bind by precedence (Pratt, "Top down operator precedence", 1973); each part is compiled as soon as it
//! is read, so there is no tree, and the registers are as few as the parts that wait for their operator.

use std::{collections::HashMap, fmt};

use super::{
    fault,
    operation::{CONSTANTS, FUNCTIONS, MAX_ARITY, Operation},
    program::{Builder, Operand, Program},
    shorten,
    token::{Token, Tokens},
};
use crate::{error::KernelError, names::nearest};

/// How deep parentheses, signs and exponents may nest; each level takes some hundred bytes of the stack.
pub(super) const MAX_DEPTH: usize = 200;

/// How tightly operators bind, the loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    Comparison,
    Sum,
    Product,
    Sign,
    Power,
}

struct Parser<'e> {
    tokens: Tokens<'e>,
    /// The position of the current word, and the word.
    position: usize,
    token: Token<'e>,
    depth: usize,
    vectors: &'e HashMap<&'e str, Operand>,
    program: Builder,
}

/// Compiles an expression over named operands.
///
/// # Errors
///
/// [`KernelError::Argument`] with the position of what is wrong.
pub(super) fn compile(
    text: &str,
    vectors: &HashMap<&str, Operand>,
) -> Result<Program, KernelError> {
    let mut parser = Parser {
        tokens: Tokens::new(text),
        position: 0,
        token: Token::End,
        depth: 0,
        vectors,
        program: Builder::default(),
    };
    parser.advance()?;
    let result = parser.expression(Precedence::Comparison)?;
    match parser.token {
        Token::End => Ok(parser.program.finish(result)),
        _ => Err(parser.expected("an operator or the end")),
    }
}

// === impl Parser ===

impl<'e> Parser<'e> {
    fn advance(&mut self) -> Result<(), KernelError> {
        (self.position, self.token) = self.tokens.next()?;
        Ok(())
    }

    fn expected(&self, what: &str) -> KernelError {
        fault(
            self.position,
            format_args!("expected {what}, found {}", self.token),
        )
    }

    /// Compiles an expression one level deeper.
    fn nested(&mut self, least: Precedence) -> Result<Operand, KernelError> {
        if self.depth == MAX_DEPTH {
            return Err(fault(
                self.position,
                format_args!(
                    "parentheses, signs and exponents nest deeper than {MAX_DEPTH} levels"
                ),
            ));
        }
        self.depth += 1;
        let operand = self.expression(least)?;
        self.depth -= 1;
        Ok(operand)
    }

    /// Compiles operands joined by operators that bind at least so tightly.
    ///
    /// Calls itself at most once for each precedence; what can go deeper goes through [`Parser::nested`].
    fn expression(&mut self, least: Precedence) -> Result<Operand, KernelError> {
        let mut left = self.operand()?;
        while let Token::Operator(operation) = self.token {
            let precedence = Precedence::of(operation);
            if precedence < least {
                break;
            }
            self.advance()?;
            let right = match precedence {
                // From the right: 2 ** 3 ** 2 is 2 ** 9.
                Precedence::Power => self.nested(Precedence::Power)?,
                Precedence::Product => self.expression(Precedence::Sign)?,
                Precedence::Sum => self.expression(Precedence::Product)?,
                Precedence::Comparison | Precedence::Sign => self.expression(Precedence::Sum)?,
            };
            left = self.program.emit(operation, &[left, right]);
            if precedence == Precedence::Comparison {
                self.refuse_chain()?;
            }
        }
        Ok(left)
    }

    fn refuse_chain(&self) -> Result<(), KernelError> {
        match self.token {
            Token::Operator(operation) if Precedence::of(operation) == Precedence::Comparison => {
                Err(fault(
                    self.position,
                    "comparisons do not chain: a < b < c is written (a < b) * (b < c)",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Compiles a number, a name, a call, something in parentheses, or one of these with a sign.
    fn operand(&mut self) -> Result<Operand, KernelError> {
        let (position, token) = (self.position, self.token);
        match token {
            Token::Number(value) => {
                self.advance()?;
                Ok(Operand::Constant(value))
            }
            Token::Operator(Operation::Subtract) => {
                self.advance()?;
                let operand = self.nested(Precedence::Sign)?;
                Ok(self.program.emit(Operation::Negate, &[operand]))
            }
            Token::Operator(Operation::Add) => {
                self.advance()?;
                self.nested(Precedence::Sign)
            }
            Token::Open => {
                self.advance()?;
                let operand = self.nested(Precedence::Comparison)?;
                self.close("an operator or ')'")?;
                Ok(operand)
            }
            Token::Name(name) => {
                self.advance()?;
                match self.token {
                    Token::Open => self.call(position, name),
                    _ => self.named(position, name),
                }
            }
            Token::Operator(_) | Token::Close | Token::Comma | Token::End => {
                Err(self.expected("a number, a name or '('"))
            }
        }
    }

    fn close(&mut self, expected: &str) -> Result<(), KernelError> {
        match self.token {
            Token::Close => self.advance(),
            _ => Err(self.expected(expected)),
        }
    }

    /// Compiles the call of a function, from its opening parenthesis on.
    fn call(&mut self, position: usize, name: &str) -> Result<Operand, KernelError> {
        let found = FUNCTIONS.iter().find(|(function, _)| *function == name);
        let Some((_, operation)) = found else {
            return Err(fault(position, self.no_function(name)));
        };
        self.advance()?;
        let mut arguments = [Operand::Constant(0.0); MAX_ARITY];
        let arity = operation.arity();
        for (index, argument) in arguments[..arity].iter_mut().enumerate() {
            if index > 0 {
                match self.token {
                    Token::Comma => self.advance()?,
                    _ => return Err(self.expected(&format!("',': {name} takes {}", Count(arity)))),
                }
            }
            *argument = self.nested(Precedence::Comparison)?;
        }
        self.close(&format!(
            "an operator or ')': {name} takes {}",
            Count(arity)
        ))?;
        Ok(self.program.emit(*operation, &arguments[..arity]))
    }

    /// Finds a vector, else a constant.
    fn named(&self, position: usize, name: &str) -> Result<Operand, KernelError> {
        if let Some(operand) = self.vectors.get(name) {
            return Ok(*operand);
        }
        if let Some((_, value)) = CONSTANTS.iter().find(|(constant, _)| *constant == name) {
            return Ok(Operand::Constant(*value));
        }
        Err(fault(position, self.no_vector(name)))
    }

    fn no_function(&self, name: &str) -> String {
        if self.vectors.contains_key(name) {
            return format!(
                "'{}' is a vector, no function; a product is written with '*'",
                shorten(name)
            );
        }
        let known = FUNCTIONS.map(|(function, _)| function);
        let suggestion = suggestion(nearest(name, known));
        let known = known.join(", ");
        format!(
            "there is no function '{}'{suggestion}; the functions are {known}",
            shorten(name)
        )
    }

    fn no_vector(&self, name: &str) -> String {
        if FUNCTIONS.iter().any(|(function, _)| *function == name) {
            return format!("'{name}' is a function, and takes its arguments in parentheses");
        }
        // In an order of their own: that of a hash map differs from call to call.
        let mut known: Vec<&str> = self.vectors.keys().copied().collect();
        known.extend(CONSTANTS.map(|(constant, _)| constant));
        known.sort_unstable();
        let suggestion = suggestion(nearest(name, known));
        format!(
            "there is no vector or constant '{}'{suggestion}",
            shorten(name)
        )
    }
}

fn suggestion(nearest: Vec<&str>) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", nearest.join(" or "))
    }
}

// === impl Precedence ===

impl Precedence {
    /// Returns how tightly an operator binds the operands on its sides.
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::Add | Operation::Subtract => Self::Sum,
            Operation::Multiply | Operation::Divide | Operation::Remainder => Self::Product,
            Operation::Power => Self::Power,
            _ => Self::Comparison,
        }
    }
}

/// A number of arguments in words.
struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} argument{}",
            self.0,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}

// === impl Token ===

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "the number {value:?}"),
            Self::Name(name) => write!(f, "'{}'", shorten(name)),
            Self::Operator(_) => f.write_str("an operator"),
            Self::Open => f.write_str("'('"),
            Self::Close => f.write_str("')'"),
            Self::Comma => f.write_str("','"),
            Self::End => f.write_str("the end"),
        }
    }
}
