//! Puts the results of a kernel into one JSON object.

use bytes::Bytes;
use offgil_kernels::{Data, Element, KernelSpec, Scalar, Value, for_any_data};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::scalar::NOT_FINITE;
use crate::parallel;

/// Bytes of text for one number with its comma; a number below 10⁹ and its comma fit.
const TYPICAL_NUMBER: usize = 11;
/// Elements that are written by one thread, and go into one part of the text.
const BLOCK: usize = 32 * 1024;

/// Writes results as one JSON object without white space, in the order of the kernel's results.
///
/// The text comes in parts, those of a long array written side by side.
pub fn write_results(spec: &KernelSpec, values: &[Value]) -> Vec<Bytes> {
    let mut text = Text::default();
    for (position, (result, value)) in spec.results.iter().zip(values).enumerate() {
        text.open.push(if position == 0 { b'{' } else { b',' });
        text.put(result.name);
        text.open.push(b':');
        match value {
            Value::Scalar(scalar) => text.put(&JsonScalar(scalar)),
            Value::Array(array) => for_any_data!(array.data(), buffer => {
                text.put_array(buffer.as_slice(), array.shape());
            }),
        }
    }
    text.open
        .extend_from_slice(if values.is_empty() { b"{}" } else { b"}" });
    text.parts.push(text.open.into());
    text.parts
}

/// Writes elements as one flat JSON list without white space, at the end of `text`.
pub fn write_data(text: &mut Vec<u8>, data: &Data) {
    for_any_data!(data, buffer => put_list(text, buffer.as_slice(), None));
}

/// A text that is being written.
#[derive(Default)]
struct Text {
    parts: Vec<Bytes>,
    open: Vec<u8>,
}

// === impl Text ===

impl Text {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        put(&mut self.open, value);
    }

    /// Writes an array; a long one block by block, each block a list whose brackets become commas or go.
    fn put_array<T: Number>(&mut self, elements: &[T], shape: &[usize]) {
        let columns = match shape {
            [_, columns] => Some(*columns),
            _ => None,
        };
        let row = columns.unwrap_or(1).max(1);
        let block = (BLOCK / row).max(1) * row;
        if elements.len() <= block {
            return match shape {
                // A matrix without columns has no elements to count its rows by.
                [rows, 0] => self.put(&vec![[0; 0]; *rows]),
                _ => put_list(&mut self.open, elements, columns),
            };
        }
        let last = (elements.len() - 1) / block;
        let blocks = elements.chunks(block).enumerate().collect();
        let blocks = parallel::map(blocks, |(position, elements)| {
            let mut text = Vec::new();
            put_list(&mut text, elements, columns);
            if position > 0 {
                text[0] = b',';
            }
            if position < last {
                text.pop();
            }
            Bytes::from(text)
        });
        self.parts.push(std::mem::take(&mut self.open).into());
        self.parts.extend(blocks);
    }
}

/// Writes a flat list, or one of rows.
fn put_list<T: Number>(text: &mut Vec<u8>, elements: &[T], columns: Option<usize>) {
    text.reserve(2 + elements.len() * TYPICAL_NUMBER);
    match columns {
        None => put(text, &List(elements)),
        Some(columns) => put(text, &Matrix { elements, columns }),
    }
}

fn put<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(text, value).expect("numbers and names always can be written to memory");
}

struct JsonScalar<'a>(&'a Scalar);

impl Serialize for JsonScalar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Scalar::Bool(truth) => truth.put(serializer),
            Scalar::UInt8(number) => number.put(serializer),
            Scalar::Int32(number) => number.put(serializer),
            Scalar::Int64(number) => number.put(serializer),
            Scalar::Float32(number) => number.put(serializer),
            Scalar::Float64(number) => number.put(serializer),
            Scalar::String(text) => serializer.serialize_str(text),
        }
    }
}

/// A list of elements.
struct List<'a, T>(&'a [T]);

impl<T: Number> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for element in self.0 {
            list.serialize_element(&One(*element))?;
        }
        list.end()
    }
}

/// A list of rows.
struct Matrix<'a, T> {
    elements: &'a [T],
    columns: usize,
}

impl<T: Number> Serialize for Matrix<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.elements.chunks(self.columns).map(List))
    }
}

struct One<T>(T);

impl<T: Number> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.put(serializer)
    }
}

/// An element, as JSON has it.
trait Number: Element {
    fn put<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error>;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn put<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )*};
}

numbers! { bool u8 i32 i64 }

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn put<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.is_finite() {
                    return self.serialize(serializer);
                }
                let [nan, infinity, negative] = NOT_FINITE.map(|(name, _)| name);
                serializer.serialize_str(match self {
                    _ if self.is_nan() => nan,
                    _ if self > 0.0 => infinity,
                    _ => negative,
                })
            }
        }
    )*};
}

floats! { f32 f64 }
