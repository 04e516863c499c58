//! Kernels, called in each of the forms of the contract, and what is refused before they run.

mod support;

use std::collections::HashMap;

use bytes::Bytes;
use offgil_server::proto::{
    Array, ElementType, InvokeRequest, InvokeStructRequest, ListKernelsRequest, NamedValue,
    inference::{
        InferParameter, InferTensorContents, ModelInferRequest, ModelStatisticsRequest,
        grpc_inference_service_client::GrpcInferenceServiceClient,
        infer_parameter::ParameterChoice, model_infer_request::InferInputTensor,
    },
    named_value,
};
use prost_types::{ListValue, Struct, Value, value::Kind};
use support::{TestServer, invoke, reason};
use tonic::Code;
use tonic_types::StatusExt;

fn packed(numbers: &[f64]) -> Bytes {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn array(element: ElementType, shape: &[u64], data: Bytes) -> named_value::Value {
    named_value::Value::Array(Array {
        element: element.into(),
        shape: shape.to_vec(),
        data,
    })
}

fn named(name: &str, value: named_value::Value) -> NamedValue {
    NamedValue {
        name: name.into(),
        value: Some(value),
    }
}

fn ema(arguments: Vec<NamedValue>) -> InvokeRequest {
    InvokeRequest {
        kernel: "ema".into(),
        arguments,
    }
}

#[tokio::test]
async fn arrays_go_in_and_come_out_as_bytes() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let x = array(ElementType::Float64, &[3], packed(&[1.0, 2.0, 4.0]));
    let request = ema(vec![
        named("alpha", named_value::Value::FloatValue(0.5)),
        named("x", x),
    ]);
    let response = client.invoke(request).await.expect("a result").into_inner();
    let result = array(ElementType::Float64, &[3], packed(&[1.0, 1.5, 2.75]));
    assert_eq!(response.results, [named("result", result)]);

    // Integers stand for floats.
    let integers: Bytes = [1_i32, 2].iter().flat_map(|x| x.to_le_bytes()).collect();
    let request = ema(vec![
        named("x", array(ElementType::Int32, &[2], integers)),
        named("alpha", named_value::Value::IntValue(1)),
    ]);
    let response = client.invoke(request).await.expect("a result").into_inner();
    let result = array(ElementType::Float64, &[2], packed(&[1.0, 2.0]));
    assert_eq!(response.results, [named("result", result)]);
    server.stop();
}

#[tokio::test]
async fn arrays_that_are_not_what_they_say_are_refused() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let one = || packed(&[1.0]);
    for (value, part) in [
        (array(ElementType::Float64, &[2], one()), "shape [2]"),
        (
            array(ElementType::Float64, &[1, 1, 1], one()),
            "2 dimensions",
        ),
        (array(ElementType::Float64, &[u64::MAX, 2], one()), "shape"),
        (
            array(ElementType::Float64, &[1, 1], one()),
            "list of numbers",
        ),
        (
            array(ElementType::Float64, &[1], one().slice(..7)),
            "multiple of 8",
        ),
        (
            array(ElementType::Bool, &[1], Bytes::from_static(&[2])),
            "0 or 1",
        ),
        (
            array(ElementType::Bool, &[1], Bytes::from_static(&[1])),
            "not of bool",
        ),
        (
            array(ElementType::String, &[0], Bytes::new()),
            "cannot have elements",
        ),
        (
            array(ElementType::Unspecified, &[0], Bytes::new()),
            "cannot have elements",
        ),
        (
            named_value::Value::StringValue("1".into()),
            "list of numbers",
        ),
    ] {
        let refused = client.invoke(ema(vec![named("x", value)])).await;
        let status = refused.expect_err(part);
        assert_eq!(
            reason(&status),
            (Code::InvalidArgument, "INVALID_ARGUMENT".into())
        );
        assert!(status.message().contains(part), "{part}: {status}");
        let details = status.get_error_details();
        let violations = &details
            .bad_request()
            .expect("a BadRequest")
            .field_violations;
        assert_eq!(violations[0].field, "x");
    }
    let unset = NamedValue {
        name: "x".into(),
        value: None,
    };
    let status = client.invoke(ema(vec![unset])).await.expect_err("not set");
    assert_eq!(status.code(), Code::InvalidArgument);
    server.stop();
}

#[tokio::test]
async fn a_struct_is_for_people() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let value = |kind| Value { kind: Some(kind) };
    let number = |x| value(Kind::NumberValue(x));
    let request = |a: Value, b: Value| InvokeStructRequest {
        kernel: "sum_squares".into(),
        arguments: Some(Struct {
            fields: [("a".to_owned(), a), ("b".to_owned(), b)].into(),
        }),
    };
    let digits = value(Kind::StringValue("3000000000".into()));
    let response = client.invoke_struct(request(number(3.0), digits)).await;
    let fields = response
        .expect("a result")
        .into_inner()
        .results
        .expect("results")
        .fields;
    assert_eq!(fields["a"], number(3.0));
    // Over 2⁵³, where floats have gaps.
    let exact = value(Kind::StringValue("9000000000000000009".into()));
    assert_eq!(fields["sum_of_squares"], exact);

    let list = value(Kind::ListValue(ListValue { values: vec![] }));
    for wrong in [number(0.5), list, value(Kind::NullValue(0))] {
        let refused = client.invoke_struct(request(wrong, number(1.0))).await;
        assert_eq!(
            refused.expect_err("it is no integer").code(),
            Code::InvalidArgument
        );
    }
    server.stop();
}

