//! Reads plain text fast, and while it arrives: an object of flat lists of numbers and of scalars.
//!
//! What is not plain is left to the exact reader, which also explains faults: a list in a list, an escape, an
//! integer that is written in another way, a member that is unknown or given twice. So whatever is accepted here
//! must be what the exact reader would have made of it, which a property test shows.

use memchr::{memchr, memrchr};
use offgil_kernels::{ElementType, KernelSpec, Parameter, Value, ValueType};
use serde_json::value::RawValue;

use super::{Reading, read::value};

mod list;
mod number;

use list::Numbers;

/// Bytes of the longest token whose parts may arrive in two chunks.
const SEAM: usize = 4096;
/// The most arguments whose names are compared one with another.
const MOST_MEMBERS: usize = 64;

/// The text is not plain; it may still be right.
#[derive(Debug)]
pub(super) struct NotPlain;

/// A reader of plain text.
#[derive(Debug)]
pub(super) struct Plain {
    spec: &'static KernelSpec,
    reading: Reading,
    state: State,
    /// The arguments that are complete.
    named: Vec<(String, Value)>,
    /// The beginning of a token whose end has not arrived.
    seam: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
enum State {
    /// The object.
    Start,
    /// A member, or the end of the object if it is empty.
    Member { is_first: bool },
    /// An element of a list, or its end.
    List { name: String, numbers: Numbers },
    /// The comma behind a member, or the end of the object.
    Behind,
    /// Nothing but white space.
    End,
}

/// The name of a member and what it is for.
struct Opening<'a> {
    name: &'a str,
    parameter: &'static Parameter,
}

// === impl Plain ===

impl Plain {
    pub(super) fn new(spec: &'static KernelSpec, reading: Reading) -> Self {
        Self {
            spec,
            reading,
            state: State::Start,
            named: vec![],
            seam: vec![],
        }
    }

    /// Reads the next chunk of the text, up to a token that is cut off at its end.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<(), NotPlain> {
        let mut start = 0;
        if !self.seam.is_empty() {
            // The cut token, and something behind it.
            let mut text = std::mem::take(&mut self.seam);
            let cut = text.len();
            text.extend_from_slice(&chunk[..chunk.len().min(SEAM)]);
            let read = self.advance(&text)?;
            if read < cut {
                return self.keep(&text[read..]);
            }
            start = read - cut;
        }
        let rest = &chunk[start..];
        let read = self.advance(rest)?;
        self.keep(&rest[read..])
    }

    /// Returns the arguments, unless the text is not complete.
    pub(super) fn finish(self) -> Result<Vec<(String, Value)>, NotPlain> {
        match self.state {
            State::End if self.seam.is_empty() => Ok(self.named),
            _ => Err(NotPlain),
        }
    }

    fn keep(&mut self, cut: &[u8]) -> Result<(), NotPlain> {
        if cut.len() > SEAM {
            return Err(NotPlain);
        }
        self.seam.extend_from_slice(cut);
        Ok(())
    }

    /// Reads whole tokens; returns how many bytes they have.
    fn advance(&mut self, text: &[u8]) -> Result<usize, NotPlain> {
        let mut read = 0;
        loop {
            if !matches!(self.state, State::List { .. }) {
                read += blank(&text[read..]);
            }
            let rest = &text[read..];
            let Some(first) = rest.first() else {
                return Ok(read);
            };
            let length = match (&mut self.state, first) {
                (State::Start, b'{') => self.pass(State::Member { is_first: true }),
                (State::Behind, b',') => self.pass(State::Member { is_first: false }),
                (State::Behind | State::Member { is_first: true }, b'}') => self.pass(State::End),
                (State::Member { .. }, b'"') => self.member(rest)?,
                (State::List { numbers, .. }, _) => {
                    let (length, is_closed) = numbers.read(rest)?;
                    if is_closed {
                        self.close();
                    }
                    length
                }
                _ => return Err(NotPlain),
            };
            if length == 0 {
                return Ok(read);
            }
            read += length;
        }
    }

    /// Goes on behind a token of one byte.
    fn pass(&mut self, state: State) -> usize {
        self.state = state;
        1
    }

    /// Ends a list.
    fn close(&mut self) {
        if let State::List { name, numbers } = std::mem::replace(&mut self.state, State::Behind) {
            self.named.push((name, numbers.into_value()));
        }
    }

    /// Reads the name of a member, and its value or the opening of its list; 0 if the end is not there.
    fn member(&mut self, text: &[u8]) -> Result<usize, NotPlain> {
        let Some(quote) = memchr(b'"', &text[1..]) else {
            return Ok(0);
        };
        let opening = self.opening(&text[1..=quote])?;
        let mut start = quote + 2;
        start += blank(&text[start..]);
        match text.get(start) {
            None => return Ok(0),
            Some(b':') => start += 1,
            Some(_) => return Err(NotPlain),
        }
        start += blank(&text[start..]);
        let Some(first) = text.get(start) else {
            return Ok(0);
        };
        let name = opening.name.to_owned();
        let ValueType { element, rank } = opening.parameter.value_type;
        match (rank, first) {
            (0, _) => {
                let Some(length) = scalar_length(&text[start..])? else {
                    return Ok(0);
                };
                let scalar = &text[start..start + length];
                let raw: &RawValue = serde_json::from_slice(scalar).map_err(|_| NotPlain)?;
                let value = value(opening.parameter, &name, raw, self.reading);
                self.named.push((name, value.map_err(|_| NotPlain)?));
                self.state = State::Behind;
                Ok(start + length)
            }
            (1, b'[') => {
                let numbers = Numbers::of(element).ok_or(NotPlain)?;
                self.state = State::List { name, numbers };
                Ok(start + 1)
            }
            _ => Err(NotPlain),
        }
    }

    fn opening<'a>(&self, name: &'a [u8]) -> Result<Opening<'a>, NotPlain> {
        let is_given = |name| self.named.iter().any(|(earlier, _)| earlier == name);
        let name = str::from_utf8(name).map_err(|_| NotPlain)?;
        let is_plain = name.bytes().all(|byte| byte >= b' ' && byte != b'\\');
        if !is_plain || is_given(name) || self.named.len() == MOST_MEMBERS {
            return Err(NotPlain);
        }
        let fixed = self.spec.parameter(name).map(|(_, parameter)| parameter);
        let parameter = fixed.or_else(|| self.spec.variadic()).ok_or(NotPlain)?;
        Ok(Opening { name, parameter })
    }
}

/// Reads a text that is one flat list of numbers; nothing if it needs a closer look.
pub(super) fn list(text: &[u8], element: ElementType) -> Option<Value> {
    let mut numbers = Numbers::of(element)?;
    let elements = text.strip_prefix(b"[")?;
    match numbers.read(elements) {
        Ok((length, true)) if length == elements.len() => Some(numbers.into_value()),
        _ => None,
    }
}

/// Returns how many bytes of white space a text begins with.
fn blank(text: &[u8]) -> usize {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    text.iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(text.len())
}

/// Returns the length of a scalar; nothing if its end is not there.
fn scalar_length(text: &[u8]) -> Result<Option<usize>, NotPlain> {
    if text[0] != b'"' {
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
        return Ok(text.iter().position(is_end));
    }
    let Some(quote) = memchr(b'"', &text[1..]) else {
        return Ok(None);
    };
    match memrchr(b'\\', &text[1..=quote]) {
        Some(_) => Err(NotPlain),
        None => Ok(Some(quote + 2)),
    }
}

#[cfg(test)]
mod tests;
