//! Many tiny calls in one message: each has its own outcome.

mod support;

use offgil_server::proto::{
    InvokeBatchRequest, InvokeOutcome, InvokeRequest, NamedValue, invoke_outcome::Outcome,
    named_value::Value,
};
use prost::Message;
use support::TestServer;
use tonic::Code;
use tonic_types::pb::Status;

fn call(kernel: &str, arguments: &[(&str, i64)]) -> InvokeRequest {
    let named = |(name, value): &(&str, i64)| NamedValue {
        name: (*name).into(),
        value: Some(Value::IntValue(*value)),
    };
    InvokeRequest {
        kernel: kernel.into(),
        arguments: arguments.iter().map(named).collect(),
    }
}

async fn batch(server: &TestServer, calls: Vec<InvokeRequest>) -> Vec<InvokeOutcome> {
    let mut client = server.client().await;
    let response = client.invoke_batch(InvokeBatchRequest { calls }).await;
    response.expect("an outcome for each").into_inner().outcomes
}

fn sum(outcome: &InvokeOutcome) -> i64 {
    match &outcome.outcome {
        Some(Outcome::Response(response)) => match response.results[..] {
            [
                ..,
                NamedValue {
                    value: Some(Value::IntValue(sum)),
                    ..
                },
            ] => sum,
            _ => panic!("a sum is expected: {response:?}"),
        },
        other => panic!("a response is expected: {other:?}"),
    }
}

fn status(outcome: &InvokeOutcome) -> Status {
    match &outcome.outcome {
        Some(Outcome::Status(status)) => Status::decode(&status[..]).expect("a status"),
        other => panic!("an error is expected: {other:?}"),
    }
}

#[tokio::test]
async fn each_call_has_its_result_or_its_error() {
    let server = TestServer::start();
    let outcomes = batch(
        &server,
        vec![
            call("sum_squares", &[("a", 3), ("b", 4)]),
            call("sum_squares", &[("a", i64::MAX), ("b", 0)]),
            call("sum_squares", &[("a", 1)]),
            call("sum_square", &[]),
            call("panics", &[]),
            call("sum_squares", &[("a", 5), ("b", 12)]),
        ],
    )
    .await;
    assert_eq!((sum(&outcomes[0]), sum(&outcomes[5])), (25, 169));
    let codes = [
        Code::OutOfRange,
        Code::InvalidArgument,
        Code::NotFound,
        Code::Internal,
    ];
    for (outcome, code) in outcomes[1..5].iter().zip(codes) {
        let status = status(outcome);
        assert_eq!(Code::from(status.code), code, "{status:?}");
        assert!(!status.details.is_empty());
    }
}

#[tokio::test]
async fn a_call_that_is_not_tiny_is_declined() {
    let server = TestServer::start();
    let tiny = call("sum_squares", &[("a", 3), ("b", 4)]);
    // One says that it takes long, the other does not say how long it takes.
    let outcomes = batch(
        &server,
        vec![call("block", &[]), call("understated", &[]), tiny],
    )
    .await;
    for outcome in &outcomes[..2] {
        assert_eq!(outcome.outcome, Some(Outcome::Declined(true)));
    }
    assert_eq!(sum(&outcomes[2]), 25);
}

#[tokio::test]
async fn too_many_calls_are_refused() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let calls = vec![call("sum_squares", &[("a", 3), ("b", 4)]); 1025];
    let refused = client.invoke_batch(InvokeBatchRequest { calls }).await;
    let status = refused.expect_err("there are too many");
    assert_eq!(status.code(), Code::InvalidArgument);
}
