//! Reads a flat list of numbers: counts its commas first, so that parts of it are read side by side, each into
//! its place.

use memchr::{memchr, memchr_iter, memrchr};
use offgil_kernels::{Element, ElementType, Value};

use super::{NotPlain, blank, number::Number};
use crate::parallel;

/// Bytes of text that are read by one thread.
const PART: usize = 64 * 1024;

/// The elements of a list, as far as they have arrived.
#[derive(Debug)]
pub(super) enum Numbers {
    Integers(Vec<i64>),
    Floats(Vec<f64>),
}

// === impl Numbers ===

impl Numbers {
    /// Returns an empty list for elements of a type; nothing if they are no numbers.
    pub(super) fn of(element: ElementType) -> Option<Self> {
        match element {
            ElementType::UInt8 | ElementType::Int32 | ElementType::Int64 => {
                Some(Self::Integers(vec![]))
            }
            ElementType::Float32 | ElementType::Float64 => Some(Self::Floats(vec![])),
            ElementType::Bool | ElementType::String => None,
        }
    }

    /// Reads whole elements; returns how many bytes they have, and whether the end of the list was among them.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<(usize, bool), NotPlain> {
        let end = memchr(b']', text);
        let Some(length) = end.or_else(|| memrchr(b',', text)) else {
            return Ok((0, false));
        };
        let elements = &text[..length];
        if end.is_some() && self.is_empty() && blank(elements) == length {
            return Ok((length + 1, true));
        }
        match self {
            Self::Integers(numbers) => extend(numbers, elements)?,
            Self::Floats(numbers) => extend(numbers, elements)?,
        }
        Ok((length + 1, end.is_some()))
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Integers(numbers) => numbers.is_empty(),
            Self::Floats(numbers) => numbers.is_empty(),
        }
    }

    /// Returns the list as an argument.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Integers(numbers) => Value::vector(numbers),
            Self::Floats(numbers) => Value::vector(numbers),
        }
    }
}

/// Appends the elements of a text that has a comma between two of them.
fn extend<T: Number + Element>(numbers: &mut Vec<T>, text: &[u8]) -> Result<(), NotPlain> {
    let mut parts = cut(text);
    let known = numbers.len();
    let count: usize = parts.iter().map(|(_, count)| count).sum();
    numbers.resize(known + count, T::default());
    let mut places = &mut numbers[known..];
    let is_plain = if let [(text, _)] = parts[..] {
        read(text, places)
    } else {
        let placed = parts.drain(..).map(|(text, count)| {
            let (place, rest) = std::mem::take(&mut places).split_at_mut(count);
            places = rest;
            (text, place)
        });
        parallel::all(placed.collect(), |(text, place)| read(text, place))
    };
    is_plain.then_some(()).ok_or(NotPlain)
}

/// Cuts a text at commas; returns the parts, and how many elements each has.
fn cut(mut text: &[u8]) -> Vec<(&[u8], usize)> {
    let mut parts = Vec::with_capacity(text.len() / PART + 1);
    let mut push = |part| parts.push((part, memchr_iter(b',', part).count() + 1));
    while let Some(comma) = text.get(PART..).and_then(|behind| memchr(b',', behind)) {
        push(&text[..PART + comma]);
        text = &text[PART + comma + 1..];
    }
    push(text);
    parts
}

/// Reads as many elements as there are places; returns whether they all are plain.
fn read<T: Number>(mut text: &[u8], places: &mut [T]) -> bool {
    for place in places {
        text = &text[blank(text)..];
        let Some((number, length)) = T::read(text) else {
            return false;
        };
        *place = number;
        text = &text[length..];
        text = &text[blank(text)..];
        match text {
            [] => {}
            [b',', rest @ ..] => text = rest,
            _ => return false,
        }
    }
    text.is_empty()
}
