//! Values, so that they can be compared to the bit: all NaN are one, and 0 differs from −0.

use offgil_kernels::{Arguments, Data, Scalar, Value, ValueType};

/// What a value looks like.
#[derive(Debug, PartialEq)]
pub struct Image {
    value_type: ValueType,
    shape: Vec<usize>,
    elements: Vec<u64>,
    text: Option<String>,
}

/// Returns what a value looks like.
pub fn image(value: &Value) -> Image {
    let (shape, elements, text) = match value {
        Value::Scalar(Scalar::String(text)) => (vec![], vec![], Some(text.clone())),
        Value::Scalar(scalar) => (vec![], vec![of_scalar(scalar)], None),
        Value::Array(array) => (array.shape().to_vec(), of_data(array.data()), None),
    };
    Image {
        value_type: value.value_type(),
        shape,
        elements,
        text,
    }
}

/// Returns what arguments look like, those of the variadic parameter with their names.
pub fn images(arguments: &Arguments) -> Vec<(&str, Image)> {
    let fixed = arguments.values().iter().map(|value| ("", image(value)));
    let named = arguments.named().iter();
    fixed
        .chain(named.map(|(name, value)| (name.as_str(), image(value))))
        .collect()
}

fn of_scalar(scalar: &Scalar) -> u64 {
    match scalar {
        Scalar::Bool(truth) => (*truth).into(),
        Scalar::UInt8(number) => (*number).into(),
        Scalar::Int32(number) => i64::from(*number) as u64,
        Scalar::Int64(number) => *number as u64,
        Scalar::Float32(number) => of_float((*number).into()),
        Scalar::Float64(number) => of_float(*number),
        Scalar::String(_) => unreachable!("a text has no bits"),
    }
}

fn of_data(data: &Data) -> Vec<u64> {
    match data {
        Data::Bool(x) => x.as_slice().iter().map(|x| (*x).into()).collect(),
        Data::UInt8(x) => x.as_slice().iter().map(|x| (*x).into()).collect(),
        Data::Int32(x) => x.as_slice().iter().map(|x| i64::from(*x) as u64).collect(),
        Data::Int64(x) => x.as_slice().iter().map(|x| *x as u64).collect(),
        Data::Float32(x) => x.as_slice().iter().map(|x| of_float((*x).into())).collect(),
        Data::Float64(x) => x.as_slice().iter().map(|x| of_float(*x)).collect(),
    }
}

fn of_float(number: f64) -> u64 {
    if number.is_nan() {
        f64::NAN.to_bits()
    } else {
        number.to_bits()
    }
}
