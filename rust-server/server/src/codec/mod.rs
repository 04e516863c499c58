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

pub mod arrays;
pub mod inference_json;
pub mod json;
pub mod shape;
pub mod structs;
pub mod tensors;
