//! A server: bound first, so that a refusal comes before anything is served; then run.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use offgil_kernels::Catalogue;
use thiserror::Error;
use tokio::task::JoinSet;

use crate::{
    admin::{Admin, Report},
    admission::{Admission, Lane},
    budget::Budget,
    config::Config,
    edge::{Edge, EdgeParts, auth::Tokens, intake::IntakeLimits},
    executor::Executor,
    in_flight::InFlight,
    invocation::Invoker,
    metrics::{Metrics, State},
    service::{self, Health},
    spans::Spans,
    transport::{Acceptor, BindError, Listeners, Options, Tls},
};

/// Time for connections to close once no call is in flight.
const CLOSING: Duration = Duration::from_secs(1);
/// Time for calls to answer UNAVAILABLE once they are cut off.
const CUTTING_OFF: Duration = Duration::from_millis(500);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listeners: Listeners,
    admin: Option<Admin>,
    tls: Option<Arc<Tls>>,
    tokens: Option<Arc<Tokens>>,
    metrics: Metrics,
    invoker: Invoker,
}

/// What the admin address tells.
struct Condition {
    metrics: Metrics,
    budget: Budget,
    in_flight: InFlight,
    connections: InFlight,
    invoker: Invoker,
    health: Health,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address or a socket cannot be used.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin address cannot be used.
    #[error("cannot serve metrics on {address}: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificates or the tokens cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// The system refuses threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every call in flight was answered.
    Drained,
    /// The drain timeout passed with calls in flight.
    CutOff,
}

// === impl Server ===

impl Server {
    /// Binds the addresses and starts the threads of a server.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the system refuses an address, a socket or a thread.
    pub fn bind(config: Config, catalogue: Catalogue) -> Result<Self, StartError> {
        let listeners = Listeners::bind(config.listen, config.reuse_port, config.uds.as_deref())?;
        let tls = config.tls.clone().map(Tls::read).transpose();
        let tls = tls.map_err(StartError::Credentials)?.map(Arc::new);
        let tokens = config.token_file.clone().map(Tokens::read).transpose();
        let tokens = tokens.map_err(StartError::Credentials)?.map(Arc::new);
        let bind_admin = |address| {
            Admin::bind(address, config.exit_with_parent.is_some())
                .map_err(|source| StartError::Admin { address, source })
        };
        let admin = config.admin.map(bind_admin).transpose()?;
        let admission = Admission::new(config.threads, config.max_queue_time);
        let metrics = Metrics::new(&catalogue, config.threads, config.memory_budget);
        let executor = Executor::new(config.threads, metrics.stops())?;
        let limit = config.limits.max_call_memory;
        let invoker = Invoker::new(catalogue, admission, executor, limit);
        Ok(Self {
            config,
            listeners,
            admin,
            tls,
            tokens,
            metrics,
            invoker,
        })
    }

    /// Returns the admin address, with the port that the system chose if none was given.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.address().ok()
    }

    /// Returns the TCP address, with the port that the system chose if none was given.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.listeners.tcp_address()
    }

    /// Serves until `stop` is ready, then drains: health says NOT_SERVING; after the drain delay no new
    /// connection is accepted; calls in flight go on for at most the drain timeout.
    ///
    /// # Errors
    ///
    /// An error of the system.
    pub async fn run<C>(self, stop: impl Future<Output = C>) -> io::Result<(C, Outcome)> {
        let in_flight = InFlight::default();
        let limits = self.config.limits;
        let (routes, health) =
            service::routes(self.invoker.clone(), limits, self.config.reflection);
        let budget = Budget::new(self.config.memory_budget, self.config.max_queue_time);
        let spans = self.config.otlp_endpoint.as_deref().map(Spans::to);
        let spans = spans.transpose().map_err(io::Error::other)?.map(Arc::new);
        let handler = {
            let intake = IntakeLimits {
                max_message_bytes: limits.max_message_bytes,
                upload_timeout: limits.upload_timeout,
            };
            let edge = Edge::new(EdgeParts {
                limits: intake,
                budget: budget.clone(),
                in_flight: in_flight.clone(),
                metrics: self.metrics.clone(),
                tokens: self.tokens.clone(),
                spans: spans.clone(),
                slow_call: self.config.slow_call,
            });
            move |request| edge.clone().handle(routes.clone(), request)
        };
        let options = Options {
            max_connections: self.config.max_connections,
            max_connection_age: self.config.max_connection_age,
            budget: budget.clone(),
            tls: self.tls.clone(),
            uds_users: self.config.uds_users.clone(),
        };
        // For as long as this future is polled, and a moment longer.
        let mut watchers = JoinSet::new();
        if let Some(tls) = self.tls.clone() {
            watchers.spawn(async move { tls.watch().await });
        }
        if let Some(tokens) = self.tokens.clone() {
            watchers.spawn(async move { tokens.watch().await });
        }
        let mut acceptor = Acceptor::start(self.listeners, options, in_flight.clone(), handler)?;
        if let Some(admin) = self.admin {
            admin.start(Condition {
                metrics: self.metrics,
                budget,
                in_flight: in_flight.clone(),
                connections: acceptor.open(),
                invoker: self.invoker.clone(),
                health: health.clone(),
            })?;
        }
        health.set_serving(true).await;
        let cause = tokio::select! {
            cause = stop => cause,
            never = acceptor.accept() => match never {},
        };

        health.set_serving(false).await;
        tokio::select! {
            () = tokio::time::sleep(self.config.drain_delay) => {}
            never = acceptor.accept() => match never {},
        }
        acceptor.drain();
        let drained = tokio::time::timeout(self.config.drain_timeout, async {
            loop {
                tokio::select! {
                    () = acceptor.closed() => return,
                    () = in_flight.none() => {}
                }
                // Idle peers, health watches and half-open handshakes may never close; they lose
                // nothing. A call that was on its way when the peer was told is waited for as well, and
                // so are peers that read their last answers.
                let closed = tokio::time::timeout(CLOSING, acceptor.closed()).await;
                if closed.is_ok() || in_flight.count() + acceptor.lingering() == 0 {
                    return;
                }
            }
        });
        let outcome = match drained.await {
            Ok(()) => Outcome::Drained,
            // Only idle peers were left.
            Err(_) if in_flight.count() == 0 => Outcome::Drained,
            Err(_) => {
                tracing::warn!(in_flight = in_flight.count(), "drain timeout passed");
                self.invoker.stop();
                let _ = tokio::time::timeout(CUTTING_OFF, acceptor.closed()).await;
                Outcome::CutOff
            }
        };
        if let Some(spans) = spans {
            // If it panics, spans are lost and nothing else.
            let _ = tokio::task::spawn_blocking(move || spans.flush()).await;
        }
        Ok((cause, outcome))
    }
}

// === impl Condition ===

impl Report for Condition {
    fn is_ready(&self) -> bool {
        self.health.is_serving()
    }

    fn metrics(&self) -> Result<String, String> {
        let admission = self.invoker.admission();
        self.metrics.text(&State {
            in_flight: self.in_flight.count(),
            connections: self.connections.count(),
            budget_bytes: self.budget.taken(),
            queued: Lane::ALL.map(|lane| admission.queue(lane)),
            running: Lane::ALL.map(|lane| admission.running(lane)),
        })
    }
}
