//! Turns the members of an object into the values that a kernel's parameters ask for.

use std::{cell::Cell, fmt};

use offgil_kernels::{
    ArgumentError, ArgumentFault, ElementType, KernelSpec, Parameter, Value, ValueType,
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Strictness, integer::Integer};

/// Bytes of text for one number, for a first guess at the length of a list: too short a guess costs a
/// copy, too long a guess costs memory.
const TYPICAL_NUMBER: usize = 8;

/// Reads the arguments of a kernel from the members that were picked for its parameters.
///
/// # Errors
///
/// [`ArgumentError`] for the first parameter whose argument is of a wrong type.
pub(super) fn values(
    spec: &KernelSpec,
    picked: &[Option<&RawValue>],
    strictness: Strictness,
) -> Result<Vec<(&'static str, Value)>, ArgumentError> {
    let given = spec.parameters.iter().zip(picked);
    given
        .filter_map(|(parameter, raw)| Some((parameter, (*raw)?)))
        .map(|(parameter, raw)| Ok((parameter.name, value(parameter, raw, strictness)?)))
        .collect()
}

fn value(
    parameter: &Parameter,
    raw: &RawValue,
    strictness: Strictness,
) -> Result<Value, ArgumentError> {
    let ValueType { element, rank } = parameter.value_type;
    match (element, rank) {
        (ElementType::Int64, 0) => integer(parameter, raw, strictness),
        (ElementType::Int64, _) => integers(parameter, raw, strictness),
    }
}

fn integer(
    parameter: &Parameter,
    raw: &RawValue,
    strictness: Strictness,
) -> Result<Value, ArgumentError> {
    let fault = Cell::new(None);
    let number = Integer {
        strictness,
        fault: &fault,
    };
    let read = number.deserialize(raw);
    read.map(Value::Int64).map_err(|error| {
        let fault = fault.take().unwrap_or_else(|| unread(&error));
        fault.at(parameter.name)
    })
}

fn integers(
    parameter: &Parameter,
    raw: &RawValue,
    strictness: Strictness,
) -> Result<Value, ArgumentError> {
    let list = Integers {
        strictness,
        guess: raw.get().len() / TYPICAL_NUMBER,
        fault: Cell::new(None),
        index: Cell::new(None),
    };
    let read = raw.deserialize_seq(&list);
    read.map(Value::Int64Vector)
        .map_err(|error| match list.index.get() {
            Some(index) => {
                let fault = list.fault.take().unwrap_or_else(|| unread(&error));
                fault.at(format!("{}[{index}]", parameter.name))
            }
            None => ArgumentFault::WrongType {
                expected: parameter.value_type,
            }
            .at(parameter.name),
        })
}

/// Returns the fault behind an error that serde raised itself, in text whose syntax is known to be sound: a
/// number that no float can hold, or a string whose escapes are no text.
fn unread(error: &serde_json::Error) -> ArgumentFault {
    if error.to_string().starts_with("number out of range") {
        ArgumentFault::NotFinite
    } else if error.is_syntax() {
        ArgumentFault::UnparsableInteger
    } else {
        ArgumentFault::WrongType {
            expected: ValueType::INT64,
        }
    }
}

/// Reads a list of integers, and notes which element is at fault.
struct Integers {
    strictness: Strictness,
    guess: usize,
    fault: Cell<Option<ArgumentFault>>,
    index: Cell<Option<usize>>,
}

impl<'de> Visitor<'de> for &Integers {
    type Value = Vec<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of integers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<i64>, A::Error> {
        let mut numbers = Vec::with_capacity(self.guess);
        loop {
            let element = Integer {
                strictness: self.strictness,
                fault: &self.fault,
            };
            match elements.next_element_seed(element) {
                Ok(Some(number)) => numbers.push(number),
                Ok(None) => return Ok(numbers),
                Err(error) => {
                    self.index.set(Some(numbers.len()));
                    return Err(error);
                }
            }
        }
    }
}
