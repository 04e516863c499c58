//! Asks a server, from outside, whether it takes calls: for container health checks and scripts.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until the server at `target` is SERVING, for at most `wait`, and at least once.
///
/// # Errors
///
/// What the last attempt met, in words.
pub async fn probe(target: &str, wait: Duration) -> Result<(), String> {
    let endpoint = endpoint(target)?;
    let started = tokio::time::Instant::now();
    loop {
        match attempt(&endpoint).await {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() >= wait => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn attempt(endpoint: &Endpoint) -> Result<(), String> {
    let check = async {
        let channel: Channel = endpoint.connect().await.map_err(|error| chain(&error))?;
        let request = HealthCheckRequest::default();
        let response = HealthClient::new(channel).check(request).await;
        let status = response.map_err(|status| status.to_string())?.into_inner();
        match status.status() {
            ServingStatus::Serving => Ok(()),
            other => Err(other.as_str_name().to_owned()),
        }
    };
    let checked = tokio::time::timeout(ATTEMPT, check).await;
    checked.unwrap_or_else(|_| Err("no answer in time".into()))
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
