//! Every error has a code, a reason and an end, also those that no handler of ours made.

mod support;

use offgil_server::proto::{ProcessNumbersRequest, SumSquaresRequest, SumSquaresResponse};
use support::{TestServer, invoke, reason};
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

async fn call_raw(
    server: &TestServer,
    path: &'static str,
    request: ProcessNumbersRequest,
) -> Result<SumSquaresResponse, Status> {
    let mut grpc = Grpc::new(server.channel().await);
    grpc.ready().await.expect("it is connected");
    let path = path.parse().expect("a path");
    let codec: ProstCodec<_, SumSquaresResponse> = ProstCodec::default();
    let response = grpc.unary(Request::new(request), path, codec).await?;
    Ok(response.into_inner())
}

#[tokio::test]
async fn an_unknown_method_or_service_is_unimplemented() {
    let server = TestServer::start();
    for path in [
        "/offgil.v1.ComputeService/Nothing",
        "/nobody.Service/Method",
    ] {
        let call = call_raw(&server, path, ProcessNumbersRequest::default()).await;
        let status = call.expect_err("there is no such method");
        assert_eq!(
            reason(&status),
            (Code::Unimplemented, "UNIMPLEMENTED".into())
        );
        assert!(status.message().contains(&path[1..]), "{status}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_are_an_invalid_argument() {
    let server = TestServer::start();
    // Field 1 is a list here and a number there.
    let request = ProcessNumbersRequest {
        numbers: vec![1, 2, 3],
        ..Default::default()
    };
    let call = call_raw(&server, "/offgil.v1.ComputeService/SumSquares", request).await;
    let status = call.expect_err("the bytes do not decode");
    assert_eq!(
        reason(&status),
        (Code::InvalidArgument, "INVALID_ARGUMENT".into())
    );
}

#[tokio::test]
async fn a_long_name_is_cut_so_that_the_error_arrives() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let name = "n".repeat(1_000_000);
    let call = invoke(&mut client, "sum_squares", &format!(r#"{{"{name}":1}}"#)).await;
    let status = call.expect_err("there is no such argument");
    assert_eq!(
        reason(&status),
        (Code::InvalidArgument, "INVALID_ARGUMENT".into())
    );
    let field = &status
        .get_details_bad_request()
        .expect("a field")
        .field_violations[0]
        .field;
    assert!(name.starts_with(field) && field.len() < 100);
    let call = invoke(&mut client, &name, "{}").await;
    let status = call.expect_err("there is no such kernel");
    assert_eq!(reason(&status), (Code::NotFound, "KERNEL_NOT_FOUND".into()));
}

#[tokio::test]
async fn the_request_id_comes_back() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let mut request = Request::new(SumSquaresRequest { a: 1, b: 2 });
    let id = "my-request-7".parse().expect("a header value");
    request.metadata_mut().insert("x-request-id", id);
    let response = client.sum_squares(request).await.expect("an answer");
    assert_eq!(
        response.metadata().get("x-request-id").expect("an id"),
        "my-request-7"
    );

    let overflow = SumSquaresRequest { a: i64::MAX, b: 0 };
    let status = client
        .sum_squares(overflow)
        .await
        .expect_err("it does not fit");
    assert_eq!(
        reason(&status),
        (Code::OutOfRange, "RESULT_OUT_OF_RANGE".into())
    );
    let made_up = status.metadata().get("x-request-id").expect("an id");
    assert_eq!(made_up.len(), 32);
}
