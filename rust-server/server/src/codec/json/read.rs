//! Turns the members of an object into the values that a kernel's parameters ask for.

use offgil_kernels::{
    ArgumentError, ArgumentFault, ElementType, KernelSpec, Parameter, Scalar, Value, ValueType,
};
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::{
    Reading,
    array::array,
    integer::Integer,
    members::Picked,
    scalar::{Fault, Float, Text, Truth},
};

/// Reads the arguments of a kernel from the members that were picked for its parameters.
///
/// # Errors
///
/// [`ArgumentError`] for the first parameter whose argument is of a wrong type.
pub(super) fn values(
    spec: &KernelSpec,
    picked: &Picked<'_>,
    reading: Reading,
) -> Result<Vec<(String, Value)>, ArgumentError> {
    let fixed = spec.parameters.iter().zip(&picked.fixed);
    let fixed = fixed.filter_map(|(parameter, raw)| Some((parameter, parameter.name, (*raw)?)));
    let variadic = picked.named.iter().filter_map(|(name, raw)| {
        let parameter = spec.variadic()?;
        Some((parameter, name.as_str(), *raw))
    });
    fixed
        .chain(variadic)
        .map(|(parameter, name, raw)| Ok((name.to_owned(), value(parameter, name, raw, reading)?)))
        .collect()
}

pub(super) fn value(
    parameter: &Parameter,
    path: &str,
    raw: &RawValue,
    reading: Reading,
) -> Result<Value, ArgumentError> {
    let expected = parameter.value_type;
    if expected.rank > 0 {
        return array(path, raw, expected, reading);
    }
    let fault = Fault::default();
    let integer = Integer {
        reading,
        fault: &fault,
    };
    let read = match expected.element {
        ElementType::Bool => Truth(&fault).deserialize(raw).map(Scalar::Bool),
        ElementType::UInt8 | ElementType::Int32 | ElementType::Int64 => {
            integer.deserialize(raw).map(Scalar::Int64)
        }
        ElementType::Float32 | ElementType::Float64 => {
            Float(&fault).deserialize(raw).map(Scalar::Float64)
        }
        ElementType::String => Text(&fault).deserialize(raw).map(Scalar::String),
    };
    read.map(Value::Scalar).map_err(|error| {
        let fault = fault.take().unwrap_or_else(|| unread(&error, expected));
        fault.at(path.to_owned())
    })
}

/// Returns the fault behind an error that serde raised itself, in text whose syntax is known to be sound: a
/// number that no float can hold, a string whose escapes are no text, or a value of another kind.
pub(super) fn unread(error: &serde_json::Error, expected: ValueType) -> ArgumentFault {
    if error.to_string().starts_with("number out of range") {
        ArgumentFault::NotFinite
    } else if error.is_syntax() && expected.element.integer_range().is_some() {
        ArgumentFault::UnparsableInteger
    } else {
        let given = None;
        ArgumentFault::WrongType { expected, given }
    }
}
