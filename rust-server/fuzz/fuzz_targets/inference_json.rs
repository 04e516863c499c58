//! The REST form of the inference protocol, with binary data behind the JSON: arguments that are written as a response
//! are read as themselves when they are sent again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{image::images, input::Input, kernels, mirror::Mirror};
use offgil_kernels::{Arguments, KernelSpec, Scalar, Value};
use offgil_server::{
    codec::inference_json::{self, Body},
    error::Error,
};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

const VERSION: &str = "1";

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let spec = kernels::chosen(input.byte().into()).spec();
    let (form, number) = (input.byte() % 3, input.number());
    let bytes = Bytes::copy_from_slice(input.rest());
    let header_bytes = match form {
        0 => None,
        // Where the JSON might end.
        1 => bytes
            .windows(2)
            .position(|two| two == b"}\n")
            .map(|end| end + 1),
        _ => Some(number),
    };
    let body = Body {
        bytes,
        header_bytes,
    };

    let text = body.bytes.get(..header_bytes.unwrap_or(body.bytes.len()));
    let is_json = text.is_some_and(|text| serde_json::from_slice::<IgnoredAny>(text).is_ok());
    let read = inference_json::read(spec, &body);
    match &read {
        Ok(_) => assert!(is_json),
        Err(Error::Json { position, .. }) => assert!(*position <= body.bytes.len()),
        Err(Error::Argument { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let Ok((values, _)) = read else { return };
    let Ok(arguments) = Arguments::bind(spec, values) else {
        return;
    };
    kernels::check_arguments(spec, &arguments);
    let mirror = Mirror::of(spec);
    // The outputs that are asked for are other ones there.
    if let Ok((_, form)) = inference_json::read(mirror.spec, &body) {
        let results = mirror.results(&arguments);
        let written = inference_json::write(mirror.spec, VERSION, results, form);
        check_written(spec, &arguments, &written);
    }
});

fn check_written(spec: &'static KernelSpec, arguments: &Arguments, written: &Body) {
    let (values, _) =
        inference_json::read(spec, &request_of(written)).expect("it is what was written");
    let mut given = values;
    // Not all may have been asked for.
    for (parameter, value) in spec.parameters.iter().zip(arguments.values()) {
        let is_text = matches!(value, Value::Scalar(Scalar::String(_)));
        if !given.iter().any(|(name, _)| name == parameter.name) {
            given.push((parameter.name.to_owned(), value.clone()));
        } else {
            assert!(!is_text, "a text is no result");
        }
    }
    let again = Arguments::bind(spec, given).expect("they are the same arguments");
    let count = arguments.values().len();
    assert_eq!(images(&again)[..], images(arguments)[..count]);
}

/// Returns a request whose inputs are the outputs of a response.
fn request_of(response: &Body) -> Body {
    let header_bytes = response.header_bytes.unwrap_or(response.bytes.len());
    let mut json: Json = serde_json::from_slice(&response.bytes[..header_bytes]).expect("JSON");
    let outputs = json.get_mut("outputs").expect("outputs").take();
    let mut bytes = serde_json::to_vec(&serde_json::json!({ "inputs": outputs })).expect("JSON");
    let header_bytes = response.header_bytes.map(|_| bytes.len());
    bytes.extend_from_slice(
        &response.bytes[response.header_bytes.unwrap_or(response.bytes.len())..],
    );
    Body {
        bytes: bytes.into(),
        header_bytes,
    }
}
