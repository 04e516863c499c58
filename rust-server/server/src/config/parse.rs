//! From text to configuration, collecting every fault on the way.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use bytesize::ByteSize;
use tracing_subscriber::EnvFilter;

use super::{Config, DEFAULT_ADMIN, DEFAULT_LISTEN, Flags, Limits, LogFormat, machine};
use crate::transport::TlsFiles;

/// The longest path of a Unix socket: the system's structure holds 108 bytes, the last one a zero.
const LONGEST_SOCKET_PATH: usize = 107;

/// A variable would be inherited by processes that have another parent.
const FLAG_WITHOUT_VARIABLE: &str = "exit-with-parent";
/// More threads, connections or waiting jobs than any machine has.
const GREATEST_NUMBER: usize = 1_000_000;
const LONGEST_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// A flag that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    flag: &'static str,
    message: String,
}

#[derive(Default)]
struct Faults(Vec<Fault>);

pub(super) fn config(flags: &Flags) -> Result<Config, Vec<Fault>> {
    let flags = &without_empty(flags.clone());
    let mut faults = Faults::default();
    let mut config = Config {
        listen: listen(flags, &mut faults),
        admin: admin(flags, &mut faults),
        reuse_port: faults
            .switch("reuse-port", &flags.reuse_port)
            .unwrap_or(false),
        uds: uds(flags, &mut faults),
        tls: tls(flags, &mut faults),
        token_file: flags.token_file.as_ref().map(PathBuf::from),
        uds_users: uds_users(flags, &mut faults),
        reflection: flags.reflection.is_none()
            || faults
                .switch("reflection", &flags.reflection)
                .unwrap_or(true),
        threads: faults.number("threads", &flags.threads, 1, machine::cores()),
        limits: Limits {
            max_message_bytes: faults.size("max-message-bytes", &flags.max_message_bytes, 64),
            max_body_bytes: faults.size("max-body-bytes", &flags.max_body_bytes, 64),
            max_call_memory: faults.size("max-call-memory", &flags.max_call_memory, 512),
            upload_timeout: faults.duration("upload-timeout", &flags.upload_timeout, 10),
        },
        // After the limits, which it depends on.
        memory_budget: 0,
        max_queue_time: faults.duration("max-queue-time", &flags.max_queue_time, 5),
        max_connections: faults.number("max-connections", &flags.max_connections, 1, 1024),
        max_connection_age: Some(faults.duration(
            "max-connection-age",
            &flags.max_connection_age,
            0,
        ))
        .filter(|age| !age.is_zero()),
        drain_delay: faults.duration("drain-delay", &flags.drain_delay, 0),
        drain_timeout: faults.duration("drain-timeout", &flags.drain_timeout, 30),
        log_format: log_format(flags, &mut faults),
        log_level: log_level(flags, &mut faults),
        slow_call: faults.duration("slow-call", &flags.slow_call, 1),
        otlp_endpoint: otlp_endpoint(flags, &mut faults),
        exit_with_parent: parent(flags, &mut faults),
    };
    config.memory_budget = memory_budget(flags, config.limits, &mut faults);
    if config.listen.is_none() && config.uds.is_none() && faults.0.is_empty() {
        faults.add(
            "listen",
            "there is nothing to listen on; give --listen or --uds",
        );
    }
    if faults.0.is_empty() {
        Ok(config)
    } else {
        Err(faults.0)
    }
}

fn listen(flags: &Flags, faults: &mut Faults) -> Option<SocketAddr> {
    let text = match (&flags.listen, &flags.uds) {
        (Some(text), _) if text == "none" => return None,
        (Some(text), _) => text,
        (None, Some(_)) => return None,
        (None, None) => DEFAULT_LISTEN,
    };
    let Ok(address) = text.parse::<SocketAddr>() else {
        faults.add(
            "listen",
            format!("{text:?} is no IP address with a port, such as {DEFAULT_LISTEN}"),
        );
        return None;
    };
    // A switch that is wrong is a fault of its own; one complaint is enough.
    let allowed = faults
        .switch("allow-plaintext", &flags.allow_plaintext)
        .unwrap_or(true);
    if !allowed && flags.tls_cert.is_none() && !address.ip().is_loopback() {
        faults.add(
            "listen",
            format!(
                "other machines reach {address}, and nothing is encrypted; give --tls-cert, or, if the network is trusted, --allow-plaintext"
            ),
        );
    }
    Some(address)
}

