//! What counts as a floating-point number, a truth and a text in JSON.
//!
//! JSON has no NaN and no infinities; they are the strings that protobuf and pydantic use for them.

use std::{cell::Cell, fmt};

use offgil_kernels::{ArgumentFault, ElementType, ValueType};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Where a reader notes what is wrong.
pub(super) type Fault = Cell<Option<ArgumentFault>>;

/// How the floats that JSON has no numbers for are written.
pub(super) const NOT_FINITE: [(&str, f64); 3] = [
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

/// Reads one floating-point number.
#[derive(Clone, Copy)]
pub(super) struct Float<'a>(pub(super) &'a Fault);

/// Reads one truth.
#[derive(Clone, Copy)]
pub(super) struct Truth<'a>(pub(super) &'a Fault);

/// Reads one text.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a Fault);

/// What is common to the readers here: all but the right kind of value is of a wrong type.
macro_rules! reader {
    ($reader:ident, $value:ty, $element:ident, { $($visit:item)* }) => {
        impl<'de> DeserializeSeed<'de> for $reader<'_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $reader<'_> {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a {}", ValueType::scalar(ElementType::$element))
            }

            fn visit_unit<E: Error>(self) -> Result<$value, E> {
                refuse(self.0, ElementType::$element)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<$value, A::Error> {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                refuse(self.0, ElementType::$element)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<$value, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                refuse(self.0, ElementType::$element)
            }

            $($visit)*
        }
    };
}

reader!(Float, f64, Float64, {
    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<f64, E> {
        refuse(self.0, ElementType::Float64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match NOT_FINITE.iter().find(|(name, _)| *name == text) {
            Some((_, number)) => Ok(*number),
            None => refuse(self.0, ElementType::Float64),
        }
    }
});

reader!(Truth, bool, Bool, {
    fn visit_bool<E: Error>(self, truth: bool) -> Result<bool, E> {
        Ok(truth)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        refuse(self.0, ElementType::Bool)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        refuse(self.0, ElementType::Bool)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        refuse(self.0, ElementType::Bool)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        refuse(self.0, ElementType::Bool)
    }
});

reader!(Text, String, String, {
    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<String, E> {
        refuse(self.0, ElementType::String)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        refuse(self.0, ElementType::String)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
        refuse(self.0, ElementType::String)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
        refuse(self.0, ElementType::String)
    }
});

fn refuse<T, E: Error>(fault: &Fault, element: ElementType) -> Result<T, E> {
    fault.set(Some(ArgumentFault::WrongType {
        expected: ValueType::scalar(element),
        given: None,
    }));
    Err(E::custom("refused"))
}
