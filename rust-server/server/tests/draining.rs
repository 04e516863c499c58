//! A server that is told to stop finishes what it has begun, and leaves in time.

mod support;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use offgil_server::{
    proto::{
        InvokeJsonStreamEnd, InvokeJsonStreamHeader, InvokeJsonStreamRequest,
        ProcessNumbersRequest, invoke_json_stream_request::Message as JsonMessage,
        invoke_json_stream_response::Message as JsonAnswer,
    },
    server::Outcome,
};
use prost::Message;
use support::{Client, PATIENCE, TestServer, invoke, reason};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Waits until the server accepts no more connections.
async fn refuses_connections(address: SocketAddr) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, refused).await;
    waited.expect("the listener closes");
}

#[tokio::test]
async fn calls_in_flight_finish_and_new_connections_are_refused() {
    let server = TestServer::start();
    let (address, blocked) = (server.address, server.blocked.clone());
    // As many as run at once, and some that wait behind them.
    let client = server.client().await;
    let mut calls = vec![server.blocked_call(&client).await];
    for _ in 0..20 {
        let mut client = client.clone();
        calls.push(tokio::spawn(async move {
            invoke(&mut client, "block", "{}").await.map(drop)
        }));
    }
    // Sent after the others on the same connection: once it is answered, they have arrived.
    let last = invoke(&mut client.clone(), "process_numbers", r#"{"numbers":[]}"#).await;
    assert!(last.is_ok());
    let ended = server.stop();
    refuses_connections(address).await;
    assert!(blocked.count() > 0 && calls.iter().all(|call| !call.is_finished()));

    blocked.release();
    for call in calls {
        call.await.expect("no panic").expect("an answer");
    }
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn a_health_watch_sees_the_end_and_does_not_hold_it_up() {
    let server = TestServer::with_flags(&["--drain-timeout=1h"]);
    let mut watch = HealthClient::new(server.channel().await)
        .watch(HealthCheckRequest::default())
        .await
        .expect("health is served")
        .into_inner();
    let mut status = async || watch.message().await.expect("a status").map(|s| s.status);
    assert_eq!(status().await, Some(1), "serving");
    let ended = server.stop();
    assert_eq!(status().await, Some(2), "not serving");
    let outcome = tokio::time::timeout(PATIENCE, ended).await;
    assert_eq!(
        outcome.expect("in time").expect("no panic"),
        Outcome::Drained
    );
}

#[tokio::test]
async fn new_calls_are_taken_during_the_drain_delay() {
    let server = TestServer::with_flags(&["--drain-delay=1h"]);
    let endpoint = server.endpoint();
    let mut health = HealthClient::new(server.channel().await);
    let ended = server.stop();
    let not_serving = async {
        let check = async |health: &mut HealthClient<_>| {
            let response = health.check(HealthCheckRequest::default()).await;
            response.expect("health is served").into_inner().status
        };
        while check(&mut health).await != 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, not_serving)
        .await
        .expect("health changes");
    let mut client = Client::new(endpoint.connect().await.expect("it accepts"));
    assert!(
        invoke(&mut client, "process_numbers", r#"{"numbers":[]}"#)
            .await
            .is_ok()
    );
    ended.abort();
}

#[tokio::test]
async fn a_slow_reader_gets_its_whole_answer() {
    let server = TestServer::start();
    let address = server.address;
    let channel = server
        .endpoint()
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(64 * 1024);
    let mut client = Client::new(channel.connect().await.expect("it accepts"));
    let body = format!(r#"{{"numbers":[{}]}}"#, vec!["7"; 300_000].join(","));
    let header = JsonMessage::Header(InvokeJsonStreamHeader {
        kernel: "process_numbers".into(),
        mode: 0,
    });
    let end = JsonMessage::End(InvokeJsonStreamEnd {});
    let messages = [header, JsonMessage::Body(body.into()), end];
    let messages = messages.map(|message| InvokeJsonStreamRequest {
        message: Some(message),
    });
    let call = client
        .invoke_json_stream(tokio_stream::iter(messages))
        .await;
    let mut answer = call.expect("it begins to answer").into_inner();
    let ended = server.stop();
    refuses_connections(address).await;
    // Longer than idle connections are given to close.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut last = None;
    while let Some(message) = answer.message().await.expect("the rest of the answer") {
        last = message.message;
    }
    assert!(
        matches!(last, Some(JsonAnswer::End(_))),
        "the answer is whole"
    );
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn a_peer_that_speaks_to_the_end_gets_its_whole_answer() {
    const COUNT: usize = 500_000;
    let server = TestServer::start();
    let address = server.address;
    // Most of the answer waits in the sockets when the server has nothing more to do.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a small one");
    let stream = socket.connect(address).await.expect("it accepts");
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(1 << 24)
        .initial_connection_window_size(1 << 24);
    let handshake = builder.handshake::<_, Bytes>(stream).await;
    let (mut requests, mut connection) = handshake.expect("it speaks HTTP/2");
    let mut pings = connection.ping_pong().expect("not taken yet");

    let uri = format!("http://{address}/offgil.v1.ComputeService/ProcessNumbers");
    let request = http::Request::post(uri).header("content-type", "application/grpc");
    let request = request.body(()).expect("a request");
    let (answer, mut upload) = requests.send_request(request, false).expect("it is ready");
    let message = ProcessNumbersRequest {
        packed_numbers: Some(vec![0; COUNT * 8].into()),
        ..Default::default()
    };
    let length = (message.encoded_len() as u32).to_be_bytes();
    let body = [&[0], length.as_slice(), &message.encode_to_vec()].concat();
    upload.send_data(body.into(), true).expect("it is buffered");
    let answer = tokio::select! {
        answer = answer => answer.expect("it answers"),
        ended = &mut connection => panic!("{ended:?}"),
    };
    drop(requests);
    let ended = server.stop();
    refuses_connections(address).await;

    let mut body = answer.into_body();
    let mut received = 0;
    let whole = async {
        while let Some(data) = body.data().await {
            received += data.expect("the rest of the answer").len();
        }
        body.trailers().await
    };
    let reading = async {
        // It looks only now and then.
        let mut pause = tokio::time::interval(Duration::from_millis(1));
        loop {
            pause.tick().await;
            if let Ok(ended) = tokio::time::timeout(Duration::ZERO, &mut connection).await {
                return ended;
            }
        }
    };
    let speaking = async {
        while pings.ping(h2::Ping::opaque()).await.is_ok() {}
        std::future::pending().await
    };
    let (trailers, graceful) = tokio::select! {
        read = async { tokio::join!(whole, reading) } => read,
        never = speaking => never,
    };
    drop(connection);
    let trailers = trailers.expect("an end").expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
    assert!(received > COUNT * 8, "{received} bytes");
    graceful.expect("no reset");
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn a_peer_that_never_closes_is_no_call_that_was_cut_off() {
    let server = TestServer::with_flags(&["--drain-timeout=200ms"]);
    let stream = TcpStream::connect(server.address).await;
    let handshake = h2::client::handshake(stream.expect("it accepts")).await;
    let (requests, mut connection) = handshake.expect("it speaks HTTP/2");
    let settings = tokio::time::timeout(Duration::from_millis(50), &mut connection).await;
    assert!(settings.is_err(), "the connection stays open");
    drop(requests);
    let ended = server.stop();
    // The end is agreed on, but the socket stays open.
    (&mut connection).await.expect("a graceful end");
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn what_outlasts_the_drain_timeout_is_cut_off_as_unavailable() {
    let server = TestServer::with_flags(&["--drain-timeout=100ms"]);
    let client = server.client().await;
    let endless = server.blocked_call(&client).await;
    let ended = server.stop();
    let status = endless.await.expect("no panic").expect_err("cut off");
    assert_eq!(reason(&status), (Code::Unavailable, "DRAINING".into()));
    assert_eq!(ended.await.expect("no panic"), Outcome::CutOff);
}

#[tokio::test]
async fn silent_peers_do_not_hold_it_up() {
    let server = TestServer::with_flags(&["--drain-timeout=1h"]);
    let _idle = server.client().await;
    let _half_open = TcpStream::connect(server.address)
        .await
        .expect("it accepts");
    // A call made afterwards shows that the half-open connection was accepted.
    let answer = invoke(
        &mut server.client().await,
        "process_numbers",
        r#"{"numbers":[]}"#,
    )
    .await;
    assert!(answer.is_ok());
    let started = Instant::now();
    assert_eq!(server.stop().await.expect("no panic"), Outcome::Drained);
    assert!(started.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_short_drain_timeout_with_idle_peers_cuts_nothing_off() {
    let server = TestServer::with_flags(&["--drain-timeout=200ms"]);
    let _half_open = TcpStream::connect(server.address)
        .await
        .expect("it accepts");
    let answer = invoke(
        &mut server.client().await,
        "process_numbers",
        r#"{"numbers":[]}"#,
    )
    .await;
    assert!(answer.is_ok());
    assert_eq!(server.stop().await.expect("no panic"), Outcome::Drained);
}
