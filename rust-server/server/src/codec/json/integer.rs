//! What counts as an integer in JSON, strictly and as pydantic's lax mode has it.

use std::{cell::Cell, fmt};

use offgil_kernels::{ArgumentFault, ElementType, Literal, ValueType};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::Reading;

/// 2⁶³, the least float over every signed 64-bit integer.
const OVER_MAXIMUM: f64 = 9_223_372_036_854_775_808.0;
const TOO_LARGE: ArgumentFault = ArgumentFault::TooLarge {
    maximum: Literal::Int(i64::MAX),
};
const TOO_SMALL: ArgumentFault = ArgumentFault::TooSmall {
    minimum: Literal::Int(i64::MIN),
};

/// Reads one integer, and notes its fault if it has one.
#[derive(Clone, Copy)]
pub(super) struct Integer<'a> {
    pub(super) reading: Reading,
    pub(super) fault: &'a Cell<Option<ArgumentFault>>,
}

// === impl Integer ===

impl Integer<'_> {
    fn refuse<E: Error>(&self, fault: ArgumentFault) -> Result<i64, E> {
        self.fault.set(Some(fault));
        Err(E::custom("refused"))
    }

    fn wrong_type<E: Error>(&self) -> Result<i64, E> {
        self.refuse(ArgumentFault::WrongType {
            expected: ValueType::scalar(ElementType::Int64),
            given: None,
        })
    }

    /// Returns `number` where reading is lax, else the error of a wrong type.
    fn if_lax<E: Error>(&self, number: i64) -> Result<i64, E> {
        match self.reading {
            Reading::Lax => Ok(number),
            Reading::Strict => self.wrong_type(),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Integer<'_> {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Integer<'_> {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        match i64::try_from(number) {
            Ok(number) => Ok(number),
            Err(_) => self.refuse(TOO_LARGE),
        }
    }

    /// Comes for a number with a fraction part or an exponent, for an integer beyond 64 bits, and for
    /// `-0`.
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() != 0.0 {
            self.refuse(ArgumentFault::Fraction)
        } else if number >= OVER_MAXIMUM {
            self.refuse(TOO_LARGE)
        } else if number <= -OVER_MAXIMUM {
            // −2⁶³ itself comes here only as what a smaller integer was rounded to, or as a float.
            self.refuse(TOO_SMALL)
        } else if number == 0.0 && number.is_sign_negative() {
            Ok(0)
        } else {
            self.if_lax(number as i64)
        }
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<i64, E> {
        self.if_lax(truth.into())
    }

    /// Accepts plain digits only; of the other forms that pydantic knows the caller may ask pydantic.
    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        if self.reading == Reading::Strict {
            return self.wrong_type();
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Ok(number),
            _ => self.refuse(ArgumentFault::UnparsableInteger),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<i64, E> {
        self.wrong_type()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<i64, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        self.wrong_type()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<i64, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.wrong_type()
    }
}
