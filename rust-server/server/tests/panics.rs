//! A kernel that panics hurts its own call and nothing else.

mod support;

use offgil_server::{proto::SumSquaresRequest, server::Outcome};
use support::{TestServer, invoke, reason};
use tonic::Code;

#[tokio::test]
async fn a_panicking_kernel_answers_internal_and_the_server_goes_on() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let other = server.blocked_call(&client).await;

    for _ in 0..20 {
        let status = invoke(&mut client, "panics", "{}")
            .await
            .expect_err("it panics");
        assert_eq!(reason(&status), (Code::Internal, "KERNEL_PANICKED".into()));
        assert!(status.message().contains("kernel panics"), "{status}");
    }
    // The same connection, the same threads, and a call that was in flight all the while.
    let sum = client.sum_squares(SumSquaresRequest { a: 3, b: 4 }).await;
    assert_eq!(sum.expect("it goes on").into_inner().sum_of_squares, 25);
    let body = invoke(&mut client, "process_numbers", r#"{"numbers":[1]}"#).await;
    assert!(
        body.expect("it goes on")
            .starts_with(r#"{"original_count":1,"#)
    );
    assert!(!other.is_finished());

    other.abort();
    server.blocked.reaches(0).await;
    assert_eq!(server.stop().await.expect("no panic"), Outcome::Drained);
}
