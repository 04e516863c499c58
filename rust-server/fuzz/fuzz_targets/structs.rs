//! `InvokeStructRequest`: every `Struct` is a JSON object, and arguments that are given back as a `Struct` are read
//! as themselves.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{image::image, kernels, mirror::Mirror};
use offgil_server::{
    codec::{
        json::{Strictness, read_arguments},
        structs,
    },
    error::Error,
    proto::InvokeStructRequest,
};
use prost::Message;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = InvokeStructRequest::decode(Bytes::copy_from_slice(data)) else {
        return;
    };
    let spec = kernels::named(&request.kernel).spec();
    let object = request.arguments.unwrap_or_default();
    let members = object.fields.len();
    let text = structs::to_json(object);
    let parsed: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&text).expect("a JSON object");
    assert_eq!(parsed.len(), members);

    let arguments = match read_arguments(spec, &text, Strictness::DIGITS) {
        Ok(arguments) => arguments,
        Err(Error::Argument { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    kernels::check_arguments(spec, &arguments);
    let mirror = Mirror::of(spec);
    let results = mirror.results(&arguments);
    let text = structs::to_json(structs::from_results(mirror.spec, &results));
    let again =
        read_arguments(mirror.spec, &text, Strictness::DIGITS).expect("it is what was given back");
    for (again, result) in again.values().iter().zip(&results) {
        assert_eq!(image(again), image(result));
    }
});
