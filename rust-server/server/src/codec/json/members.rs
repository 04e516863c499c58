//! Picks the members of a JSON object that a kernel asks for, and checks the syntax of the whole text on the
//! way. What is not asked for is passed over and takes no memory.

use std::fmt;

use offgil_kernels::{ArgumentError, ArgumentFault, KernelSpec, arguments};
use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Strictness;
use crate::error::Error;

/// Bytes of a member's name that an error repeats.
const LONGEST_NAME: usize = 64;

/// Picks, for each parameter of a kernel, the text of its argument in the object that `text` is.
///
/// # Errors
///
/// [`Error::Json`] if the text is not well-formed, [`Error::Argument`] if it is no object or, in strict
/// reading, has a member that is unknown or repeated.
pub(super) fn pick<'a>(
    spec: &KernelSpec,
    text: &'a [u8],
    strictness: Strictness,
) -> Result<Vec<Option<&'a RawValue>>, Error> {
    // At once for all of it, since what is passed over is not looked at so closely.
    let text = str::from_utf8(text).map_err(|error| Error::Json {
        position: error.valid_up_to(),
        message: "invalid UTF-8".to_owned(),
    })?;
    if !text.trim_ascii_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(text, &error))?;
        let message = "Input should be a valid dictionary or object to extract fields from";
        return Err(Error::field("", "model_attributes_type", message));
    }
    let members = Members { spec, strictness };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let picked = members
        .deserialize(&mut deserializer)
        .and_then(|picked| deserializer.end().map(|()| picked))
        .map_err(|error| malformed(text, &error))?;
    Ok(picked?)
}

fn malformed(text: &str, error: &serde_json::Error) -> Error {
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    Error::Json {
        position: position(text.as_bytes(), error),
        message: message.to_owned(),
    }
}

/// Returns the byte offset of an error that is given by line and column, both from 1.
fn position(text: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        lines => text
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(lines - 1)
            .map_or(text.len(), |(index, _)| index + 1),
    };
    (line_start + error.column().saturating_sub(1)).min(text.len())
}

/// Reads an object to its end, also after a member that does not belong there: a syntax error behind it
/// comes first.
struct Members<'s> {
    spec: &'s KernelSpec,
    strictness: Strictness,
}

/// Reads the name of a member: the parameter it is for, or the beginning of the name if there is none.
struct Name<'s>(&'s KernelSpec);

// === impl Members ===

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Result<Vec<Option<&'de RawValue>>, ArgumentError>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Result<Vec<Option<&'de RawValue>>, ArgumentError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { spec, strictness } = self;
        let mut picked = vec![None; spec.parameters.len()];
        let mut misplaced = None;
        while let Some(name) = map.next_key_seed(Name(spec))? {
            let fault = match name {
                Ok(parameter) => {
                    let earlier = picked[parameter].replace(map.next_value()?);
                    earlier.map(|_| ArgumentFault::Repeated.at(spec.parameters[parameter].name))
                }
                Err(unknown) => {
                    map.next_value::<IgnoredAny>()?;
                    Some(unknown)
                }
            };
            if strictness == Strictness::Strict {
                misplaced = misplaced.or(fault);
            }
        }
        Ok(misplaced.map_or(Ok(picked), Err))
    }
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Result<usize, ArgumentError>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Result<usize, ArgumentError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let Self(spec) = self;
        let position = spec.parameters.iter().position(|p| p.name == name);
        Ok(position.ok_or_else(|| {
            let beginning = &name[..name.floor_char_boundary(LONGEST_NAME)];
            arguments::unknown(spec).at(beginning.to_owned())
        }))
    }
}
