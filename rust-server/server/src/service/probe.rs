//! Asks a server, from outside, whether it takes calls: for container health checks and scripts.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header::HOST};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(10);
/// What a target begins with that is the admin address of a server.
const ADMIN: &str = "http://";

/// Whom to ask.
enum Asked {
    /// The health service, by gRPC without TLS.
    Health(Box<Endpoint>),
    /// The admin address.
    Admin(String),
}

/// Asks until the server at `target` takes calls, for at most `wait`, and at least once.
///
/// # Errors
///
/// What the last attempt met, in words.
pub async fn probe(target: &str, wait: Duration) -> Result<(), String> {
    let asked = match target.strip_prefix(ADMIN) {
        Some(address) => Asked::Admin(address.to_owned()),
        None => Asked::Health(Box::new(endpoint(target)?)),
    };
    let started = tokio::time::Instant::now();
    loop {
        match attempt(&asked).await {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() >= wait => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Returns the target for [`probe`] of a server with this admin address.
pub fn admin_target(address: &str) -> String {
    format!("{ADMIN}{address}")
}

async fn attempt(asked: &Asked) -> Result<(), String> {
    let check = async {
        match asked {
            Asked::Health(endpoint) => check_health(endpoint).await,
            Asked::Admin(address) => check_ready(address).await,
        }
    };
    let checked = tokio::time::timeout(ATTEMPT, check).await;
    checked.unwrap_or_else(|_| Err("no answer in time".into()))
}

async fn check_health(endpoint: &Endpoint) -> Result<(), String> {
    let channel: Channel = endpoint.connect().await.map_err(|error| chain(&error))?;
    let request = HealthCheckRequest::default();
    let response = HealthClient::new(channel).check(request).await;
    let status = response.map_err(|status| status.to_string())?.into_inner();
    match status.status() {
        ServingStatus::Serving => Ok(()),
        other => Err(other.as_str_name().to_owned()),
    }
}

async fn check_ready(address: &str) -> Result<(), String> {
    let stream = TcpStream::connect(address).await;
    let stream = TokioIo::new(stream.map_err(|error| chain(&error))?);
    let connected = http1::handshake(stream).await;
    let (mut sender, connection) = connected.map_err(|error| chain(&error))?;
    // It ends with the sender.
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(HOST, address);
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|error| chain(&error))?;
    let response = sender.send_request(request).await;
    match response.map_err(|error| chain(&error))?.status() {
        status if status.is_success() => Ok(()),
        status => Err(status.to_string()),
    }
}

/// Returns where a gRPC target such as `unix:///run/x.sock` or `dns:///host:50051` is.
fn endpoint(target: &str) -> Result<Endpoint, String> {
    let uri = if target.starts_with("unix:") {
        target.to_owned()
    } else {
        let host = target.strip_prefix("dns:///").unwrap_or(target);
        format!("http://{host}")
    };
    Endpoint::from_shared(uri).map_err(|error| format!("bad target {target:?}: {}", chain(&error)))
}

/// Returns an error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::admin::{Admin, Report};

    struct Readiness(Arc<AtomicBool>);

    impl Report for Readiness {
        fn is_ready(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }

        fn metrics(&self) -> Result<String, String> {
            Err("nobody asks".into())
        }
    }

    #[tokio::test]
    async fn asks_an_admin_address_whether_the_server_is_ready() {
        let admin =
            Admin::bind("127.0.0.1:0".parse().expect("an address"), false).expect("a free port");
        let address = admin.address().expect("it is bound").to_string();
        let is_ready = Arc::new(AtomicBool::new(true));
        admin
            .start(Readiness(Arc::clone(&is_ready)))
            .expect("a thread");
        let target = admin_target(&address);
        assert_eq!(probe(&target, Duration::ZERO).await, Ok(()));
        is_ready.store(false, Ordering::Relaxed);
        let error = probe(&target, Duration::ZERO).await.expect_err("not ready");
        assert!(error.starts_with("503"), "{error}");
    }
}
