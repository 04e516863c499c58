//! `/metrics`, `/livez` and `/readyz` over HTTP/1.1, for operators.
//!
//! They are answered by a runtime of their own on a thread of its own, so that nothing that callers do delays them.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::Semaphore};

/// Requests may be under way at once; more wait.
const MAX_CONNECTIONS: usize = 32;
/// Time for a request to arrive, and for a connection to be used again.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a connection as a whole, so that peers that read slowly do not keep others out.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after the system refused to accept or to bind.
const PAUSE: Duration = Duration::from_millis(100);
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What an operator may ask for.
pub trait Report: Send + Sync + 'static {
    /// Returns whether a call would be taken.
    fn is_ready(&self) -> bool;

    /// Returns the metrics in the text format of Prometheus.
    ///
    /// # Errors
    ///
    /// Why there are none, in words.
    fn metrics(&self) -> Result<String, String>;
}

/// The admin address, not answered yet.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    /// Nothing while a predecessor has the address.
    listener: Option<TcpListener>,
}

// === impl Admin ===

impl Admin {
    /// Binds an address. A server that succeeds another waits until that one has left it.
    ///
    /// # Errors
    ///
    /// An error if the address is taken or not this machine's.
    pub fn bind(address: SocketAddr, succeeds: bool) -> io::Result<Self> {
        let listener = match bind(address) {
            Ok(listener) => Some(listener),
            Err(error) if succeeds && error.kind() == io::ErrorKind::AddrInUse => {
                tracing::info!(%address, "the admin address is taken; it is waited for");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { address, listener })
    }

    /// Returns the address, with the port that the system chose if none was given.
    ///
    /// # Errors
    ///
    /// An error of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match &self.listener {
            Some(listener) => listener.local_addr(),
            None => Ok(self.address),
        }
    }

    /// Answers on a thread of its own until the process ends.
    ///
    /// # Errors
    ///
    /// An error if the system refuses the thread.
    pub fn start(self, report: impl Report) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serve = async move {
            let listener = match self.listener {
                Some(listener) => listener,
                None => wait_for(self.address).await,
            };
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => match serve(listener, Arc::new(report)).await {},
                Err(error) => tracing::error!(%error, "the admin address cannot be served"),
            }
        };
        thread::Builder::new()
            .name("admin".into())
            .spawn(move || runtime.block_on(serve))?;
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Binds an address as soon as it is free.
async fn wait_for(address: SocketAddr) -> TcpListener {
    loop {
        match bind(address) {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, report: Arc<impl Report>) -> Infallible {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections of operators");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let report = Arc::clone(&report);
        tokio::spawn(async move {
            let served = tokio::time::timeout(CONNECTION_TIMEOUT, connection(stream, report));
            if let Ok(Err(error)) = served.await {
                tracing::debug!(%error, "connection of an operator ended with an error");
            }
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, report: Arc<impl Report>) -> hyper::Result<()> {
    let handler = |request: Request<Incoming>| {
        let answer = answer(&request, &*report);
        async move { Ok::<_, Infallible>(answer) }
    };
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service_fn(handler))
        .await
}

fn answer<B>(request: &Request<B>, report: &impl Report) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, path) => match path {
            "/livez" => (StatusCode::OK, "live\n".to_owned()),
            "/readyz" if report.is_ready() => (StatusCode::OK, "ready\n".to_owned()),
            "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            "/metrics" => match report.metrics() {
                Ok(text) => (StatusCode::OK, text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
            },
            _ => {
                let known = "there are /metrics, /livez and /readyz\n";
                (StatusCode::NOT_FOUND, known.to_owned())
            }
        },
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(TEXT);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
