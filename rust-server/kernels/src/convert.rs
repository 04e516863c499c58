//! Which values stand for which: an argument of another type is converted where it
//! stays the same number, rounded to a float at most.
//!
//! Integers become any type of integer that holds them and any type of float, a float of 32 bits becomes one of 64
//! and the other way round, rounded to nearest. A vector of one element stands for a scalar. An empty array
//! has no elements of a wrong type.

use crate::{
    buffer::{Buffer, Element},
    error::{ArgumentError, ArgumentFault},
    spec::{ElementType, Literal, Parameter, ValueType},
    value::{Array, Data, Scalar, Value},
};

/// Returns `value` in the type of `parameter`.
///
/// # Errors
///
/// [`ArgumentError`] at `path` if the value has another number of dimensions or elements of another kind, or
/// an element does not fit.
pub(crate) fn convert(
    parameter: &Parameter,
    path: &str,
    value: Value,
) -> Result<Value, ArgumentError> {
    let expected = parameter.value_type;
    let given = value.value_type();
    if given == expected {
        return Ok(value);
    }
    let misfit = || wrong_type(expected, given).at(path.to_owned());
    match value {
        Value::Scalar(scalar) if expected.rank == 0 => {
            let converted =
                convert_scalar(&scalar, expected).map_err(|fault| fault.at(path.to_owned()))?;
            Ok(Value::Scalar(converted))
        }
        Value::Array(array) if expected.rank == 0 && array.data().len() == 1 => {
            let only = Value::Scalar(first(array.data()));
            convert(parameter, path, only)
        }
        Value::Array(array) if given.rank == expected.rank => {
            let (data, shape) = array.into_parts();
            let data = convert_data(data, expected, path)?;
            Ok(Value::Array(Array::new(data, shape)))
        }
        Value::Scalar(_) | Value::Array(_) => Err(misfit()),
    }
}

fn wrong_type(expected: ValueType, given: ValueType) -> ArgumentFault {
    let given = (given.element != expected.element).then_some(given.element);
    ArgumentFault::WrongType { expected, given }
}

fn convert_scalar(scalar: &Scalar, expected: ValueType) -> Result<Scalar, ArgumentFault> {
    let element = expected.element;
    let integer = match *scalar {
        Scalar::UInt8(number) => Some(i64::from(number)),
        Scalar::Int32(number) => Some(i64::from(number)),
        Scalar::Int64(number) => Some(number),
        _ => None,
    };
    Ok(match (element, scalar, integer) {
        (ElementType::Float64, _, Some(number)) => Scalar::Float64(number as f64),
        (ElementType::Float32, _, Some(number)) => Scalar::Float32(number as f32),
        (ElementType::Float64, Scalar::Float32(number), _) => Scalar::Float64((*number).into()),
        (ElementType::Float32, Scalar::Float64(number), _) => Scalar::Float32(narrow(*number)?),
        (ElementType::UInt8, _, Some(number)) => Scalar::UInt8(fit(number)?),
        (ElementType::Int32, _, Some(number)) => Scalar::Int32(fit(number)?),
        (ElementType::Int64, _, Some(number)) => Scalar::Int64(number),
        _ => return Err(wrong_type(expected, ValueType::scalar(scalar.element()))),
    })
}

fn convert_data(data: Data, expected: ValueType, path: &str) -> Result<Data, ArgumentError> {
    let given = data.element();
    if given == expected.element {
        return Ok(data);
    }
    if data.is_empty() {
        let empty = Data::from_bytes(expected.element, bytes::Bytes::new());
        return Ok(empty
            .ok()
            .flatten()
            .expect("no bytes are no elements of any array"));
    }
    let misfit = || {
        wrong_type(
            expected,
            ValueType {
                element: given,
                ..expected
            },
        )
        .at(path.to_owned())
    };
    match expected.element {
        ElementType::Float64 => match data {
            Data::UInt8(x) => Ok(each(&x, f64::from)),
            Data::Int32(x) => Ok(each(&x, f64::from)),
            Data::Int64(x) => Ok(each(&x, |x| x as f64)),
            Data::Float32(x) => Ok(each(&x, f64::from)),
            _ => Err(misfit()),
        },
        ElementType::Float32 => match data {
            Data::UInt8(x) => Ok(each(&x, f32::from)),
            Data::Int32(x) => Ok(each(&x, |x| x as f32)),
            Data::Int64(x) => Ok(each(&x, |x| x as f32)),
            Data::Float64(x) => try_each(&x, path, narrow),
            _ => Err(misfit()),
        },
        ElementType::UInt8 => match integers(data) {
            Some(x) => try_each(&x, path, fit::<u8>),
            None => Err(misfit()),
        },
        ElementType::Int32 => match integers(data) {
            Some(x) => try_each(&x, path, fit::<i32>),
            None => Err(misfit()),
        },
        ElementType::Int64 => match integers(data) {
            Some(x) => Ok(Data::Int64(x)),
            None => Err(misfit()),
        },
        ElementType::Bool | ElementType::String => Err(misfit()),
    }
}

