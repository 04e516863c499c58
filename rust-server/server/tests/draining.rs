//! A server that is told to stop finishes what it has begun, and leaves in time.

mod support;

use std::time::{Duration, Instant};

use offgil_server::server::Outcome;
use support::{PATIENCE, TestServer, invoke, reason};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

#[tokio::test]
async fn calls_in_flight_finish_and_new_connections_are_refused() {
    let server = TestServer::start();
    let (address, blocked) = (server.address, server.blocked.clone());
    let endpoint = server.endpoint();
    let client = server.client().await;
    // A watch on health is itself a call in flight, which sees the change.
    let mut watch = HealthClient::new(server.channel().await)
        .watch(HealthCheckRequest::default())
        .await
        .expect("health is served")
        .into_inner();
    assert_eq!(
        watch
            .message()
            .await
            .expect("a status")
            .expect("serving")
            .status,
        1
    );
    let in_flight = server.blocked_call(&client).await;

    let ended = server.stop();
    assert_eq!(
        watch
            .message()
            .await
            .expect("a status")
            .expect("not serving")
            .status,
        2
    );
    drop(watch);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("the listener closes");
    assert!(endpoint.connect().await.is_err());
    assert_eq!(blocked.count(), 1, "the call in flight goes on");
    assert!(!in_flight.is_finished());

    in_flight.abort();
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
}

#[tokio::test]
async fn a_call_in_flight_gets_its_answer() {
    let server = TestServer::start();
    let mut client = server.client().await;
    let body = format!(r#"{{"numbers":[{}]}}"#, vec!["1"; 200_000].join(","));
    let mut calls: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, body) = (client.clone(), body.clone());
            tokio::spawn(async move { invoke(&mut client, "process_numbers", &body).await })
        })
        .collect();
    // The first answer shows that the others have been sent.
    calls.remove(0).await.expect("no panic").expect("an answer");
    let ended = server.stop();
    for call in calls {
        let answer = call.await.expect("no panic").expect("an answer");
        assert!(answer.starts_with(r#"{"original_count":200000,"#));
    }
    assert_eq!(ended.await.expect("no panic"), Outcome::Drained);
    assert!(invoke(&mut client, "process_numbers", "{}").await.is_err());
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
