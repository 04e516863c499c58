//! A server: bound first, so that a refusal comes before anything is served; then run.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use offgil_kernels::Catalogue;
use thiserror::Error;

use crate::{
    admission::Admission,
    config::Config,
    edge,
    executor::Executor,
    in_flight::InFlight,
    invocation::Invoker,
    service,
    transport::{Acceptor, BindError, Listeners, Options},
};

/// Jobs that may run at once in each lane, for each thread: one computes while others decode.
const JOBS_PER_THREAD: usize = 4;
/// Time for connections to close once no call is in flight.
const CLOSING: Duration = Duration::from_secs(1);
/// Time for calls to answer UNAVAILABLE once they are cut off.
const CUTTING_OFF: Duration = Duration::from_millis(500);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listeners: Listeners,
    invoker: Invoker,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address or a socket cannot be used.
    #[error(transparent)]
    Bind(#[from] BindError),
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
        let admission = Admission::new(config.threads * JOBS_PER_THREAD, config.max_queue);
        let executor = Executor::new(config.threads)?;
        let limit = config.limits.max_call_memory;
        let invoker = Invoker::new(catalogue, admission, executor, limit);
        Ok(Self {
            config,
            listeners,
            invoker,
        })
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
        let (routes, health) = service::routes(self.invoker.clone(), limits);
        let handler = {
            let in_flight = in_flight.clone();
            let sampler = Arc::new(edge::sampling::Sampler::default());
            move |request| {
                edge::handle(
                    routes.clone(),
                    in_flight.clone(),
                    Arc::clone(&sampler),
                    limits.max_message_bytes,
                    request,
                )
            }
        };
        let options = Options {
            max_connections: self.config.max_connections,
            max_connection_age: self.config.max_connection_age,
        };
        let mut acceptor = Acceptor::start(self.listeners, options, in_flight.clone(), handler)?;
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
        Ok((cause, outcome))
    }
}
