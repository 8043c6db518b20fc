//! `custodian verify certificate`.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::{
    cli::{input, output::Output, screen::Screen},
    crypto::certificate::{Expected, Fault, Pinned, Pinning, Summary, Verdict, judge},
    custodian::Clock,
    error::Source,
    words::{Binding, Environment},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The certificate, as `/v1/overrides/{id}/certificate` answers it; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whom to trust: the answer of `/v1/signing-keys`, got over a way that you trust, and once.
    ///
    /// With a list `custodians` beside `items`, of `{"id","role","subject","scheme","public_key","from","until"}`,
    /// the people are pinned too. Without one a stolen key of the service could invent them.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The time as of which to judge, RFC 3339; now, if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// What must have been approved: the message hash, 64 hex digits.
    #[arg(long, value_name = "HEX", value_parser = message_hash)]
    message_hash: Option<String>,
    /// Where it must be good for.
    #[arg(long, value_name = "production|staging|preview", value_parser = environment)]
    environment: Option<Environment>,
    /// Which custodian service must have approved it, by its configured name.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

/// Prints the verdict and answers whether it is yes.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Source> {
    if input::is_standard(&arguments.file) && input::is_standard(&arguments.keys) {
        return Err("only one of the certificate and --keys can be standard input".into());
    }
    let pinned = Pinned::read(&input::read(&arguments.keys)?)
        .map_err(|error| format!("{}: {error}", arguments.keys.display()))?;
    let certificate = input::read(&arguments.file)?;
    let expected = Expected {
        at: arguments.at.unwrap_or_else(|| Clock::system().now()),
        message_hash: arguments.message_hash.as_deref(),
        environment: arguments.environment.map(Environment::name),
        instance: arguments.instance.as_deref(),
    };
    let verdict = judge(&certificate, &pinned, &expected)?;
    arguments.output.print(&verdict, table(&verdict).text())?;
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
    match verdict.error {
        None => screen.say(&format!("VALID as of {}", verdict.at)),
        Some(fault) => {
            screen.say(&format!("NOT VALID as of {}", verdict.at));
            screen.say(&said(fault));
        }
    }
    if let Some(issue) = &verdict.as_of_issue {
        screen.line("issued", &issue.at);
        match issue.error {
            None => screen.say("As of its issue it was valid."),
            Some(fault) => screen.say(&format!(
                "As of its issue it was not valid either. {}",
                said(fault)
            )),
        }
    }
    if let Some(approval) = &verdict.approval {
        show(&mut screen, approval);
        screen.line("custodians", known(verdict.custodians));
    }
    screen
}

fn said(fault: Fault) -> String {
    format!("{}: {}", fault.word(), fault.meaning())
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
