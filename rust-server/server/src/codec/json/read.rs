//! Turns the members of an object into the values that a kernel's parameters ask for.

use std::{cell::Cell, fmt};

use offgil_kernels::{
    ArgumentError, ArgumentFault, ElementType, KernelSpec, Parameter, Value, ValueType, arguments,
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Strictness, integer::Integer, members::Members};

/// Bytes of text for one number, for a first guess at the length of a list: too short a guess costs a
/// copy, too long a guess costs memory.
const TYPICAL_NUMBER: usize = 8;

/// Reads the members that a kernel has parameters for.
///
/// # Errors
///
/// [`ArgumentError`] for the first member that is of a wrong type or, in strict reading, unknown or
/// repeated.
pub(super) fn values(
    spec: &KernelSpec,
    members: &Members<'_>,
    strictness: Strictness,
) -> Result<Vec<(&'static str, Value)>, ArgumentError> {
    let mut chosen: Vec<(&Parameter, &RawValue)> = Vec::with_capacity(spec.parameters.len());
    for (name, raw) in &members.0 {
        let parameter = spec.parameters.iter().find(|p| p.name == name);
        let earlier = chosen.iter_mut().find(|(p, _)| p.name == name);
        match (parameter, earlier, strictness) {
            (Some(parameter), None, _) => chosen.push((parameter, raw)),
            (Some(_), Some(earlier), Strictness::Lax) => earlier.1 = raw,
            (None, _, Strictness::Lax) => {}
            (Some(_), Some(_), Strictness::Strict) => {
                return Err(ArgumentFault::Repeated.at(name.clone()));
            }
            (None, _, Strictness::Strict) => return Err(arguments::unknown(spec).at(name.clone())),
        }
    }
    chosen
        .into_iter()
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

/// Returns the fault behind an error that serde raised itself, in text known to be well-formed.
fn unread(error: &serde_json::Error) -> ArgumentFault {
    if error.is_syntax() {
        // Of well-formed text serde refuses only numbers that no float can hold.
        ArgumentFault::NotFinite
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
