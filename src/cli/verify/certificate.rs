//! `custodian verify certificate`.

use std::path::PathBuf;

use super::{
    basis::Basis,
    head::{as_of_issue, head},
};
use crate::{
    cli::screen::Screen,
    crypto::certificate::{Expected, Fault, Pinning, Summary, Verdict, judge},
    error::Source,
    words::{Binding, Environment},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The certificate, as `/v1/overrides/{id}/certificate` answers it; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    basis: Basis,
    /// What must have been approved: the message hash, 64 hex digits.
    #[arg(long, value_name = "HEX", value_parser = message_hash)]
    message_hash: Option<String>,
    /// Where it must be good for.
    #[arg(long, value_name = "production|staging|preview", value_parser = environment)]
    environment: Option<Environment>,
    /// Which custodian service must have approved it, by its configured name.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

/// Prints the verdict and answers whether it is yes.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Source> {
    let (text, pinned) = arguments.basis.read(&arguments.file, "certificate")?;
    let expected = Expected {
        at: arguments.basis.at(),
        message_hash: arguments.message_hash.as_deref(),
        environment: arguments.environment.map(Environment::name),
        instance: arguments.instance.as_deref(),
    };
    let verdict = judge(&text, &pinned, &expected)?;
    let report = table(&verdict);
    arguments.basis.output.print(&verdict, report.text())?;
    Ok(verdict.valid)
}

fn message_hash(text: &str) -> Result<String, &'static str> {
    let fine = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fine.then(|| text.to_owned())
        .ok_or("a message hash is 64 hex digits")
}

fn environment(text: &str) -> Result<Environment, &'static str> {
    Environment::named(text).ok_or("production, staging or preview")
}

fn table(verdict: &Verdict) -> Screen {
    let mut screen = Screen::default();
    head(&mut screen, &verdict.at, verdict.error.map(Fault::sentence));
    if let Some(issue) = &verdict.as_of_issue {
        screen.line("issued", &issue.at);
        as_of_issue(&mut screen, issue.error.map(Fault::sentence));
    }
    if let Some(approval) = &verdict.approval {
        show(&mut screen, approval);
        screen.line("custodians", known(verdict.custodians));
    }
    screen
}

fn show(screen: &mut Screen, approval: &Summary) {
    let nobody = "nobody else";
    screen.line("override", &approval.id);
    screen.line("proposal", &approval.proposal_id);
    screen.value("justification", &approval.justification);
    screen.line("failed gates", &approval.failed_gates.join(", "));
    screen.line("environment", &approval.environment);
    screen.line("requested by", &approval.requested_by);
    screen.line(
        "on behalf of",
        approval.on_behalf_of.as_deref().unwrap_or(nobody),
    );
    screen.line("instance", &approval.instance);
    screen.line("binding", &approval.binding);
    screen.line("policy", &approval.policy_version);
    screen.line("message hash", &approval.message_hash);
    for signature in &approval.signatures {
        let (how, when) = (&signature.scheme, &signature.signed_at);
        screen.line(
            "signed by",
            &format!("{} as {}", signature.subject, signature.role),
        );
        screen.line("", &format!("by {how} at {when}"));
        screen.line("", &format!("custodian {}", signature.custodian_id));
    }
    screen.line("approved", &approval.issued_at);
    screen.line("valid until", &approval.expires_at);
    if approval.binding == Binding::Aegis.name() {
        screen.say("With this binding the custodians signed proposal, justification and failed gates only: for");
        screen.say("environment, requester and time the keys of the service alone stand.");
    }
}

fn known(custodians: Pinning) -> &'static str {
    match custodians {
        Pinning::Pinned => "pinned: both are in the keys file as they stand here",
        Pinning::Unpinned => "unpinned: a stolen key of the service could have made them up",
    }
}
