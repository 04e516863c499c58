//! Accepts connections within their limit, and drains them.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

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

use super::{
    Listeners, Tls, connection, delivery::Delivering, descriptors, listeners::SocketFile,
    peers::Peers, preface,
};
use crate::{budget::Budget, in_flight::InFlight, peer::Peer};

/// The first pause after the system refused to accept (out of descriptors or memory), doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A connection's age varies by one part in so many, so that its siblings do not all end at once.
const AGE_SPREAD: u32 = 5;
/// So many connections over the limit are accepted, each while another is asked to leave; more wait in the system's
/// backlog.
const GUESTS: usize = 32;
/// Time for a connection to leave that was asked to, once it has no call in flight.
const LEAVING: Duration = Duration::from_millis(250);
/// Time between two looks at answers that are not read.
const LOOK: Duration = Duration::from_secs(1);
/// So long an answer may rest while memory is short, or past its deadline.
const UNREAD: Duration = Duration::from_secs(5);

/// What holds for connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many may be open.
    pub max_connections: usize,
    /// When a TCP connection is closed gracefully.
    pub max_connection_age: Option<Duration>,
    /// What answers that are not read must not hold while it is short.
    pub budget: Budget,
    /// Encrypts TCP connections.
    pub tls: Option<Arc<Tls>>,
    /// The users whose processes may connect to the Unix socket; all that its file lets in if there are none.
    pub uds_users: Option<Vec<u32>>,
}

/// Accepts connections, and owns them.
#[derive(Debug)]
pub struct Acceptor<H> {
    tcp: Option<TcpListener>,
    unix: Option<(UnixListener, SocketFile)>,
    options: Options,
    in_flight: InFlight,
    lingering: InFlight,
    open: InFlight,
    peers: Peers,
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
        mut options: Options,
        in_flight: InFlight,
        handler: H,
    ) -> io::Result<Self> {
        let room = descriptors::room_for_connections()
            .saturating_sub(GUESTS)
            .max(1);
        if options.max_connections > room {
            tracing::warn!(
                room,
                wanted = options.max_connections,
                "the system allows fewer connections than --max-connections (ulimit -n)"
            );
            options.max_connections = room;
        }
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
            open: InFlight::default(),
            peers: Peers::default(),
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
                accepted = next(self.tcp.as_ref(), self.unix.as_ref().map(|(unix, _)| unix)),
                    if self.connections.len() < self.options.max_connections + GUESTS =>
                {
                    match accepted {
                        Ok(accepted) => {
                            pause = FIRST_PAUSE;
                            if self.connections.len() >= self.options.max_connections {
                                self.peers.dismiss_one();
                            }
                            self.serve(accepted);
                        }
                        Err(error) if is_of_one_connection(&error) => {}
                        Err(error) => {
                            tracing::warn!(%error, ?pause, "cannot accept connections");
                            // If it was for descriptors, there is one then.
                            self.peers.dismiss_one();
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

    /// Returns the count of connections that are open.
    pub fn open(&self) -> InFlight {
        self.open.clone()
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
                match self.options.tls.clone() {
                    None => self.spawn(async { Ok(stream) }, age),
                    Some(tls) => self.spawn(async move { tls.accept(stream).await }, age),
                }
            }
            Accepted::Unix(stream) => {
                let users = self.options.uds_users.clone();
                self.spawn(async move { check_user(stream, users) }, None);
            }
        }
    }

    /// Serves a connection once it is ready.
    fn spawn<S>(
        &mut self,
        ready: impl Future<Output = io::Result<S>> + Send + 'static,
        age: Option<Duration>,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (handler, mut draining) = (self.handler.clone(), self.draining.subscribe());
        let (in_flight, lingering) = (self.in_flight.clone(), self.lingering.clone());
        let (open, peer) = (self.open.begin(), self.peers.welcome());
        let budget = self.options.budget.clone();
        let window = connection::window(budget.limit(), self.open.count());
        self.connections.spawn(async move {
            let _open = open;
            let prefaced = async { preface::read(ready.await?).await };
            let prefaced = tokio::select! {
                prefaced = prefaced => prefaced,
                () = peer.dismissed() => return,
            };
            let stream = match prefaced {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a peer did not get as far as a call");
                    return;
                }
            };
            let (stream, returned) = Delivering::new(stream, in_flight);
            let enough = async {
                tokio::select! {
                    () = old(age) => {}
                    () = peer.dismissed() => {}
                    // An error means that the acceptor has gone, which is the end too.
                    _ = draining.wait_for(|draining| *draining) => {}
                }
            };
            let served = async {
                let of_peer = Arc::clone(&peer);
                let handler = move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(Arc::clone(&of_peer));
                    handler(request)
                };
                if connection::serve(stream, window, handler, enough).await {
                    returned.linger(&lingering).await;
                }
            };
            tokio::select! {
                () = served => {}
                () = has_left(&peer) => {}
                why = hoards(&peer, &budget) => {
                    tracing::warn!("a peer that does not read its answers was left: {why}");
                }
            }
        });
    }
}

/// Waits until a peer that was asked to leave has had the time for it.
async fn has_left(peer: &Peer) {
    peer.dismissed().await;
    peer.rests().await;
    tokio::time::sleep(LEAVING).await;
}

/// Waits until a peer leaves answers unread that it must not; returns why.
async fn hoards(peer: &Peer, budget: &Budget) -> &'static str {
    loop {
        tokio::time::sleep(LOOK).await;
        if budget.is_short() && peer.leaves_unread(UNREAD) {
            return "memory is short";
        }
        if peer.leaves_expired(UNREAD) {
            return "their deadline has passed";
        }
    }
}

async fn old(age: Option<Duration>) {
    match age {
        Some(age) => tokio::time::sleep(age).await,
        None => std::future::pending().await,
    }
}

/// Returns a stream if its peer is a process of one of the users.
fn check_user(stream: UnixStream, users: Option<Vec<u32>>) -> io::Result<UnixStream> {
    if let Some(users) = users {
        let user = stream.peer_cred()?.uid();
        if !users.contains(&user) {
            tracing::warn!(user, "a process of another user was refused (--uds-users)");
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    Ok(stream)
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
