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
    signals::{self, Cause},
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
    if let Some(Subcommand::Health(health)) = &flags.subcommand {
        let target = health.target.clone();
        return check_health(&target.unwrap_or_else(|| own_target(&flags)), health.wait);
    }
    match Config::from_flags(&flags) {
        Ok(config) => serve(config, catalogue),
        Err(faults) => {
            let lines = faults.iter().map(Fault::to_string);
            complain(&lines.collect::<Vec<_>>().join("\n"));
            USAGE.into()
        }
    }
}

fn serve(config: Config, catalogue: Catalogue) -> ExitCode {
    logging::start(&config);
    let (parent, threads) = (config.exit_with_parent, config.threads);
    let server = match Server::bind(config, catalogue) {
        Ok(server) => server,
        Err(error) => {
            complain(&error.to_string());
            return UNAVAILABLE.into();
        }
    };
    let served = runtime(threads).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            let cause = async {
                let cause = signals::cause_to_stop(parent).await;
                cause.inspect(|cause| tracing::info!(?cause, "stopping"))
            };
            server.run(cause).await
        });
        // Jobs that ignore the request to stop must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    match served {
        Ok((Cause::ParentEnded, _) | (_, Outcome::Drained)) => ExitCode::SUCCESS,
        Ok((_, Outcome::CutOff)) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("cannot serve: {error}"));
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

/// Returns the target of the server that this environment would start.
fn own_target(flags: &Flags) -> String {
    match Config::from_flags(flags) {
        Ok(Config {
            uds: Some(path), ..
        }) => format!("unix://{}", path.display()),
        Ok(Config {
            listen: Some(address),
            ..
        }) if !address.ip().is_unspecified() => address.to_string(),
        Ok(Config {
            listen: Some(address),
            ..
        }) => format!("localhost:{}", address.port()),
        _ => crate::config::DEFAULT_LISTEN.to_owned(),
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
    let _ = writeln!(io::stderr(), "offgil-server: {message}");
}
