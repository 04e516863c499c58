//! JSON results: any elements, long or short, are read as what they were written from.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{image::image, input::Input, mirror::spec};
use offgil_kernels::{Array, Data, ElementType, KernelSpec, Value, ValueType};
use offgil_server::codec::{
    joined,
    json::{Reader, Strictness, write_results},
};

const ELEMENTS: [ElementType; 6] = [
    ElementType::Bool,
    ElementType::UInt8,
    ElementType::Int32,
    ElementType::Int64,
    ElementType::Float32,
    ElementType::Float64,
];
/// So many elements are written side by side.
const MANY: usize = 40_000;

/// Kernels with a vector and a matrix of each type.
static SPECS: LazyLock<Vec<&KernelSpec>> = LazyLock::new(|| {
    let types = ELEMENTS.iter().map(|element| {
        let (vector, matrix) = (ValueType::vector(*element), ValueType::matrix(*element));
        spec("mirror", &[("vector", vector), ("matrix", matrix)])
    });
    types.collect()
});

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let choice = usize::from(input.byte()) % ELEMENTS.len();
    let (element, spec) = (ELEMENTS[choice], SPECS[choice]);
    let is_long = input.byte() == u8::MAX;
    let columns = input.number();
    let lengths = input.lengths();

    let mut bytes = input.rest().to_vec();
    if element == ElementType::Bool {
        bytes.iter_mut().for_each(|byte| *byte &= 1);
    }
    let width = element.width();
    bytes.truncate(bytes.len() / width * width);
    if is_long && !bytes.is_empty() {
        bytes = bytes.repeat((MANY * width).div_ceil(bytes.len()));
    }
    let elements = || data_of(element, bytes.clone());
    let count = elements().len();
    // A matrix without columns may have any number of rows.
    let shape = match columns {
        0 => vec![count % 8, 0],
        columns => vec![count / columns, columns],
    };
    let of_matrix = bytes[..shape[0] * shape[1] * width].to_vec();
    let results = [
        Value::Array(Array::new(elements(), vec![count])),
        Value::Array(Array::new(data_of(element, of_matrix), shape.clone())),
    ];

    let text = joined(write_results(spec, &results));
    let mut reader = Reader::new(spec, Strictness::STRICT);
    // A long text in single bytes takes seconds, and says no more.
    let pieces = if is_long {
        vec![text]
    } else {
        lengths.cut(&text)
    };
    for piece in pieces {
        reader.feed(piece);
    }
    let again = reader.finish().expect("it is what was written");
    assert_eq!(image(&again.values()[0]), image(&results[0]));
    // A list of no rows has no columns either.
    if shape[0] > 0 {
        assert_eq!(image(&again.values()[1]), image(&results[1]));
    }
});

fn data_of(element: ElementType, bytes: Vec<u8>) -> Data {
    let data = Data::from_bytes(element, Bytes::from(bytes)).expect("whole elements");
    data.expect("no texts")
}