fn admin(flags: &Flags, faults: &mut Faults) -> Option<SocketAddr> {
    let text = match (&flags.admin, &flags.listen, &flags.uds) {
        (Some(text), ..) if text == "none" => return None,
        (Some(text), ..) => text,
        (None, None, None) => DEFAULT_ADMIN,
        (None, ..) => return None,
    };
    let address = text.parse().ok();
    if address.is_none() {
        faults.add(
            "admin",
            format!("{text:?} is no IP address with a port, such as {DEFAULT_ADMIN}"),
        );
    }
    address
}

/// Returns the budget: what is given, or half of the memory there is.
fn memory_budget(flags: &Flags, limits: Limits, faults: &mut Faults) -> usize {
    // Half of it is for requests, and a part of that for small ones.
    let least = limits.max_message_bytes.saturating_mul(3);
    let Some(text) = &flags.memory_budget else {
        let half = usize::try_from(machine::memory() / 2).unwrap_or(usize::MAX);
        return half.max(least);
    };
    let size = ByteSize::from_str(text).map_or(0, |size| size.as_u64());
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size < least {
        faults.add(
            "memory-budget",
            format!(
                "{text:?} is no size of at least {least} bytes, three times the longest message (--max-message-bytes)"
            ),
        );
    }
    size
}

fn uds(flags: &Flags, faults: &mut Faults) -> Option<PathBuf> {
    let path = flags.uds.as_ref()?;
    if path.len() > LONGEST_SOCKET_PATH {
        faults.add(
            "uds",
            format!(
                "the path has {} bytes; a socket's path has at most {LONGEST_SOCKET_PATH}",
                path.len()
            ),
        );
    }
    Some(path.into())
}

fn tls(flags: &Flags, faults: &mut Faults) -> Option<TlsFiles> {
    match (&flags.tls_cert, &flags.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            callers: flags.tls_ca.as_ref().map(PathBuf::from),
        }),
        (Some(_), None) => {
            faults.add("tls-key", "--tls-cert needs it");
            None
        }
        (None, Some(_)) => {
            faults.add("tls-cert", "--tls-key needs it");
            None
        }
        (None, None) if flags.tls_ca.is_some() => {
            faults.add("tls-cert", "--tls-ca needs it");
            None
        }
        (None, None) => None,
    }
}

fn uds_users(flags: &Flags, faults: &mut Faults) -> Option<Vec<u32>> {
    let text = flags.uds_users.as_ref()?;
    let users: Result<Vec<u32>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    if users.is_err() {
        faults.add(
            "uds-users",
            format!("{text:?} is no list of user ids, such as 0,1000"),
        );
    }
    users.ok()
}

fn log_format(flags: &Flags, faults: &mut Faults) -> LogFormat {
    match flags.log_format.as_deref() {
        None | Some("auto") => LogFormat::Auto,
        Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => {
            faults.add(
                "log-format",
                format!("{other:?} is none of auto, text, json"),
            );
            LogFormat::Auto
        }
    }
}

fn log_level(flags: &Flags, faults: &mut Faults) -> String {
    let level = flags.log.as_deref().unwrap_or("info");
    if let Err(error) = EnvFilter::try_new(level) {
        faults.add("log", format!("{level:?}: {error}"));
    }
    level.to_owned()
}

