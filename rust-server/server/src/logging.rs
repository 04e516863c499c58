//! The log: text on a terminal, JSON elsewhere, on standard error.
//!
//! A thread of its own writes it. If nobody reads the log, or it cannot be written, lines are dropped: the
//! log never holds up a call.

use std::{
    io::{self, IsTerminal},
    sync::atomic::Ordering,
};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, LogFormat},
    metrics::PANICS,
};

/// Lines that may wait for a slow reader.
const BUFFERED_LINES: usize = 8192;

/// Starts the log, and sends the messages of panics there. The lines that wait are written when the
/// guard is dropped, for at most a second.
pub fn start(config: &Config) -> WorkerGuard {
    let text = match config.log_format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .finish(io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&config.log_level))
        // It would report on standard error, which may be what failed, and panic.
        .log_internal_errors(false)
        .with_writer(writer);
    if text {
        builder.with_ansi(io::stderr().is_terminal()).init();
    } else {
        builder.json().flatten_event(true).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let location = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(location, message, "panic");
    }));
    guard
}
