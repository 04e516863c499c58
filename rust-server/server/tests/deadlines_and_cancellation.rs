//! Work stops when nobody wants its result.

mod support;

use std::time::Duration;

use offgil_server::proto::{
    InvokeJsonRequest, ProcessNumbersStreamHeader, ProcessNumbersStreamRequest, SumSquaresRequest,
    process_numbers_stream_request::Message,
};
use support::{PATIENCE, TestServer, reason};
use tokio_stream::StreamExt;
use tonic::{Code, Request};

fn block(timeout: Duration) -> Request<InvokeJsonRequest> {
    let mut request = Request::new(InvokeJsonRequest {
        kernel: "block".into(),
        body: "{}".into(),
        mode: 0,
    });
    let timeout = format!("{}m", timeout.as_millis());
    let timeout = timeout.parse().expect("a header value");
    request.metadata_mut().insert("grpc-timeout", timeout);
    request
}

#[tokio::test]
async fn a_running_call_ends_at_its_deadline_and_its_kernel_stops() {
    let server = TestServer::start();
    let mut client = server.patient_client();
    let request = block(Duration::from_millis(100));
    let status = client.invoke_json(request).await.expect_err("too late");
    assert_eq!(
        reason(&status),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into())
    );
    server.blocked.reaches(0).await;
}

#[tokio::test]
async fn a_waiting_call_ends_at_its_deadline() {
    let server = TestServer::with_flags(&["--threads=1"]);
    let client = server.client().await;
    let _running = server.blocked_call(&client).await;
    // Two long jobs share a thread.
    let _beside = server.blocked_call(&client).await;
    let mut waiting = server.patient_client();
    let request = block(Duration::from_millis(50));
    let status = waiting.invoke_json(request).await.expect_err("too late");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(server.blocked.count(), 2);
}

#[tokio::test]
async fn a_stalled_stream_ends_at_its_deadline() {
    let server = TestServer::start();
    let mut client = server.patient_client();
    let header = Message::Header(ProcessNumbersStreamHeader { rounds: None });
    let header = ProcessNumbersStreamRequest {
        message: Some(header),
    };
    let never_ends = tokio_stream::once(header).chain(tokio_stream::pending());
    let mut request = Request::new(never_ends);
    let timeout = "100m".parse().expect("a header value");
    request.metadata_mut().insert("grpc-timeout", timeout);
    let mut responses = client
        .process_numbers_stream(request)
        .await
        .expect("the stream begins")
        .into_inner();
    let status = responses.message().await.expect_err("too late");
    assert_eq!(
        reason(&status),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into())
    );
}

#[tokio::test]
async fn a_kernel_stops_when_its_caller_goes() {
    let server = TestServer::start();
    let client = server.client().await;
    for _ in 0..20 {
        let call = server.blocked_call(&client).await;
        call.abort();
        server.blocked.reaches(0).await;
    }
}

#[tokio::test]
async fn a_kernel_that_understates_its_cost_holds_no_connection() {
    let server = TestServer::start();
    let client = server.client().await;
    let mut request = block(PATIENCE);
    request.get_mut().kernel = "understated".into();
    let mut caller = client.clone();
    let call = tokio::spawn(async move { caller.invoke_json(request).await });
    // The server of this test shares its one thread.
    server.blocked.reaches(1).await;
    let mut others = client.clone();
    let request = SumSquaresRequest { a: 3, b: 4 };
    let answer = others.sum_squares(request).await.expect("a result");
    assert_eq!(answer.into_inner().sum_of_squares, 25);
    server.blocked.release();
    let ended = call.await.expect("no panic");
    assert!(ended.is_ok(), "{ended:?}");
}