fn otlp_endpoint(flags: &Flags, faults: &mut Faults) -> Option<String> {
    let text = flags.otlp_endpoint.as_ref()?;
    let is_sound = |uri: http::Uri| uri.scheme_str() == Some("http") && uri.authority().is_some();
    if !text.parse().is_ok_and(is_sound) {
        faults.add(
            "otlp-endpoint",
            format!("{text:?} is no URL such as http://127.0.0.1:4317"),
        );
    }
    Some(text.clone())
}

fn parent(flags: &Flags, faults: &mut Faults) -> Option<u32> {
    let text = flags.exit_with_parent.as_ref()?;
    let parent = text.parse().ok().filter(|pid| *pid > 0);
    if parent.is_none() {
        faults.add(FLAG_WITHOUT_VARIABLE, format!("{text:?} is no process id"));
    }
    parent
}

/// Takes what is empty as not given, as compose files and shells pass on a variable that is not set.
fn without_empty(mut flags: Flags) -> Flags {
    for text in [
        &mut flags.listen,
        &mut flags.uds,
        &mut flags.allow_plaintext,
        &mut flags.reuse_port,
        &mut flags.threads,
        &mut flags.max_message_bytes,
        &mut flags.max_body_bytes,
        &mut flags.max_call_memory,
        &mut flags.memory_budget,
        &mut flags.upload_timeout,
        &mut flags.max_queue_time,
        &mut flags.admin,
        &mut flags.tls_cert,
        &mut flags.tls_key,
        &mut flags.tls_ca,
        &mut flags.token_file,
        &mut flags.uds_users,
        &mut flags.reflection,
        &mut flags.max_connections,
        &mut flags.max_connection_age,
        &mut flags.drain_delay,
        &mut flags.drain_timeout,
        &mut flags.slow_call,
        &mut flags.otlp_endpoint,
        &mut flags.log_format,
        &mut flags.log,
        &mut flags.exit_with_parent,
    ] {
        text.take_if(|text| text.is_empty());
    }
    flags
}

// === impl Faults ===

impl Faults {
    fn add(&mut self, flag: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.0.push(Fault { flag, message });
    }

    /// Returns what a switch says, or nothing if it is wrong.
    fn switch(&mut self, flag: &'static str, text: &Option<String>) -> Option<bool> {
        match text.as_deref() {
            None | Some("0" | "false") => Some(false),
            Some("1" | "true") => Some(true),
            Some(other) => {
                self.add(flag, format!("{other:?} is neither true nor false"));
                None
            }
        }
    }

    fn number(
        &mut self,
        flag: &'static str,
        text: &Option<String>,
        least: usize,
        default: usize,
    ) -> usize {
        let Some(text) = text else { return default };
        match text.parse() {
            Ok(number) if (least..=GREATEST_NUMBER).contains(&number) => number,
            _ => {
                self.add(
                    flag,
                    format!("{text:?} is no whole number from {least} to {GREATEST_NUMBER}"),
                );
                default
            }
        }
    }

    fn size(&mut self, flag: &'static str, text: &Option<String>, default_mib: u64) -> usize {
        let size = match text {
            None => ByteSize::mib(default_mib),
            Some(text) => ByteSize::from_str(text).unwrap_or_default(),
        };
        // The length of a gRPC message has 32 bits.
        let size = usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        if !(1024..=u32::MAX as usize).contains(&size) {
            let text = text.as_deref().unwrap_or_default();
            self.add(
                flag,
                format!("{text:?} is no size from 1KiB to below 4GiB, such as 64MiB"),
            );
        }
        size
    }

    fn duration(&mut self, flag: &'static str, text: &Option<String>, default: u64) -> Duration {
        let default = Duration::from_secs(default);
        let Some(text) = text else { return default };
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= LONGEST_DURATION => duration,
            _ => {
                self.add(
                    flag,
                    format!("{text:?} is no duration up to a year, such as 30s"),
                );
                default
            }
        }
    }
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.flag)?;
        if self.flag != FLAG_WITHOUT_VARIABLE {
            let variable = self.flag.replace('-', "_").to_uppercase();
            write!(f, " / OFFGIL_{variable}")?;
        }
        write!(f, ": {}", self.message)
    }
}
