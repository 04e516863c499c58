//! The `offgil-server` binary: the built-in catalogue, served.

use std::process::ExitCode;

use offgil_server::{command, kernels::Catalogue};

fn main() -> ExitCode {
    command::main(Catalogue::built_in())
}