fn integers(data: Data) -> Option<Buffer<i64>> {
    match data {
        Data::UInt8(x) => Some(
            x.as_slice()
                .iter()
                .map(|x| i64::from(*x))
                .collect::<Vec<_>>()
                .into(),
        ),
        Data::Int32(x) => Some(
            x.as_slice()
                .iter()
                .map(|x| i64::from(*x))
                .collect::<Vec<_>>()
                .into(),
        ),
        Data::Int64(x) => Some(x),
        _ => None,
    }
}

fn each<A: Element, B: Element>(from: &Buffer<A>, convert: impl Fn(A) -> B) -> Data {
    let converted: Vec<B> = from.as_slice().iter().map(|x| convert(*x)).collect();
    B::into_data(converted.into())
}

fn try_each<A: Element, B: Element>(
    from: &Buffer<A>,
    path: &str,
    convert: impl Fn(A) -> Result<B, ArgumentFault>,
) -> Result<Data, ArgumentError> {
    let elements = from.as_slice().iter().enumerate();
    let converted: Vec<B> = elements
        .map(|(index, x)| convert(*x).map_err(|fault| fault.at(format!("{path}[{index}]"))))
        .collect::<Result<_, _>>()?;
    Ok(B::into_data(converted.into()))
}

/// Returns an integer in a narrower type.
fn fit<T: TryFrom<i64> + Element>(number: i64) -> Result<T, ArgumentFault> {
    T::try_from(number).map_err(|_| {
        let (minimum, maximum) = T::TYPE.integer_range().expect("an integer type");
        let (minimum, maximum) = (Literal::Int(minimum), Literal::Int(maximum));
        if number < 0 {
            ArgumentFault::TooSmall { minimum }
        } else {
            ArgumentFault::TooLarge { maximum }
        }
    })
}

/// Returns the nearest 32-bit float, unless that is infinite and the number is not.
fn narrow(number: f64) -> Result<f32, ArgumentFault> {
    let narrowed = number as f32;
    if number.is_finite() && !narrowed.is_finite() {
        let maximum = Literal::Float(f64::from(f32::MAX).copysign(number));
        return Err(if number < 0.0 {
            ArgumentFault::TooSmall { minimum: maximum }
        } else {
            ArgumentFault::TooLarge { maximum }
        });
    }
    Ok(narrowed)
}

fn first(data: &Data) -> Scalar {
    match data {
        Data::Bool(x) => Scalar::Bool(x.as_slice()[0]),
        Data::UInt8(x) => Scalar::UInt8(x.as_slice()[0]),
        Data::Int32(x) => Scalar::Int32(x.as_slice()[0]),
        Data::Int64(x) => Scalar::Int64(x.as_slice()[0]),
        Data::Float32(x) => Scalar::Float32(x.as_slice()[0]),
        Data::Float64(x) => Scalar::Float64(x.as_slice()[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(value_type: ValueType, value: Value) -> Result<Value, String> {
        let parameter = Parameter {
            name: "x",
            documentation: "",
            value_type,
            choices: &[],
            default: None,
            minimum: None,
            maximum: None,
            variadic: false,
        };
        convert(&parameter, "x", value).map_err(|error| error.to_string())
    }

    #[test]
    fn converts_what_loses_nothing() {
        let integers = || Value::vector(vec![1_i64, 2]);
        let floats = ValueType::vector(ElementType::Float64);
        assert_eq!(to(floats, integers()), Ok(Value::vector(vec![1.0, 2.0])));
        let narrow = ValueType::vector(ElementType::UInt8);
        assert_eq!(to(narrow, integers()), Ok(Value::vector(vec![1_u8, 2])));
        let scalar = ValueType::scalar(ElementType::Int32);
        let one = Value::vector(vec![7_i64]);
        assert_eq!(to(scalar, one), Ok(Value::Scalar(Scalar::Int32(7))));
        let empty = Value::vector(Vec::<f64>::new());
        assert_eq!(to(narrow, empty), Ok(Value::vector(Vec::<u8>::new())));
    }

    #[test]
    fn refuses_what_loses_something_and_names_it() {
        let narrow = ValueType::vector(ElementType::UInt8);
        let refused = to(narrow, Value::vector(vec![1_i64, 256])).expect_err("256");
        assert_eq!(refused, "x[1]: Input should be less than or equal to 255");
        let integers = ValueType::vector(ElementType::Int64);
        let refused = to(integers, Value::vector(vec![1.0])).expect_err("floats");
        assert_eq!(
            refused,
            "x: Input should be a valid list of integers, not of float64"
        );
        let refused = to(integers, Value::vector(vec![true])).expect_err("booleans");
        assert!(refused.ends_with("not of bool"), "{refused}");
        let matrix = ValueType::matrix(ElementType::Int64);
        assert!(to(matrix, Value::vector(vec![1_i64, 2])).is_err());
        let single = ValueType::scalar(ElementType::Float32);
        assert!(to(single, Value::Scalar(Scalar::Float64(1e300))).is_err());
        let infinite = to(single, Value::Scalar(Scalar::Float64(f64::INFINITY)));
        assert_eq!(infinite, Ok(Value::Scalar(Scalar::Float32(f32::INFINITY))));
    }
}
