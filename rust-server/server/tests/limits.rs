//! What one caller may ask for, and what a caller over the limit gets.

mod support;

use offgil_server::proto::{
    BatchSumSquaresRequest, InvokeJsonStreamEnd, InvokeJsonStreamHeader, InvokeJsonStreamRequest,
    Pair, ProcessNumbersRequest, ProcessNumbersStreamHeader, ProcessNumbersStreamRequest,
    SumSquaresRequest, invoke_json_stream_request::Message as JsonMessage,
    process_numbers_stream_request::Message as NumbersMessage,
};
use support::{TestServer, invoke, reason};
use tonic::{Code, Status};
use tonic_types::StatusExt;

const SMALL: &[&str] = &["--max-message-bytes=64KiB", "--max-body-bytes=128KiB"];

fn assert_too_large(status: &Status) {
    assert_eq!(
        reason(status),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into())
    );
    assert!(
        status.get_details_retry_info().is_none(),
        "a retry cannot help"
    );
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_by_its_length() {
    let server = TestServer::with_flags(SMALL);
    let mut client = server.client().await;
    let request = |bytes: usize| ProcessNumbersRequest {
        packed_numbers: Some(vec![0; bytes].into()),
        ..Default::default()
    };
    let just_fits = client.process_numbers(request(65_000)).await;
    assert!(just_fits.is_ok(), "{just_fits:?}");
    let status = client
        .process_numbers(request(65_536))
        .await
        .expect_err("too large");
    assert_too_large(&status);
    // The connection is as good as before.
    assert!(client.process_numbers(request(8)).await.is_ok());
}

#[tokio::test]
async fn a_chunk_over_the_limit_is_refused() {
    let server = TestServer::with_flags(SMALL);
    let mut client = server.client().await;
    let messages = [
        NumbersMessage::Header(ProcessNumbersStreamHeader { rounds: None }),
        NumbersMessage::PackedNumbers(vec![0; 80_000].into()),
    ];
    let messages = messages.map(|message| ProcessNumbersStreamRequest {
        message: Some(message),
    });
    let call = client
        .process_numbers_stream(tokio_stream::iter(messages))
        .await;
    let status = match call {
        Err(status) => status,
        Ok(responses) => responses
            .into_inner()
            .message()
            .await
            .expect_err("too large"),
    };
    assert_too_large(&status);
}

#[tokio::test]
async fn a_body_in_chunks_is_refused_when_it_grows_over_its_limit() {
    let server = TestServer::with_flags(SMALL);
    let mut client = server.client().await;
    let header = JsonMessage::Header(InvokeJsonStreamHeader {
        kernel: "process_numbers".into(),
        mode: 0,
    });
    let chunks = (0..5).map(|_| JsonMessage::Body(vec![b' '; 32 * 1024].into()));
    let messages = std::iter::once(header)
        .chain(chunks)
        .map(|message| InvokeJsonStreamRequest {
            message: Some(message),
        });
    let messages: Vec<_> = messages.collect();
    let call = client
        .invoke_json_stream(tokio_stream::iter(messages))
        .await;
    assert_too_large(&call.expect_err("too large"));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let server = TestServer::with_flags(SMALL);
    // Two bytes in for each number, up to eleven out.
    let body = format!(r#"{{"numbers":[{}]}}"#, vec!["1"; 20_000].join(","));
    let mut client = server.client().await;
    let answer = invoke(&mut client, "process_numbers", &body).await;
    assert_too_large(&answer.expect_err("too large"));

    let request = ProcessNumbersRequest {
        numbers: vec![1; 30_000],
        ..Default::default()
    };
    let answer = client.process_numbers(request).await;
    assert_too_large(&answer.expect_err("too large"));

    // Every pair overflows, and an error is longer than a pair.
    let pairs = vec![Pair { a: i64::MAX, b: 1 }; 2000];
    let answer = client
        .batch_sum_squares(BatchSumSquaresRequest { pairs })
        .await;
    assert_too_large(&answer.expect_err("too large"));
}

#[tokio::test]
async fn results_that_never_fit_the_budget_are_refused_for_good() {
    let server = TestServer::with_flags(&["--max-message-bytes=1MiB", "--memory-budget=3MiB"]);
    let body = |count| format!(r#"{{"numbers":[{}]}}"#, vec!["1"; count].join(","));
    let mut client = server.client().await;
    let answer = invoke(&mut client, "process_numbers", &body(20_000)).await;
    assert!(answer.is_ok(), "{answer:?}");
    // 0.48 MB of results, and twice as much for their text; there are 1.376 MB for the results of one call.
    let answer = invoke(&mut client, "process_numbers", &body(60_000)).await;
    let status = answer.expect_err("too much memory");
    assert_too_large(&status);
    assert!(status.message().contains("--memory-budget"), "{status}");
}

#[tokio::test]
async fn an_answer_in_pieces_keeps_each_piece_below_the_limit() {
    let server = TestServer::with_flags(SMALL);
    let body = format!(r#"{{"numbers":[{}]}}"#, vec!["1"; 20_000].join(","));
    let messages = [
        JsonMessage::Header(InvokeJsonStreamHeader {
            kernel: "process_numbers".into(),
            mode: 0,
        }),
        JsonMessage::Body(body.into()),
        JsonMessage::End(InvokeJsonStreamEnd {}),
    ];
    let messages = messages.map(|message| InvokeJsonStreamRequest {
        message: Some(message),
    });
    let mut client = server.client().await;
    let call = client
        .invoke_json_stream(tokio_stream::iter(messages))
        .await;
    let mut answer = call.expect("it begins to answer").into_inner();
    let mut count = 0;
    while answer
        .message()
        .await
        .expect("each piece is sent")
        .is_some()
    {
        count += 1;
    }
    assert!(count > 2, "{count} messages");
}

#[tokio::test]
async fn a_batch_over_the_limit_names_its_field() {
    let server = TestServer::start();
    let pairs = vec![Pair { a: 1, b: 1 }; 100_001];
    let call = server
        .client()
        .await
        .batch_sum_squares(BatchSumSquaresRequest { pairs })
        .await;
    let status = call.expect_err("too many");
    assert_eq!(
        reason(&status),
        (Code::InvalidArgument, "INVALID_ARGUMENT".into())
    );
    let bad_request = status.get_details_bad_request().expect("a BadRequest");
    assert_eq!(bad_request.field_violations[0].field, "pairs");
}

#[tokio::test]
async fn callers_beyond_the_queue_are_told_when_to_come_back() {
    let server = TestServer::with_flags(&["--threads=1", "--max-queue-time=0s"]);
    let client = server.client().await;
    let _running = server.blocked_call(&client).await;
    // More jobs than are admitted: those over the limit are refused at once, the rest wait unseen.
    let mut refused = 0;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut client = client.clone();
        calls.spawn(async move { invoke(&mut client, "block", "{}").await });
    }
    while refused < 13 {
        let call = calls
            .join_next()
            .await
            .expect("a call ends")
            .expect("no panic");
        let status = call.expect_err("refused");
        assert_eq!(
            reason(&status),
            (Code::ResourceExhausted, "OVERLOADED".into())
        );
        assert!(status.get_details_retry_info().is_some());
        assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
        refused += 1;
    }
    // Tiny calls have a lane of their own.
    let sum = client
        .clone()
        .sum_squares(SumSquaresRequest { a: 3, b: 4 })
        .await;
    assert_eq!(sum.expect("an answer").into_inner().sum_of_squares, 25);
}
