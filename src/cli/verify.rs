//! `custodian verify`: judges offline, with pinned keys and no service. Exit code 3 says no.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Source;

mod audit;
mod basis;
mod certificate;
mod head;
mod tools;

/// Verification says no.
pub(super) const NO: u8 = 3;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An export of the audit log, as `custodian audit export` writes it: whether it is the log that was signed.
    ///
    /// Reads no network and needs no service: the keys file says whom to trust. Reads the file once, in little memory.
    /// Exit code 0 is valid, 3 is not valid, 1 is a mistake in the arguments, the keys file or an earlier checkpoint.
    Audit(audit::Arguments),
    /// An override's certificate: who approved what, where, and until when.
    ///
    /// Reads no network and needs no service: the keys file says whom to trust. Exit code 0 is valid, 3 is not valid,
    /// 1 is a mistake in the arguments or the keys file, or a build that cannot judge it.
    ///
    /// With a list `custodians` beside `items` in the keys file, of
    /// `{"id","role","subject","scheme","public_key","from","until"}`, the people are pinned too. Without one a stolen
    /// key of the service could invent them.
    Certificate(certificate::Arguments),
    /// The tools of an MCP server: whether they are those that it had signed, and which are not.
    ///
    /// Reads no network and needs no service: the keys file says whom to trust. Exit code 0 is valid, 3 is not valid,
    /// 1 is a mistake in the arguments or the keys file.
    Tools(tools::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let valid = match &arguments.what {
        What::Audit(arguments) => audit::run(arguments)?,
        What::Certificate(arguments) => certificate::run(arguments)?,
        What::Tools(arguments) => tools::run(arguments)?,
    };
    Ok(if valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    })
}
