//! How values travel.
//!
//! | module | form |
//! |---|---|
//! | [`json`] | objects of arguments and results, for HTTP bodies |
//! | [`structs`] | the same as `google.protobuf.Struct`, for people |
//! | [`arrays`] | the contract's own arrays, for programs |
//! | [`tensors`] | the tensors of the Open Inference Protocol |
//! | [`inference_json`] | the same in its REST form |
//! | [`shape`] | the shapes that callers give to any of these |

use bytes::{Bytes, BytesMut};

pub mod arrays;
pub mod inference_json;
pub mod json;
pub mod shape;
pub mod structs;
pub mod tensors;

/// Joins parts of one text; no copy is made of a single part.
pub fn joined(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut text = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in parts {
        text.extend_from_slice(&part);
    }
    text.freeze()
}
