//! The order of messages in streams, and what tells a whole one from one that was cut off.

mod support;

use offgil_server::proto::{
    InvokeJsonStreamEnd, InvokeJsonStreamHeader, InvokeJsonStreamRequest, ProcessNumbersStreamEnd,
    ProcessNumbersStreamHeader, ProcessNumbersStreamRequest,
    invoke_json_stream_request::Message as Json,
    invoke_json_stream_response::Message as JsonAnswer,
    process_numbers_stream_request::Message as Numbers,
    process_numbers_stream_response::Message as NumbersAnswer,
};
use support::{Client, PATIENCE, TestServer, invoke, reason};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

async fn numbers(
    client: &mut Client,
    messages: Vec<Numbers>,
) -> Result<Vec<NumbersAnswer>, Status> {
    let messages = messages
        .into_iter()
        .map(|message| ProcessNumbersStreamRequest {
            message: Some(message),
        });
    let messages: Vec<_> = messages.collect();
    let call = client
        .process_numbers_stream(tokio_stream::iter(messages))
        .await?;
    let mut responses = call.into_inner();
    let mut answers = vec![];
    while let Some(response) = responses.message().await? {
        answers.push(response.message.expect("no empty message"));
    }
    Ok(answers)
}

async fn json(client: &mut Client, messages: Vec<Json>) -> Result<Vec<JsonAnswer>, Status> {
    let messages = messages.into_iter().map(|message| InvokeJsonStreamRequest {
        message: Some(message),
    });
    let messages: Vec<_> = messages.collect();
    let call = client
        .invoke_json_stream(tokio_stream::iter(messages))
        .await?;
    let mut responses = call.into_inner();
    let mut answers = vec![];
    while let Some(response) = responses.message().await? {
        answers.push(response.message.expect("no empty message"));
    }
    Ok(answers)
}

fn header(rounds: u32) -> Numbers {
    let rounds = Some(rounds);
    Numbers::Header(ProcessNumbersStreamHeader { rounds })
}

fn chunk(numbers: &[i64]) -> Numbers {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    Numbers::PackedNumbers(bytes.into())
}

fn end(count: u64) -> Numbers {
    Numbers::End(ProcessNumbersStreamEnd { count })
}

fn json_header() -> Json {
    Json::Header(InvokeJsonStreamHeader {
        kernel: "process_numbers".into(),
        mode: 0,
    })
}

fn json_end() -> Json {
    Json::End(InvokeJsonStreamEnd {})
}

#[tokio::test]
async fn chunks_are_answered_in_order_and_the_end_counts_them() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let messages = vec![header(1), chunk(&[1, 2]), chunk(&[]), chunk(&[3]), end(3)];
    let answers = numbers(&mut client, messages).await.expect("an answer");
    let packed = |numbers: &[i64]| match chunk(numbers) {
        Numbers::PackedNumbers(bytes) => NumbersAnswer::PackedResults(bytes),
        _ => unreachable!("a chunk is a chunk"),
    };
    let end = NumbersAnswer::End(ProcessNumbersStreamEnd { count: 3 });
    assert_eq!(answers, [packed(&[4, 6]), packed(&[]), packed(&[8]), end]);
}

#[tokio::test]
async fn the_end_marker_is_answered_though_the_caller_keeps_its_side_open() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let messages = [header(1), chunk(&[1]), end(1)].map(|message| ProcessNumbersStreamRequest {
        message: Some(message),
    });
    let open = tokio_stream::iter(messages).chain(tokio_stream::pending());
    let call = client
        .process_numbers_stream(open)
        .await
        .expect("it begins");
    let answers = call.into_inner().collect::<Vec<_>>();
    let answers = tokio::time::timeout(PATIENCE, answers).await;
    assert_eq!(answers.expect("it ends").len(), 2);

    let messages = [
        json_header(),
        Json::Body(r#"{"numbers":[]}"#.into()),
        json_end(),
    ];
    let messages = messages.map(|message| InvokeJsonStreamRequest {
        message: Some(message),
    });
    let open = tokio_stream::iter(messages).chain(tokio_stream::pending());
    let call = client.invoke_json_stream(open).await.expect("it begins");
    let answers = call.into_inner().collect::<Vec<_>>();
    let answers = tokio::time::timeout(PATIENCE, answers).await;
    assert_eq!(answers.expect("it ends").len(), 2);
}

