//! `custodian dek`: the keys that data is encrypted under, as their operators see and change them.

use clap::Subcommand;

use crate::{
    error::Source,
    id::{DekName, DekVersion},
};

mod change;
mod make;
mod public_key;
mod view;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Save a version whose destruction is still pending.
    CancelDestroy(change::Change),
    /// Make a DEK with its first version.
    ///
    /// Needs the role `operator`. Sent again after a lost answer it is still one DEK.
    Create(make::Create),
    /// Destroy a version for ever, once the service's delay is over: what it encrypted is lost then.
    ///
    /// The newest version is never destroyed: rotate first. Until the delay is over `custodian dek cancel-destroy` saves
    /// the version, but nothing uses it.
    Destroy(change::Destroy),
    /// Let a version be used no more until it is enabled again.
    Disable(change::Change),
    /// Let a disabled version be used again.
    Enable(change::Change),
    /// List the DEKs that you may know of.
    List(view::List),
    /// Print the public key of a hybrid DEK, to encrypt without asking the service.
    PublicKey(public_key::Arguments),
    /// Make a DEK's next version; the ones before only decrypt from then on.
    ///
    /// Sent again after a lost answer it is still one rotation.
    Rotate(make::Rotate),
    /// Show a DEK and its versions.
    Show(view::One),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    match &arguments.what {
        What::CancelDestroy(arguments) => arguments.cancel_destroy(),
        What::Create(arguments) => arguments.run(),
        What::Destroy(arguments) => arguments.run(),
        What::Disable(arguments) => arguments.disable(),
        What::Enable(arguments) => arguments.enable(),
        What::List(arguments) => arguments.run(),
        What::PublicKey(arguments) => arguments.run(),
        What::Rotate(arguments) => arguments.run(),
        What::Show(arguments) => arguments.run(),
    }
}

/// Reads a name, for clap.
fn name(text: &str) -> Result<DekName, &'static str> {
    text.parse()
        .map_err(|_| "a DEK's name is 1 to 63 of a-z, 0-9 and -, and starts with no -")
}

/// Reads a version, for clap.
fn version(text: &str) -> Result<DekVersion, &'static str> {
    text.parse()
        .map_err(|_| "a DEK version is like dek-v1-20261124: see custodian dek show")
}
