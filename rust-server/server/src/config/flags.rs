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
    /// TCP address for /metrics, /livez and /readyz, or `none`. Default: 127.0.0.1:50052 where neither --listen nor
    /// --uds is given, else none.
    #[arg(long, env = "OFFGIL_ADMIN", value_name = "ADDRESS")]
    pub admin: Option<String>,
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
    /// PEM file with the certificate of this server, and those between it and its authority. Needs --tls-key; read again
    /// when it changes.
    #[arg(long, env = "OFFGIL_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// PEM file with the private key of the certificate.
    #[arg(long, env = "OFFGIL_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<String>,
    /// PEM file with the authorities whose certificates callers over TCP must have. Default: none is needed.
    #[arg(long, env = "OFFGIL_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<String>,
    /// File with bearer tokens, one a line, of which callers must have one; read again when it changes. Default: none is
    /// needed.
    #[arg(long, env = "OFFGIL_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<String>,
    /// Ids of the users whose processes may connect to the Unix socket, such as 0,1000. Default: whoever may write its
    /// file, which are its owner and group.
    #[arg(long, env = "OFFGIL_UDS_USERS", value_name = "UIDS")]
    pub uds_users: Option<String>,
    /// Answer reflection, by which grpcurl knows the methods. Default: true.
    #[arg(
        long,
        env = "OFFGIL_REFLECTION",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub reflection: Option<String>,
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
    /// Most memory for the requests and results of all calls together. Default: half of what this machine or container
    /// has, and at least three times the longest message.
    #[arg(long, env = "OFFGIL_MEMORY_BUDGET", value_name = "SIZE")]
    pub memory_budget: Option<String>,
    /// How long an upload may rest in the middle of a message. Default: 10s.
    #[arg(long, env = "OFFGIL_UPLOAD_TIMEOUT", value_name = "DURATION")]
    pub upload_timeout: Option<String>,
    /// How long jobs may have to wait, by their estimated cost, before callers are refused. Default: 5s.
    #[arg(long, env = "OFFGIL_MAX_QUEUE_TIME", value_name = "DURATION")]
    pub max_queue_time: Option<String>,
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
    /// A call that takes so long has a warning in the log that says what took the time. Default: 1s.
    #[arg(long, env = "OFFGIL_SLOW_CALL", value_name = "DURATION")]
    pub slow_call: Option<String>,
    /// Collector of OpenTelemetry to send spans to, over OTLP with gRPC, such as http://127.0.0.1:4317. Calls have spans
    /// whose callers sent a trace context that is sampled. Default: none.
    #[arg(long, env = "OFFGIL_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
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
    /// The server: unix:///path, dns:///host:port or host:port; or its admin address, http://host:port. Default: the
    /// one that OFFGIL_UDS or OFFGIL_LISTEN of this environment would start; if it has TLS, its OFFGIL_ADMIN.
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Go on asking for this time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub wait: std::time::Duration,
}
