//! A server in this process, on a port of its own, with kernels that misbehave on purpose.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test file uses a part of this module"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use offgil_server::{
    Config, Server,
    config::Flags,
    kernels::{Arguments, KernelSpec, Value, prelude::*},
    proto::{InvokeJsonRequest, compute_service_client::ComputeServiceClient},
    server::Outcome,
};
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{
    Code, Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

pub type Client = ComputeServiceClient<Channel>;

/// A client without a timer of its own, which would hide the server's.
pub type PatientClient = ComputeServiceClient<HyperClient<HttpConnector, Body>>;

/// Long enough for anything that happens at all on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs until it is told to stop.
pub struct TestServer {
    pub address: SocketAddr,
    pub blocked: Blocked,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Outcome>,
}

/// The calls of the kernels `block` and `understated`.
#[derive(Clone, Debug, Default)]
pub struct Blocked {
    running: Arc<AtomicUsize>,
    released: Arc<AtomicBool>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with_flags(&[])
    }

    pub fn with_flags(flags: &[&str]) -> Self {
        let command = ["offgil-server", "--listen=127.0.0.1:0", "--threads=2"];
        let flags = Flags::try_parse_from(command.iter().chain(flags)).expect("known flags");
        let config = Config::from_flags(&flags).expect("valid flags");
        let blocked = Blocked::default();
        let catalogue = Catalogue::built_in()
            .with(Panics)
            .with(Fails)
            .with(Block(blocked.clone()))
            .with(Understated(Block(blocked.clone())));
        let server = Server::bind(config, catalogue).expect("a free port");
        let address = server.tcp_address().expect("it listens on TCP");
        let (stop, stopped) = oneshot::channel();
        let run = server.run(async { stopped.await.is_ok() });
        let ended = tokio::spawn(async { run.await.expect("it serves").1 });
        Self {
            address,
            blocked,
            stop,
            ended,
        }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.address)).expect("a URI")
    }

    pub async fn channel(&self) -> Channel {
        self.endpoint().connect().await.expect("it accepts")
    }

    pub fn patient_client(&self) -> PatientClient {
        let client = HyperClient::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        let origin = format!("http://{}", self.address);
        ComputeServiceClient::with_origin(client, origin.parse().expect("a URI"))
    }

    pub async fn client(&self) -> Client {
        Client::new(self.channel().await)
    }

    /// Starts a call of `block`, and waits until its kernel runs.
    pub async fn blocked_call(&self, client: &Client) -> JoinHandle<Result<(), Status>> {
        let before = self.blocked.count();
        let mut client = client.clone();
        let call = tokio::spawn(async move { invoke(&mut client, "block", "{}").await.map(drop) });
        self.blocked.reaches(before + 1).await;
        call
    }

    /// Tells the server to stop; returns how it ended.
    pub fn stop(self) -> JoinHandle<Outcome> {
        self.stop.send(()).expect("it runs");
        self.ended
    }
}

impl Blocked {
    pub fn count(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Lets every call of the kernel succeed.
    pub fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }

    pub async fn reaches(&self, count: usize) {
        let reached = async {
            while self.count() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        waited.unwrap_or_else(|_| panic!("{} calls are blocked, not {count}", self.count()));
    }
}

pub async fn invoke(client: &mut Client, kernel: &str, body: &str) -> Result<String, Status> {
    let request = InvokeJsonRequest {
        kernel: kernel.into(),
        body: body.to_owned().into(),
        mode: 0,
    };
    let response = client.invoke_json(request).await?.into_inner();
    Ok(String::from_utf8(response.body.to_vec()).expect("JSON is UTF-8"))
}

/// Returns the code and the reason of an error.
pub fn reason(status: &Status) -> (Code, String) {
    let info = status
        .get_details_error_info()
        .expect("every error has an ErrorInfo");
    assert_eq!(info.domain, "offgil");
    (status.code(), info.reason)
}

/// Panics.
#[kernel(cost_ns = 10)]
fn panics() -> i64 {
    panic!("on purpose")
}

/// Reports an error.
#[kernel]
fn fails(message: &str) -> Result<i64, KernelError> {
    Err(KernelError::failed(message))
}

/// A kernel that goes on until it is released or told to stop.
struct Block(Blocked);

impl Kernel for Block {
    fn spec(&self) -> &'static KernelSpec {
        &KernelSpec {
            name: "block",
            documentation: "Goes on until it is released or told to stop.",
            example: "",
            parameters: &[],
            results: &[],
        }
    }

    fn cost(&self, _: &Arguments) -> Duration {
        // Long, and short enough for the deadlines of the tests.
        Duration::from_millis(30)
    }

    fn run(&self, _: Arguments, context: &Context) -> Result<Vec<Value>, KernelError> {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        let ended = loop {
            if let Err(stopped) = context.check() {
                break Err(stopped.into());
            }
            if self.0.released.load(Ordering::SeqCst) {
                break Ok(vec![]);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        ended
    }
}

/// The same, but it pretends to take no time.
struct Understated(Block);

impl Kernel for Understated {
    fn spec(&self) -> &'static KernelSpec {
        &KernelSpec {
            name: "understated",
            documentation: "Goes on until it is released or told to stop, and says it is quick.",
            example: "",
            parameters: &[],
            results: &[],
        }
    }

    fn cost(&self, _: &Arguments) -> Duration {
        Duration::ZERO
    }

    fn run(&self, arguments: Arguments, context: &Context) -> Result<Vec<Value>, KernelError> {
        self.0.run(arguments, context)
    }
}
