//! Cuts a JSON object into its members, and checks the syntax of the whole text on the way.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::Error;

/// The members of an object, in order, with their values as text.
#[derive(Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

/// Cuts `text` into the members of the object that it is.
///
/// # Errors
///
/// [`Error::Json`] if the text is not well-formed, [`Error::Argument`] if it is no object.
pub(super) fn split(text: &[u8]) -> Result<Members<'_>, Error> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        return serde_json::from_slice(text).map_err(|error| malformed(text, &error));
    }
    serde_json::from_slice::<IgnoredAny>(text).map_err(|error| malformed(text, &error))?;
    let message = "Input should be a valid dictionary or object to extract fields from";
    Err(Error::field("", "model_attributes_type", message))
}

fn malformed(text: &[u8], error: &serde_json::Error) -> Error {
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

// === impl Members ===

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
