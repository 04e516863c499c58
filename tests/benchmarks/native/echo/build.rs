//! Generates the one RPC that is measured from the contract.

use std::error::Error;

const PROTO_ROOT: &str = "../../../../proto";
const MESSAGES: [&str; 2] = ["SumSquaresRequest", "SumSquaresResponse"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}");
    let mut files = protox::compile(["offgil/v1/compute.proto"], [PROTO_ROOT])?;
    files.file.retain(|file| file.package() == "offgil.v1");
    for file in &mut files.file {
        file.dependency.clear();
        file.source_code_info = None;
        file.message_type
            .retain(|message| MESSAGES.contains(&message.name()));
        for service in &mut file.service {
            service
                .method
                .retain(|method| method.name() == "SumSquares");
        }
    }
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(files)?;
    Ok(())
}
