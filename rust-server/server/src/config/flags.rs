//! The flags and variables, as text. Nothing is judged here, so that all faults can be told at once.

use clap::{Args, Parser};

/// gRPC compute server: runs kernels in a process of its own.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "offgil-server",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("OFFGIL_COMMIT"), ")"),
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub struct Flags {
    /// TCP address to listen on, or `none`. Default: 127.0.0.1:50051, or none where --uds is given.
    #[arg(long, env = "OFFGIL_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Path of a Unix socket to listen on.
    #[arg(long, env = "OFFGIL_UDS", value_name = "PATH")]
    pub uds: Option<String>,
    /// Allow a TCP address that other machines reach, though nothing is encrypted. Default: false.
    #[arg(
        long,
        env = "OFFGIL_ALLOW_PLAINTEXT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub allow_plaintext: Option<String>,
    /// Share the TCP address with other servers of this user that do the same, so that a successor can take it over
    /// while this one still serves. Not for load balancing: without it, an address that is taken is an error.
    /// Default: false.
    #[arg(
        long,
        env = "OFFGIL_REUSE_PORT",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub reuse_port: Option<String>,
    /// Threads for computing. Default: the cores this process may use.
    #[arg(long, env = "OFFGIL_THREADS", value_name = "N")]
    pub threads: Option<String>,
    /// Longest message, in bytes or with a unit. Default: 64MiB.
    #[arg(long, env = "OFFGIL_MAX_MESSAGE_BYTES", value_name = "SIZE")]
    pub max_message_bytes: Option<String>,
    /// Longest JSON body that comes in chunks. Default: 64MiB.
    #[arg(long, env = "OFFGIL_MAX_BODY_BYTES", value_name = "SIZE")]
    pub max_body_bytes: Option<String>,
    /// Most memory that one call may take for its results and on the way to them. Default: 512MiB.
    #[arg(long, env = "OFFGIL_MAX_CALL_MEMORY", value_name = "SIZE")]
    pub max_call_memory: Option<String>,
    /// Jobs that may wait in each lane before callers are refused. Default: 1024.
    #[arg(long, env = "OFFGIL_MAX_QUEUE", value_name = "N")]
    pub max_queue: Option<String>,
    /// Connections that may be open. Default: 1024.
    #[arg(long, env = "OFFGIL_MAX_CONNECTIONS", value_name = "N")]
    pub max_connections: Option<String>,
    /// Close TCP connections gracefully after this time, so that callers find new replicas. Default: 0s, never.
    #[arg(long, env = "OFFGIL_MAX_CONNECTION_AGE", value_name = "DURATION")]
    pub max_connection_age: Option<String>,
    /// How long new calls are still taken after SIGTERM or SIGINT, for load balancers that watch health. Default: 0s.
    #[arg(long, env = "OFFGIL_DRAIN_DELAY", value_name = "DURATION")]
    pub drain_delay: Option<String>,
    /// How long calls in flight may go on after SIGTERM or SIGINT. Default: 30s.
    #[arg(long, env = "OFFGIL_DRAIN_TIMEOUT", value_name = "DURATION")]
    pub drain_timeout: Option<String>,
    /// auto (text on a terminal, else JSON), text or json. Default: auto.
    #[arg(long, env = "OFFGIL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a list such as info,offgil::call=warn. Default: info.
    #[arg(long, env = "OFFGIL_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Stop when this parent process has ended.
    #[arg(long, value_name = "PID")]
    pub exit_with_parent: Option<String>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,
}

/// What the binary does instead of serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Ask a server whether it takes calls: exit code 0 if it does, 1 if not.
    Health(Health),
}

/// The flags of `offgil-server health`.
#[derive(Args, Clone, Debug)]
pub struct Health {
    /// The server: unix:///path, dns:///host:port or host:port. Default: the one that OFFGIL_UDS or
    /// OFFGIL_LISTEN of this environment would start.
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Go on asking for this time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub wait: std::time::Duration,
}
