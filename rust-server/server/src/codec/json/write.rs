//! Puts the results of a kernel into one JSON object.

use offgil_kernels::{Array, Buffer, Data, Element, KernelSpec, Scalar, Value, for_any_data};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::scalar::NOT_FINITE;

/// Bytes of text for one number with its comma; a number below 10⁹ and its comma fit.
const TYPICAL_NUMBER: usize = 11;
/// Bytes of text around the numbers.
const FRAME: usize = 256;

/// Writes results as one JSON object without white space, in the order of the kernel's results.
pub fn write_results(spec: &KernelSpec, values: &[Value]) -> Vec<u8> {
    let numbers: usize = values.iter().map(Value::element_count).sum();
    let mut text = Vec::with_capacity(FRAME + numbers * TYPICAL_NUMBER);
    serde_json::to_writer(&mut text, &Results { spec, values })
        .expect("numbers and names always can be written to memory");
    text
}

/// Writes elements as one flat JSON list without white space, at the end of `text`.
pub fn write_data(text: &mut Vec<u8>, data: &Data) {
    text.reserve(2 + data.len() * TYPICAL_NUMBER);
    for_any_data!(data, buffer => serde_json::to_writer(text, &List(buffer.as_slice())))
        .expect("numbers always can be written to memory");
}

struct Results<'a> {
    spec: &'a KernelSpec,
    values: &'a [Value],
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.values.len()))?;
        for (result, value) in self.spec.results.iter().zip(self.values) {
            match value {
                Value::Scalar(scalar) => {
                    object.serialize_entry(result.name, &JsonScalar(scalar))?;
                }
                Value::Array(array) => {
                    for_any_data!(array.data(), buffer => {
                        serialize_array(&mut object, result.name, array, buffer)
                    })?;
                }
            }
        }
        object.end()
    }
}

fn serialize_array<M: SerializeMap, T: Number>(
    object: &mut M,
    name: &str,
    array: &Array,
    buffer: &Buffer<T>,
) -> Result<(), M::Error> {
    let elements = buffer.as_slice();
    match array.shape() {
        [rows, columns] => object.serialize_entry(
            name,
            &Matrix {
                elements,
                rows: *rows,
                columns: *columns,
            },
        ),
        _ => object.serialize_entry(name, &List(elements)),
    }
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
    rows: usize,
    columns: usize,
}

impl<T: Number> Serialize for Matrix<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.rows))?;
        for row in 0..self.rows {
            let start = row * self.columns;
            list.serialize_element(&List(&self.elements[start..start + self.columns]))?;
        }
        list.end()
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
