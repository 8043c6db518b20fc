//! `custodian custodian-admin`: the people who sign overrides, as admins see and change them.

use clap::Subcommand;

use crate::error::Source;

mod activate;
mod change;
mod enrol;
mod view;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send a custodian's proof that it holds its key: what `custodian sign` printed.
    ///
    /// Five wrong ones void the challenge.
    Activate(activate::Arguments),
    /// Approve an enrolment or a reinstatement, after showing it and asking.
    ///
    /// By an admin whom its proposer neither made nor gave a token.
    Approve(change::Change),
    /// Enrol a custodian by the public key that `custodian pubkey` printed.
    ///
    /// Writes the enrolment with its challenge to a file, which the custodian reads and signs by `custodian sign` within a
    /// day. Sent again after a lost answer it is still one enrolment.
    Enrol(enrol::Arguments),
    /// List all custodians in the order of their enrolment.
    List(view::List),
    /// Let a suspended custodian act again; with two admins another one approves first.
    Reinstate(change::Reasoned),
    /// End a custodian for ever, after showing it and asking: its key never comes back.
    Revoke(change::Revoke),
    /// Show a custodian, and what happened to it.
    Show(view::One),
    /// Let a custodian act no more, for now: its signatures on overrides that are not approved are void.
    Suspend(change::Reasoned),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    match &arguments.what {
        What::Activate(arguments) => arguments.run(),
        What::Approve(arguments) => arguments.approve(),
        What::Enrol(arguments) => arguments.run(),
        What::List(arguments) => arguments.run(),
        What::Reinstate(arguments) => arguments.reinstate(),
        What::Revoke(arguments) => arguments.run(),
        What::Show(arguments) => arguments.run(),
        What::Suspend(arguments) => arguments.suspend(),
    }
}
