//! `ModelInferRequest`: tensors are read as what they say or refused, and arguments that are written as tensors, raw
//! or typed, are read as themselves.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{image::images, kernels, mirror::Mirror};
use offgil_kernels::{Arguments, KernelSpec};
use offgil_server::{
    codec::tensors,
    error::Error,
    proto::inference::{
        InferTensorContents, ModelInferRequest, ModelInferResponse,
        model_infer_request::InferInputTensor,
    },
};
use prost::Message;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = ModelInferRequest::decode(Bytes::copy_from_slice(data)) else {
        return;
    };
    let spec = kernels::named(&request.model_name).spec();
    let outputs = request.outputs.iter().map(|output| output.name.as_str());
    if let Ok(mut wanted) = tensors::wanted(spec, outputs) {
        wanted.sort_unstable();
        wanted.dedup();
        let asked = request.outputs.len();
        assert_eq!(
            wanted.len(),
            if asked > 0 { asked } else { spec.results.len() }
        );
        assert!(wanted.iter().all(|position| *position < spec.results.len()));
    }
    let values = match tensors::read(spec, request) {
        Ok(values) => values,
        Err(Error::Argument { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let Ok(arguments) = Arguments::bind(spec, values) else {
        return;
    };
    kernels::check_arguments(spec, &arguments);
    for is_typed in [false, true] {
        check_written(spec, &arguments, is_typed);
    }
});

fn check_written(spec: &'static KernelSpec, arguments: &Arguments, is_typed: bool) {
    let mirror = Mirror::of(spec);
    let wanted = tensors::wanted(mirror.spec, [].into_iter()).expect("all are wanted");
    let response = tensors::write(mirror.spec, mirror.results(arguments), &wanted, is_typed);
    let mut request = request_of(response);
    for (name, text) in mirror.texts(arguments) {
        add_text(&mut request, name, text, is_typed);
    }
    let bytes = request.encode_to_vec();
    let request = ModelInferRequest::decode(Bytes::from(bytes)).expect("it was encoded");
    let is_any_typed = request.inputs.iter().any(|input| input.contents.is_some());
    assert_eq!(tensors::is_typed(&request), is_typed && is_any_typed);
    let again = tensors::read(spec, request).expect("it is what was written");
    let again = Arguments::bind(spec, again).expect("they are the same arguments");
    // Those of a variadic parameter are no results.
    let count = arguments.values().len();
    assert_eq!(images(&again)[..], images(arguments)[..count]);
}

/// Returns a request whose inputs are the outputs of a response.
fn request_of(response: ModelInferResponse) -> ModelInferRequest {
    let inputs = response.outputs.into_iter().map(|output| InferInputTensor {
        name: output.name,
        datatype: output.datatype,
        shape: output.shape,
        parameters: output.parameters,
        contents: output.contents,
    });
    ModelInferRequest {
        inputs: inputs.collect(),
        raw_input_contents: response.raw_output_contents,
        ..ModelInferRequest::default()
    }
}

fn add_text(request: &mut ModelInferRequest, name: &str, text: &str, is_typed: bool) {
    let contents = is_typed.then(|| InferTensorContents {
        bytes_contents: vec![Bytes::copy_from_slice(text.as_bytes())],
        ..InferTensorContents::default()
    });
    if !is_typed {
        let mut packed = (text.len() as u32).to_le_bytes().to_vec();
        packed.extend_from_slice(text.as_bytes());
        request.raw_input_contents.push(packed.into());
    }
    request.inputs.push(InferInputTensor {
        name: name.to_owned(),
        datatype: "BYTES".to_owned(),
        shape: vec![1],
        contents,
        ..InferInputTensor::default()
    });
}
