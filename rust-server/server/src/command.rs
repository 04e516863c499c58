//! The command line: what `main` of the binary does, for any catalogue.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use offgil_kernels::Catalogue;

use crate::{
    config::{Config, Fault, Flags, Subcommand},
    logging,
    server::{Outcome, Server},
    service::probe,
    signals::{Cause, Signals},
};

/// Wrong flags or variables (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// The system refuses what is needed: a port, a socket, a thread (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;

/// Serves `catalogue` as the flags and the environment of this process say, until it is stopped.
///
/// Exit codes: 0 after a clean drain, 1 if calls had to be cut off, 64 for a wrong configuration, 69 if
/// the system refuses a port, a socket or a thread.
pub fn main(catalogue: Catalogue) -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            let printed = error.print();
            return if printed.is_ok() {
                code.into()
            } else {
                ExitCode::FAILURE
            };
        }
    };
    if let Some(Subcommand::Health(health)) = &flags.subcommand
        && let Some(target) = &health.target
    {
        return check_health(target, health.wait);
    }
    match (Config::from_flags(&flags), &flags.subcommand) {
        (Ok(config), None) => serve(config, catalogue),
        (Ok(config), Some(Subcommand::Health(health))) => {
            check_health(&target_of(&config), health.wait)
        }
        (Err(faults), _) => {
            let lines = faults.iter().map(Fault::to_string);
            complain(&lines.collect::<Vec<_>>().join("\n"));
            USAGE.into()
        }
    }
}

fn serve(config: Config, catalogue: Catalogue) -> ExitCode {
    // Dropped last, so that the log of the end is written.
    let _log = logging::start(&config);
    let (parent, threads) = (config.exit_with_parent, config.threads);
    let served = runtime(threads).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            // Before anybody can connect: a signal that comes then drains.
            let signals = Signals::listen()?;
            let server = Server::bind(config, catalogue).map_err(io::Error::other)?;
            let stop = async {
                let cause = signals.cause_to_stop(parent).await;
                tracing::info!(?cause, "stopping");
                cause
            };
            server.run(stop).await
        });
        // Jobs that ignore the request to stop must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    match served {
        Ok((Cause::ParentEnded, _) | (_, Outcome::Drained)) => ExitCode::SUCCESS,
        Ok((_, Outcome::CutOff)) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error.to_string());
            UNAVAILABLE.into()
        }
    }
}

fn check_health(target: &str, wait: Duration) -> ExitCode {
    let checked = runtime(1).map(|runtime| runtime.block_on(probe::probe(target, wait)));
    match checked {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            complain(&format!("{target} is not serving: {error}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            UNAVAILABLE.into()
        }
    }
}

/// Returns the target of a server with this configuration, for a caller on the same machine.
fn target_of(config: &Config) -> String {
    match (&config.uds, config.listen) {
        (Some(path), _) => format!("unix://{}", path.display()),
        (None, Some(address)) if address.ip().is_unspecified() => {
            format!("localhost:{}", address.port())
        }
        (None, Some(address)) => address.to_string(),
        (None, None) => unreachable!("a valid configuration listens somewhere"),
    }
}

fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
}

/// Tells the operator what is wrong; the log may not have begun yet.
fn complain(message: &str) {
    // With standard error closed there is nobody to tell; the exit code remains.
    // One write, so that no other process writes into the middle of it.
    let line = format!("offgil-server: {message}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