#[tokio::test]
async fn streams_of_numbers_that_are_not_whole_are_errors() {
    let server = TestServer::start();
    let mut client = server.client().await;
    for (messages, expected) in [
        (vec![], "INVALID_STREAM"),
        (vec![chunk(&[1]), end(1)], "INVALID_STREAM"),
        (vec![header(1)], "INVALID_STREAM"),
        (vec![header(1), chunk(&[1])], "INVALID_STREAM"),
        (vec![header(1), header(1)], "INVALID_STREAM"),
        (vec![header(1), chunk(&[1]), end(2)], "INVALID_ARGUMENT"),
        (vec![header(1_000_001), end(0)], "INVALID_ARGUMENT"),
        (
            vec![header(1), Numbers::PackedNumbers(vec![0; 9].into())],
            "INVALID_ARGUMENT",
        ),
    ] {
        let shown = format!("{messages:?}");
        let status = numbers(&mut client, messages).await.expect_err(&shown);
        assert_eq!(
            reason(&status),
            (Code::InvalidArgument, expected.into()),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn json_in_chunks_is_the_same_as_json_in_one_piece() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let list: Vec<String> = (-60_000..60_000_i64)
        .map(|n| (n * 7_919_317).to_string())
        .collect();
    let body = format!(r#"{{"numbers":[{}],"rounds":17}}"#, list.join(","));
    let whole = invoke(&mut client, "process_numbers", &body)
        .await
        .expect("an answer");
    for size in [1 << 20, 65_537, 999] {
        let chunks = body.as_bytes().chunks(size);
        let mut messages = vec![json_header()];
        messages.extend(chunks.map(|chunk| Json::Body(chunk.to_vec().into())));
        messages.push(json_end());
        let mut answers = json(&mut client, messages).await.expect("an answer");
        assert_eq!(answers.pop(), Some(JsonAnswer::End(InvokeJsonStreamEnd {})));
        assert!(answers.len() > 1, "a large answer comes in pieces");
        let pieces = answers.iter().flat_map(|answer| match answer {
            JsonAnswer::Body(bytes) => bytes.to_vec(),
            JsonAnswer::End(_) => panic!("one end"),
        });
        assert_eq!(pieces.collect::<Vec<u8>>(), whole.as_bytes());
    }
}

#[tokio::test]
async fn streams_of_json_that_are_not_whole_are_errors() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let body = || Json::Body(r#"{"numbers":[1]}"#.into());
    for (messages, expected) in [
        (vec![], "INVALID_STREAM"),
        (vec![body(), json_end()], "INVALID_STREAM"),
        // A whole object without the end marker: it may have been cut off after the object.
        (vec![json_header(), body()], "INVALID_STREAM"),
        (vec![json_header(), json_header()], "INVALID_STREAM"),
        (vec![json_header(), json_end()], "INVALID_JSON"),
    ] {
        let shown = format!("{messages:?}");
        let status = json(&mut client, messages).await.expect_err(&shown);
        assert_eq!(
            reason(&status),
            (Code::InvalidArgument, expected.into()),
            "{shown}"
        );
    }
    let unknown = Json::Header(InvokeJsonStreamHeader {
        kernel: "nothing".into(),
        mode: 0,
    });
    let status = json(&mut client, vec![unknown, json_end()])
        .await
        .expect_err("unknown");
    assert_eq!(reason(&status), (Code::NotFound, "KERNEL_NOT_FOUND".into()));
}
