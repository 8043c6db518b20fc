//! The `custodian` binary: arguments, one command, an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    aegis_custodian::cli::run()
}
