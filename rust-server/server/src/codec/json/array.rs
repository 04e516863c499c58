//! Reads lists of numbers or truths, and lists of equally long lists of them.

use std::{cell::Cell, fmt};

use offgil_kernels::{
    ArgumentError, ArgumentFault, Array, Buffer, Data, Element, ElementType, Value, ValueType,
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Reading,
    integer::Integer,
    plain,
    read::unread,
    scalar::{Fault, Float, Truth},
};

/// Bytes of text for one number, for a first guess at the length of a list: too short a guess costs a
/// copy, too long a guess costs memory.
const TYPICAL_NUMBER: usize = 8;

/// Reads an array. Integers come as int64 and floats as float64, for the kernel's parameter to narrow.
///
/// # Errors
///
/// [`ArgumentError`] at `path`, with the index of the element at fault.
pub(super) fn array(
    path: &str,
    raw: &RawValue,
    expected: ValueType,
    reading: Reading,
) -> Result<Value, ArgumentError> {
    let text = raw.get();
    if expected.rank == 1
        && let Some(list) = plain::list(text.as_bytes(), expected.element)
    {
        return Ok(list);
    }
    let fault = Fault::default();
    let place = Place::default();
    let list = List {
        rank: expected.rank,
        guess: text.len() / TYPICAL_NUMBER,
        fault: &fault,
        place: &place,
    };
    let integer = Integer {
        reading,
        fault: &fault,
    };
    let read = match expected.element {
        ElementType::Bool => list.read(text, Truth(&fault)),
        ElementType::UInt8 | ElementType::Int32 | ElementType::Int64 => list.read(text, integer),
        ElementType::Float32 | ElementType::Float64 => list.read(text, Float(&fault)),
        ElementType::String => unreachable!("there are no arrays of strings"),
    };
    read.map(Value::Array).map_err(|error| {
        if place.is_outside() {
            let given = None;
            return ArgumentFault::WrongType { expected, given }.at(path.to_owned());
        }
        let fault = fault.take();
        let element = ValueType {
            rank: usize::from(place.is_row()),
            ..expected
        };
        let fault = fault.unwrap_or_else(|| unread(&error, element));
        fault.at(format!("{path}{place}"))
    })
}

/// Reads the elements of a tensor of the Open Inference Protocol: a flat list, or one nested as its shape.
///
/// # Errors
///
/// [`ArgumentError`] at `path`, with the index of the element at fault.
pub fn read_tensor(
    path: &str,
    raw: &RawValue,
    element: ElementType,
) -> Result<Data, ArgumentError> {
    let nested = raw
        .get()
        .trim_start_matches(|c: char| c == '[' || c.is_ascii_whitespace());
    let opening = &raw.get()[..raw.get().len() - nested.len()];
    let rank = opening
        .bytes()
        .filter(|byte| *byte == b'[')
        .count()
        .clamp(1, 2);
    let read = array(path, raw, ValueType { element, rank }, Reading::Strict)?;
    match read {
        Value::Array(array) => Ok(array.into_parts().0),
        Value::Scalar(_) => unreachable!("an array was read"),
    }
}

/// The indices of the element that is being read; outside of the list at first.
#[derive(Debug, Default)]
struct Place {
    row: Cell<Option<usize>>,
    column: Cell<Option<usize>>,
}

/// Reads a list, or a list of lists, and notes which element is at fault.
#[derive(Clone, Copy)]
struct List<'a> {
    rank: usize,
    guess: usize,
    fault: &'a Fault,
    place: &'a Place,
}

/// Reads one row into the elements so far; gives back its length.
struct Row<'a, T, S> {
    elements: &'a mut Vec<T>,
    element: S,
    index: &'a Cell<Option<usize>>,
}

/// Reads the rows of a matrix.
struct Rows<'a, S> {
    list: List<'a>,
    element: S,
}

// === impl Place ===

impl Place {
    /// Returns whether a row of a matrix is at fault as a whole.
    fn is_row(&self) -> bool {
        self.row.get().is_some() && self.column.get().is_none()
    }

    fn is_outside(&self) -> bool {
        self.row.get().is_none() && self.column.get().is_none()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for index in [self.row.get(), self.column.get()].into_iter().flatten() {
            write!(f, "[{index}]")?;
        }
        Ok(())
    }
}

// === impl List ===

impl List<'_> {
    fn read<T: Element, S>(self, text: &str, element: S) -> Result<Array, serde_json::Error>
    where
        S: for<'de> DeserializeSeed<'de, Value = T> + Copy,
    {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        if self.rank == 2 {
            let rows = Rows {
                list: self,
                element,
            };
            return deserializer.deserialize_seq(rows);
        }
        let mut elements = Vec::with_capacity(self.guess);
        let row = Row {
            elements: &mut elements,
            element,
            index: &self.place.column,
        };
        let length = deserializer.deserialize_seq(row)?;
        Ok(Array::new(
            T::into_data(Buffer::Owned(elements)),
            vec![length],
        ))
    }
}

// === impl Row ===

impl<'de, T, S> DeserializeSeed<'de> for Row<'_, T, S>
where
    S: DeserializeSeed<'de, Value = T> + Copy,
{
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, S> Visitor<'de> for Row<'_, T, S>
where
    S: DeserializeSeed<'de, Value = T> + Copy,
{
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
        let mut length = 0;
        loop {
            match elements.next_element_seed(self.element) {
                Ok(Some(element)) => self.elements.push(element),
                Ok(None) => return Ok(length),
                Err(error) => {
                    self.index.set(Some(length));
                    return Err(error);
                }
            }
            length += 1;
        }
    }
}

// === impl Rows ===

impl<'de, T: Element, S> Visitor<'de> for Rows<'_, S>
where
    S: DeserializeSeed<'de, Value = T> + Copy,
{
    type Value = Array;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Array, A::Error> {
        let Self { list, element } = self;
        let mut elements = Vec::with_capacity(list.guess);
        let mut count = 0;
        let mut columns = None;
        loop {
            let row = Row {
                elements: &mut elements,
                element,
                index: &list.place.column,
            };
            let length = match rows.next_element_seed(row) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(error) => {
                    list.place.row.set(Some(count));
                    return Err(error);
                }
            };
            let expected = *columns.get_or_insert(length);
            if length != expected {
                list.place.row.set(Some(count));
                list.fault.set(Some(ArgumentFault::Ragged {
                    expected,
                    given: length,
                }));
                return Err(A::Error::custom("refused"));
            }
            count += 1;
        }
        let shape = vec![count, columns.unwrap_or(0)];
        Ok(Array::new(T::into_data(Buffer::Owned(elements)), shape))
    }
}