#[tokio::test]
async fn the_nearest_names_are_suggested() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let status = invoke(&mut client, "sum_squared", "{}")
        .await
        .expect_err("there is none");
    assert_eq!(status.code(), Code::NotFound);
    assert!(
        status.message().contains("did you mean sum_squares?"),
        "{status}"
    );
    let status = invoke(&mut client, "ema", r#"{"x":[],"alfa":1}"#)
        .await
        .expect_err("unknown");
    assert!(status.message().contains("did you mean alpha?"), "{status}");
    server.stop();
}

#[tokio::test]
async fn a_call_that_needs_too_much_memory_is_refused_before_it_starts() {
    let server = TestServer::with_flags(&["--max-call-memory=4KiB"]);
    let mut client = server.client().await;
    let x: Vec<f64> = vec![0.0; 10_000];
    let data = array(ElementType::Float64, &[10_000], packed(&x));
    let status = client
        .invoke(ema(vec![named("x", data)]))
        .await
        .expect_err("too much");
    assert_eq!(
        reason(&status),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into())
    );
    let details = status.get_error_details();
    let violations = &details
        .bad_request()
        .expect("a BadRequest")
        .field_violations;
    assert_eq!(violations[0].field, "x");
    assert_eq!(
        details.error_info().expect("an ErrorInfo").metadata["limit"],
        "4096"
    );
    assert!(details.retry_info().is_none());
    server.stop();
}

#[tokio::test]
async fn an_error_of_a_kernel_comes_back_with_its_message() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let failed = invoke(&mut client, "fails", r#"{"message":"the tape is torn"}"#).await;
    let status = failed.expect_err("it fails");
    assert_eq!(reason(&status), (Code::Internal, "KERNEL_FAILED".into()));
    assert_eq!(status.message(), "the tape is torn");
    server.stop();
}

#[tokio::test]
async fn models_take_tensors_and_parameters_and_are_counted() {
    let server = TestServer::start();
    let mut client = GrpcInferenceServiceClient::new(server.channel().await);
    let half = InferParameter {
        parameter_choice: Some(ParameterChoice::DoubleParam(0.5)),
    };
    let settings = InferParameter {
        parameter_choice: Some(ParameterChoice::BoolParam(true)),
    };
    let typed = InferTensorContents {
        fp64_contents: vec![1.0, 2.0],
        ..InferTensorContents::default()
    };
    let request = |contents: Option<InferTensorContents>, raw: Vec<Bytes>| ModelInferRequest {
        model_name: "ema".into(),
        id: "7".into(),
        parameters: HashMap::from([
            ("alpha".to_owned(), half.clone()),
            ("triton_setting".to_owned(), settings.clone()),
        ]),
        inputs: vec![InferInputTensor {
            name: "x".into(),
            datatype: "FP64".into(),
            shape: vec![2],
            contents,
            ..InferInputTensor::default()
        }],
        raw_input_contents: raw,
        ..ModelInferRequest::default()
    };
    let typed = client.model_infer(request(Some(typed), vec![])).await;
    let typed = typed.expect("a result").into_inner();
    let contents = typed.outputs[0]
        .contents
        .as_ref()
        .expect("typed as the request");
    assert_eq!(
        (&*typed.id, &contents.fp64_contents[..]),
        ("7", &[1.0, 1.5][..])
    );
    let raw = client
        .model_infer(request(None, vec![packed(&[1.0, 2.0])]))
        .await;
    let raw = raw.expect("a result").into_inner();
    assert_eq!(raw.raw_output_contents, [packed(&[1.0, 1.5])]);
    let refused = client.model_infer(request(None, vec![Bytes::new()])).await;
    assert_eq!(
        refused.expect_err("too few bytes").code(),
        Code::InvalidArgument
    );

    let request = ModelStatisticsRequest {
        name: "ema".into(),
        version: String::new(),
    };
    let statistics = client
        .model_statistics(request)
        .await
        .expect("an answer")
        .into_inner();
    let [ema] = &statistics.model_stats[..] else {
        panic!("one kernel was asked for");
    };
    let parts = ema.inference_stats.expect("statistics");
    let counts = (ema.inference_count, parts.fail.expect("a total").count);
    assert_eq!(counts, (2, 1));
    assert!(parts.compute_infer.expect("a total").ns > 0);
    server.stop();
}

#[tokio::test]
async fn the_catalogue_tells_all_of_a_parameter() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let response = client
        .list_kernels(ListKernelsRequest {})
        .await
        .expect("a list");
    let kernels = response.into_inner().kernels;
    let ema = kernels
        .iter()
        .find(|kernel| kernel.name == "ema")
        .expect("built in");
    let alpha = &ema.parameters[1];
    assert_eq!(alpha.default_json.as_deref(), Some("0.3"));
    assert_eq!(alpha.minimum_json.as_deref(), Some("0.0"));
    assert!(serde_json::from_str::<serde_json::Value>(&ema.example_json).is_ok());
    server.stop();
}
