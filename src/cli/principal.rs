//! `custodian principal`: who may speak to the service, as its admins see and change it.

use clap::Subcommand;

use crate::error::Source;

mod change;
mod create;
mod grants;
mod handed;
mod token;
mod view;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let a pending principal sign in, after showing it and asking.
    ///
    /// By an admin whom its proposer neither made nor gave a token.
    Approve(change::Change),
    /// Make a principal, and write its first token to a new file.
    ///
    /// With two admins an admin, an operator, an app or a custodian is pending until another admin approves. Sent again
    /// after a lost answer it is still one principal.
    Create(create::Arguments),
    /// Delete a principal, after showing it and asking: its tokens die with it.
    Delete(change::Change),
    /// Change which DEKs a principal may use and which MCP servers it speaks for: what is not named is taken away.
    ///
    /// With two admins the change waits for another admin.
    Grants(grants::Change),
    /// Put a proposed change of grants in force, after showing it and asking.
    GrantsApprove(change::Change),
    /// List the principals in the order of their creation.
    List(view::List),
    /// Show a principal and its tokens.
    Show(view::One),
    /// Issue, approve and revoke a principal's further tokens.
    #[command(subcommand)]
    Token(token::What),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    match &arguments.what {
        What::Approve(arguments) => arguments.approve(),
        What::Create(arguments) => arguments.run(),
        What::Delete(arguments) => arguments.delete(),
        What::Grants(arguments) => arguments.run(),
        What::GrantsApprove(arguments) => arguments.approve_grants(),
        What::List(arguments) => arguments.run(),
        What::Show(arguments) => arguments.run(),
        What::Token(what) => what.run(),
    }
}
