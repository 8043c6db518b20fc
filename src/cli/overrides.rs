//! `custodian override`: overrides of a running service, for those who sign, ask and read.

use clap::Subcommand;

use crate::error::Source;

mod certificate;
mod no;
mod seat;
mod view;
mod yes;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fetch the certificate of an approved override.
    Certificate(certificate::Arguments),
    /// List the overrides that you may know of, in the order of their requests.
    List(view::List),
    /// Fetch an override, show it, ask, sign its rejection and send it: that is final.
    ///
    /// Needs your token with the role `custodian` and your key file.
    Reject(no::Reject),
    /// Show an override.
    Show(view::One),
    /// Fetch an override, show it, ask, sign it and send the signature.
    ///
    /// Needs your token with the role `custodian` and your key file, which stays here. What is shown is what is signed: all
    /// hashes are computed here, and a service whose hashes differ is not served. The second signature approves.
    Sign(yes::Sign),
    /// Withdraw an override that you requested: that is final.
    Withdraw(no::Withdraw),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    match &arguments.what {
        What::Certificate(arguments) => arguments.run(),
        What::List(arguments) => arguments.run(),
        What::Reject(arguments) => arguments.run(),
        What::Show(arguments) => arguments.run(),
        What::Sign(arguments) => arguments.run(),
        What::Withdraw(arguments) => arguments.run(),
    }
}
