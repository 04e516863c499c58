//! Picks the members of a JSON object that a kernel asks for, and checks the syntax of the whole text on the
//! way. What is not asked for is passed over and takes no memory.

use std::fmt;

use offgil_kernels::{
    ArgumentError, ArgumentFault, KernelSpec,
    arguments::{self, MOST_NAMED},
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Reading, Strictness};
use crate::error::Error;

/// Bytes of a member's name that an error repeats.
const LONGEST_NAME: usize = 64;

/// The text of arguments.
#[derive(Debug, Default)]
pub(super) struct Picked<'a> {
    /// For each parameter that is not variadic.
    pub(super) fixed: Vec<Option<&'a RawValue>>,
    /// For the variadic parameter, with the names that the caller chose.
    pub(super) named: Vec<(String, &'a RawValue)>,
}

/// Picks, for each parameter of a kernel, the text of its argument in the object that `text` is.
///
/// # Errors
///
/// [`Error::Json`] if the text is not well-formed, [`Error::Argument`] if it is no object, has too many members or, in
/// strict reading, one that is unknown or repeated.
pub(super) fn pick<'a>(
    spec: &KernelSpec,
    text: &'a [u8],
    strictness: Strictness,
) -> Result<Picked<'a>, Error> {
    // At once for all of it, since what is passed over is not looked at so closely.
    let text = str::from_utf8(text).map_err(|error| Error::Json {
        position: error.valid_up_to(),
        message: "invalid UTF-8".to_owned(),
    })?;
    check_object(text.as_bytes())?;
    let members = Members { spec, strictness };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let picked = members
        .deserialize(&mut deserializer)
        .and_then(|picked| deserializer.end().map(|()| picked))
        .map_err(|error| malformed(text.as_bytes(), &error))?;
    Ok(picked?)
}

/// Checks that a text is an object if it is well-formed JSON at all.
///
/// # Errors
///
/// [`Error::Json`] if it is not well-formed and no object either, [`Error::Argument`] if it is of another kind.
pub fn check_object(text: &[u8]) -> Result<(), Error> {
    if text.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(text).map_err(|error| malformed(text, &error))?;
    let message = "Input should be a valid dictionary or object to extract fields from";
    Err(Error::field("", "model_attributes_type", message))
}

/// Returns the error of a text that is not well-formed.
pub fn malformed(text: &[u8], error: &serde_json::Error) -> Error {
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    Error::Json {
        position: position(text, error),
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

/// Reads the name of a member.
struct Name<'s> {
    spec: &'s KernelSpec,
    /// Whether a name that is unknown is to be explained, which takes time.
    explains: bool,
}

/// What a member is for.
enum Member {
    /// For the parameter at a position.
    Parameter(usize),
    /// For the variadic parameter.
    Named(String),
    /// For nothing, and why if that is wanted.
    Unknown(Option<ArgumentError>),
}

// === impl Members ===

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Result<Picked<'de>, ArgumentError>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Result<Picked<'de>, ArgumentError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { spec, strictness } = self;
        let mut picked = Picked {
            fixed: vec![None; spec.parameters.len() - usize::from(spec.variadic().is_some())],
            named: vec![],
        };
        let is_strict = strictness.members == Reading::Strict;
        let mut misplaced = None;
        loop {
            let explains = is_strict && misplaced.is_none();
            let Some(member) = map.next_key_seed(Name { spec, explains })? else {
                break;
            };
            let fault = match member {
                Member::Parameter(position) => {
                    let earlier = picked.fixed[position].replace(map.next_value()?);
                    earlier.map(|_| ArgumentFault::Repeated.at(spec.parameters[position].name))
                }
                Member::Named(name) if picked.named.len() == MOST_NAMED => {
                    map.next_value::<IgnoredAny>()?;
                    let fault = ArgumentFault::TooMany { most: MOST_NAMED }.at(name);
                    misplaced = misplaced.or(Some(fault));
                    None
                }
                Member::Named(name) => {
                    let value = map.next_value()?;
                    picked.put_named(name, value)
                }
                Member::Unknown(fault) => {
                    map.next_value::<IgnoredAny>()?;
                    fault
                }
            };
            if is_strict {
                misplaced = misplaced.or(fault);
            }
        }
        Ok(misplaced.map_or(Ok(picked), Err))
    }
}

// === impl Picked ===

impl<'a> Picked<'a> {
    /// Keeps the argument of a variadic parameter; returns the fault if it is not the first of its name.
    fn put_named(&mut self, name: String, value: &'a RawValue) -> Option<ArgumentError> {
        match self.named.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some(earlier) => {
                earlier.1 = value;
                Some(ArgumentFault::Repeated.at(name))
            }
            None => {
                self.named.push((name, value));
                None
            }
        }
    }
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let Self { spec, explains } = self;
        Ok(match spec.parameter(name) {
            Some((position, _)) => Member::Parameter(position),
            None if spec.variadic().is_some() => Member::Named(name.to_owned()),
            None => Member::Unknown(explains.then(|| {
                let beginning = &name[..name.floor_char_boundary(LONGEST_NAME)];
                arguments::unknown(spec, name).at(beginning.to_owned())
            })),
        })
    }
}
