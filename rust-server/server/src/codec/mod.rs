//! How values travel: packed numbers for programs, JSON for HTTP bodies.

pub mod json;
pub mod packed;
