//! The contract, generated from `proto/` at build time.
#![expect(
    clippy::allow_attributes,
    clippy::doc_lazy_continuation,
    reason = "generated code; its documentation is the comments of the proto files"
)]

include!(concat!(env!("OUT_DIR"), "/offgil.v1.rs"));

/// The Open Inference Protocol v2.
pub mod inference {
    include!(concat!(env!("OUT_DIR"), "/inference.rs"));
}

/// The descriptors of all proto files, encoded, with their comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
