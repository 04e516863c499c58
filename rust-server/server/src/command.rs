//! The command line: what `main` of the binary does, for any catalogue.

use std::{
    io::{self, Write},
    net::SocketAddr,
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
        (Ok(config), Some(Subcommand::Health(health))) => match target_of(&config) {
            Ok(target) => check_health(&target, health.wait),
            Err(fault) => {
                complain(fault);
                USAGE.into()
            }
        },
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

/// Returns where a probe on the same machine asks a server with this configuration.
///
/// # Errors
///
/// That there is no such place: a probe has no certificates.
fn target_of(config: &Config) -> Result<String, &'static str> {
    match (&config.uds, config.listen, &config.tls, config.admin) {
        (Some(path), ..) => Ok(format!("unix://{}", path.display())),
        (None, Some(address), None, _) => Ok(on_this_machine(address)),
        (None, Some(_), Some(_), Some(address)) => {
            Ok(probe::admin_target(&on_this_machine(address)))
        }
        (None, Some(_), Some(_), None) => {
            Err("health does not ask by TLS; give --admin / OFFGIL_ADMIN or --target")
        }
        (None, None, ..) => unreachable!("a valid configuration listens somewhere"),
    }
}

fn on_this_machine(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn target(arguments: &[&str]) -> Result<String, &'static str> {
        let arguments = ["offgil-server"].iter().chain(arguments);
        let flags = Flags::try_parse_from(arguments).expect("the flags exist");
        target_of(&Config::from_flags(&flags).expect("valid"))
    }

    #[test]
    fn probes_ask_where_no_certificate_is_needed() {
        let tls = ["--tls-cert=c", "--tls-key=k", "--listen=0.0.0.0:5"];
        let with = |flag| [&tls[..], &[flag]].concat();
        let found = |target: &str| Ok(target.to_owned());
        assert_eq!(target(&["--listen=127.0.0.1:5"]), found("127.0.0.1:5"));
        assert_eq!(
            target(&["--listen=0.0.0.0:5", "--allow-plaintext"]),
            found("localhost:5")
        );
        assert_eq!(target(&with("--uds=/x")), found("unix:///x"));
        assert_eq!(
            target(&with("--admin=0.0.0.0:6")),
            found("http://localhost:6")
        );
        assert!(target(&tls).expect_err("nobody to ask").contains("--admin"));
    }
}
