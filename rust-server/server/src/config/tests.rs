//! Tests of flags and their faults.

use clap::Parser;

use super::*;

fn config(arguments: &[&str]) -> Result<Config, Vec<String>> {
    let arguments = ["offgil-server"].iter().chain(arguments);
    let flags = Flags::try_parse_from(arguments).expect("the flags exist");
    Config::from_flags(&flags).map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

#[test]
fn listens_on_loopback_by_default() {
    let config = config(&[]).expect("valid");
    assert_eq!(
        config.listen,
        Some(DEFAULT_LISTEN.parse().expect("an address"))
    );
    assert_eq!(config.uds, None);
}

#[test]
fn listens_only_where_it_is_told() {
    let only_socket = config(&["--uds", "/run/x.sock"]).expect("valid");
    assert_eq!(
        (only_socket.listen, only_socket.uds),
        (None, Some("/run/x.sock".into()))
    );
    let both = config(&["--uds", "/run/x.sock", "--listen", "[::1]:7"]).expect("valid");
    assert_eq!(both.listen, Some("[::1]:7".parse().expect("an address")));
    assert!(both.uds.is_some());
    assert!(config(&["--listen", "none"]).is_err());
}

#[test]
fn wants_to_be_told_before_it_faces_a_network() {
    let faults = config(&["--listen", "0.0.0.0:1"]).expect_err("refused");
    assert!(faults[0].contains("--allow-plaintext"), "{faults:?}");
    assert!(config(&["--listen", "0.0.0.0:1", "--allow-plaintext"]).is_ok());
    assert!(config(&["--listen", "0.0.0.0:1", "--allow-plaintext=false"]).is_err());
}

#[test]
fn reports_all_faults_together() {
    let long = "x".repeat(108);
    let faults = config(&[
        "--listen",
        "localhost",
        "--uds",
        &long,
        "--threads",
        "0",
        "--max-queue-time",
        "many",
        "--max-message-bytes",
        "8GiB",
        "--max-body-bytes",
        "much",
        "--drain-timeout",
        "soon",
        "--log-format",
        "xml",
        "--exit-with-parent",
        "0",
        "--reuse-port=perhaps",
        "--max-connections",
        "0",
        "--max-connection-age",
        "1",
        "--log",
        "offgil=loud",
    ])
    .expect_err("refused");
    let flags = [
        "listen",
        "reuse-port",
        "uds",
        "threads",
        "max-message-bytes",
        "max-body-bytes",
        "max-queue-time",
        "max-connections",
        "max-connection-age",
        "drain-timeout",
        "log-format",
        "log",
        "exit-with-parent",
    ];
    assert_eq!(faults.len(), flags.len(), "{faults:#?}");
    for (fault, flag) in faults.iter().zip(flags) {
        assert!(fault.starts_with(&format!("--{flag}")), "{fault}");
        let variable = format!(" / OFFGIL_{}: ", flag.replace('-', "_").to_uppercase());
        assert_eq!(
            fault.contains(&variable),
            flag != "exit-with-parent",
            "{fault}"
        );
    }
}

#[test]
fn shares_its_address_only_when_told() {
    assert!(!config(&[]).expect("valid").reuse_port);
    assert!(config(&["--reuse-port"]).expect("valid").reuse_port);
    assert!(!config(&["--reuse-port=false"]).expect("valid").reuse_port);
}

#[test]
fn reads_units() {
    let config =
        config(&["--max-message-bytes", "1MiB", "--max-body-bytes", "4096"]).expect("valid");
    assert_eq!(config.limits.max_message_bytes, 1 << 20);
    assert_eq!(config.limits.max_body_bytes, 4096);
}
