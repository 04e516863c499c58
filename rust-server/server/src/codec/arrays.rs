//! Values of the contract's own form: `NamedValue` and `Array`.

use bytes::Bytes;
use offgil_kernels::{Array, Data, ElementType, Scalar, Value};

use crate::{
    codec::shape::checked_shape,
    error::Error,
    proto::{self, named_value},
};

/// Reads the arguments of a call.
///
/// # Errors
///
/// [`Error::Argument`] if a value is not set, or an array is not what its type and shape say.
pub fn read(arguments: Vec<proto::NamedValue>) -> Result<Vec<(String, Value)>, Error> {
    let read = |argument: proto::NamedValue| {
        let value = match argument.value {
            Some(named_value::Value::BoolValue(truth)) => Value::Scalar(Scalar::Bool(truth)),
            Some(named_value::Value::IntValue(number)) => Value::Scalar(Scalar::Int64(number)),
            Some(named_value::Value::FloatValue(number)) => Value::Scalar(Scalar::Float64(number)),
            Some(named_value::Value::StringValue(text)) => Value::Scalar(Scalar::String(text)),
            Some(named_value::Value::Array(array)) => array_value(&argument.name, array)?,
            None => {
                return Err(Error::field(
                    &argument.name,
                    "missing",
                    "the value is not set",
                ));
            }
        };
        Ok((argument.name, value))
    };
    arguments.into_iter().map(read).collect()
}

/// Writes a result.
pub fn write(name: &str, value: Value) -> proto::NamedValue {
    let value = match value {
        Value::Scalar(scalar) => match scalar {
            Scalar::Bool(truth) => named_value::Value::BoolValue(truth),
            Scalar::UInt8(number) => named_value::Value::IntValue(number.into()),
            Scalar::Int32(number) => named_value::Value::IntValue(number.into()),
            Scalar::Int64(number) => named_value::Value::IntValue(number),
            Scalar::Float32(number) => named_value::Value::FloatValue(number.into()),
            Scalar::Float64(number) => named_value::Value::FloatValue(number),
            Scalar::String(text) => named_value::Value::StringValue(text),
        },
        Value::Array(array) => {
            let (data, shape) = array.into_parts();
            named_value::Value::Array(proto::Array {
                element: element_to_proto(data.element()).into(),
                shape: shape.into_iter().map(|length| length as u64).collect(),
                data: data.into_bytes(),
            })
        }
    };
    proto::NamedValue {
        name: name.to_owned(),
        value: Some(value),
    }
}

/// Returns an element type as the contract names it.
pub fn element_to_proto(element: ElementType) -> proto::ElementType {
    match element {
        ElementType::Bool => proto::ElementType::Bool,
        ElementType::UInt8 => proto::ElementType::Uint8,
        ElementType::Int32 => proto::ElementType::Int32,
        ElementType::Int64 => proto::ElementType::Int64,
        ElementType::Float32 => proto::ElementType::Float32,
        ElementType::Float64 => proto::ElementType::Float64,
        ElementType::String => proto::ElementType::String,
    }
}

fn array_value(name: &str, array: proto::Array) -> Result<Value, Error> {
    let refuse = |kind, message: String| Error::field(name, kind, message);
    let element = match array.element() {
        proto::ElementType::Bool => ElementType::Bool,
        proto::ElementType::Uint8 => ElementType::UInt8,
        proto::ElementType::Int32 => ElementType::Int32,
        proto::ElementType::Int64 => ElementType::Int64,
        proto::ElementType::Float32 => ElementType::Float32,
        proto::ElementType::Float64 => ElementType::Float64,
        proto::ElementType::Unspecified | proto::ElementType::String => {
            let message = format!("an array cannot have elements of type {}", array.element);
            return Err(refuse("value_error", message));
        }
    };
    let data = packed(name, element, array.data)?;
    let shape = checked_shape(name, &array.shape, data.len())?;
    Ok(Value::Array(Array::new(data, shape)))
}

/// Reads packed elements.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if the bytes are no elements of that type.
pub fn packed(field: &str, element: ElementType, bytes: Bytes) -> Result<Data, Error> {
    let read = Data::from_bytes(element, bytes);
    let data = read.map_err(|fault| Error::field(field, "bytes_length", fault.to_string()))?;
    data.ok_or_else(|| Error::field(field, "value_error", "texts are not packed"))
}
