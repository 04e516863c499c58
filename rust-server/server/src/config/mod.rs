//! What the operator decides: read once from flags and environment, all faults reported together.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

mod flags;
mod machine;
mod parse;

pub use flags::{Flags, Subcommand};
pub use parse::Fault;

use crate::transport::TlsFiles;

/// The address of a server that is told nothing else.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:50051";
/// The admin address of a server that is told nothing else.
pub const DEFAULT_ADMIN: &str = "127.0.0.1:50052";

/// The configuration of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen on TCP.
    pub listen: Option<SocketAddr>,
    /// Where to serve metrics and probes.
    pub admin: Option<SocketAddr>,
    /// Whether a successor may listen on the same TCP address while this server drains.
    pub reuse_port: bool,
    /// Where to listen on a Unix socket.
    pub uds: Option<PathBuf>,
    /// The certificates that encrypt TCP connections.
    pub tls: Option<TlsFiles>,
    /// Where the tokens are, of which callers must have one.
    pub token_file: Option<PathBuf>,
    /// The users whose processes may connect to the Unix socket.
    pub uds_users: Option<Vec<u32>>,
    /// Whether reflection is answered.
    pub reflection: bool,
    /// Threads in each pool, and threads that serve connections.
    pub threads: usize,
    /// What one caller may ask for.
    pub limits: Limits,
    /// How many bytes the requests and results of all calls may take together.
    pub memory_budget: usize,
    /// How long jobs may have to wait in each lane.
    pub max_queue_time: Duration,
    /// How many connections may be open.
    pub max_connections: usize,
    /// After this time a TCP connection is closed gracefully, so that callers look for new replicas.
    pub max_connection_age: Option<Duration>,
    /// How long new calls are still taken after the signal to stop, while health says NOT_SERVING.
    pub drain_delay: Duration,
    /// How long calls in flight may go on after the signal to stop.
    pub drain_timeout: Duration,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What the log holds, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log_level: String,
    /// A call that takes longer has a warning in the log.
    pub slow_call: Duration,
    /// Where spans are sent.
    pub otlp_endpoint: Option<String>,
    /// The process whose end is this server's end.
    pub exit_with_parent: Option<u32>,
}

/// What one caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message.
    pub max_message_bytes: usize,
    /// Bytes of a body that comes in chunks.
    pub max_body_bytes: usize,
    /// Bytes that a call may take for its results and on the way to them.
    pub max_call_memory: usize,
    /// How long an upload may rest in the middle of a message.
    pub upload_timeout: Duration,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}

// === impl Config ===

impl Config {
    /// Reads every flag.
    ///
    /// # Errors
    ///
    /// All faults, of all flags.
    pub fn from_flags(flags: &Flags) -> Result<Self, Vec<Fault>> {
        parse::config(flags)
    }
}

#[cfg(test)]
mod tests;
