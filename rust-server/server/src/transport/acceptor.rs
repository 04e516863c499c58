//! Accepts connections within their limit, and drains them.

use std::{convert::Infallible, future::Future, io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

use super::{Listeners, connection, delivery::Delivering, listeners::SocketFile};
use crate::in_flight::InFlight;

/// The first pause after the system refused to accept (out of descriptors or memory), doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A connection's age varies by one part in so many, so that its siblings do not all end at once.
const AGE_SPREAD: u32 = 5;

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many may be open.
    pub max_connections: usize,
    /// When a TCP connection is closed gracefully.
    pub max_connection_age: Option<Duration>,
}

/// Accepts connections, and owns them.
#[derive(Debug)]
pub struct Acceptor<H> {
    tcp: Option<TcpListener>,
    unix: Option<(UnixListener, SocketFile)>,
    options: Options,
    in_flight: InFlight,
    lingering: InFlight,
    handler: H,
    connections: JoinSet<()>,
    draining: watch::Sender<bool>,
    accepted: u32,
}

enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

// === impl Acceptor ===

impl<H, F, B> Acceptor<H>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Prepares to accept; `handler` answers each request, and what is
    /// still to be delivered is counted in `in_flight`.
    ///
    /// # Errors
    ///
    /// An error if the sockets cannot be polled.
    pub fn start(
        listeners: Listeners,
        options: Options,
        in_flight: InFlight,
        handler: H,
    ) -> io::Result<Self> {
        let tcp = listeners.tcp.map(TcpListener::from_std).transpose()?;
        let unix = match listeners.unix {
            None => None,
            Some(file) => Some((UnixListener::from_std(file.listener.try_clone()?)?, file)),
        };
        Ok(Self {
            tcp,
            unix,
            options,
            in_flight,
            lingering: InFlight::default(),
            handler,
            connections: JoinSet::new(),
            draining: watch::Sender::new(false),
            accepted: 0,
        })
    }

    /// Accepts and serves connections for as long as it is polled.
    pub async fn accept(&mut self) -> Infallible {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::select! {
                // Connections over the limit wait in the system's backlog.
                accepted = next(self.tcp.as_ref(), self.unix.as_ref().map(|(unix, _)| unix)),
                    if self.connections.len() < self.options.max_connections =>
                {
                    match accepted {
                        Ok(accepted) => {
                            pause = FIRST_PAUSE;
                            self.serve(accepted);
                        }
                        Err(error) if is_of_one_connection(&error) => {}
                        Err(error) => {
                            tracing::warn!(%error, ?pause, "cannot accept connections");
                            tokio::time::sleep(pause).await;
                            pause = (pause * 2).min(LONGEST_PAUSE);
                        }
                    }
                }
                Some(_ended) = self.connections.join_next() => {}
            }
        }
    }

    /// Closes the listeners, and tells every peer to send no new call.
    pub fn drain(&mut self) {
        self.tcp = None;
        self.unix = None;
        self.draining.send_replace(true);
    }

    /// Returns how many connections have delivered all and wait for their peers to close.
    pub fn lingering(&self) -> usize {
        self.lingering.count()
    }

    /// Waits until every connection has closed.
    pub async fn closed(&mut self) {
        while self.connections.join_next().await.is_some() {}
    }

    fn serve(&mut self, accepted: Accepted) {
        self.accepted = self.accepted.wrapping_add(1);
        match accepted {
            Accepted::Tcp(stream) => {
                // Small answers go out at once. A connection that refuses this is broken anyway.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                let spread = |age| age + age / AGE_SPREAD * (self.accepted % 8) / 8;
                let age = self.options.max_connection_age.map(spread);
                self.spawn(stream, age);
            }
            Accepted::Unix(stream) => self.spawn(stream, None),
        }
    }

    fn spawn<S>(&mut self, stream: S, age: Option<Duration>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (handler, draining) = (self.handler.clone(), self.draining.subscribe());
        let (stream, returned) = Delivering::new(stream, self.in_flight.clone());
        let lingering = self.lingering.clone();
        self.connections.spawn(async move {
            if connection::serve(stream, handler, age, draining).await {
                returned.linger(&lingering).await;
            }
        });
    }
}

async fn next(tcp: Option<&TcpListener>, unix: Option<&UnixListener>) -> io::Result<Accepted> {
    let from_tcp = async {
        match tcp {
            Some(listener) => listener.accept().await,
            None => std::future::pending().await,
        }
    };
    let from_unix = async {
        match unix {
            Some(listener) => listener.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = from_tcp => Ok(Accepted::Tcp(accepted?.0)),
        accepted = from_unix => Ok(Accepted::Unix(accepted?.0)),
    }
}

/// Tells errors of a peer that left early from those of this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
