//! Generates the Rust side of the contract, without protoc, and records which commit this is.

use std::{env, error::Error, fs, path::PathBuf, process::Command};

const PROTO_ROOT: &str = "../../proto";
const PROTO_FILES: [&str; 2] = ["inference/grpc_service.proto", "offgil/v1/compute.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    generate_contract()?;
    record_commit()
}

fn generate_contract() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}");
    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    compiler
        .include_imports(true)
        // Comments travel with the descriptors, so that `grpcurl describe` shows them.
        .include_source_info(true)
        .open_files(PROTO_FILES)?;
    let descriptor_path = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(descriptor_path, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        // Bulk fields are slices of the receive buffer instead of copies.
        .bytes(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn record_commit() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=OFFGIL_COMMIT");
    let commit = env::var("OFFGIL_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty())
        .or_else(commit_of_checkout)
        .unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=OFFGIL_COMMIT={commit}");
    Ok(())
}

/// Returns the abbreviated commit, or nothing outside a checkout.
fn commit_of_checkout() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let head_log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={head_log}");
    git(&["rev-parse", "--short", "HEAD"])
}
