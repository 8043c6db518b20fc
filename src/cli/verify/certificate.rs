//! `custodian verify certificate`.

use std::{fmt::Write, path::PathBuf};

use jiff::Timestamp;

use crate::{
    cli::{
        input,
        output::{self, Output},
        shown::shown,
    },
    crypto::certificate::{Expected, Pinned, Pinning, Summary, Verdict, verify},
    custodian::Clock,
    error::Source,
    words::Environment,
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
    let verdict = verify(&certificate, &pinned, &expected);
    output::print(&match arguments.output {
        Output::Json => output::json(&verdict)?,
        Output::Table => table(&verdict)?,
    })?;
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

fn table(verdict: &Verdict) -> Result<String, Source> {
    let mut out = String::new();
    match verdict.error {
        None => writeln!(out, "VALID as of {}", verdict.at)?,
        Some(fault) => writeln!(
            out,
            "NOT VALID as of {}\n{}: {}",
            verdict.at,
            fault.word(),
            fault.meaning()
        )?,
    }
    if let Some(issue) = &verdict.as_of_issue {
        let at = shown(&issue.at);
        match issue.error {
            None => writeln!(out, "as of its issue at {at} it was valid")?,
            Some(fault) => writeln!(
                out,
                "as of its issue at {at} it was not valid either: {}: {}",
                fault.word(),
                fault.meaning()
            )?,
        }
    }
    if let Some(approval) = &verdict.approval {
        rows(&mut out, approval, verdict.custodians)?;
    }
    Ok(out)
}

fn rows(out: &mut String, approval: &Summary, custodians: Pinning) -> Result<(), Source> {
    let asked = match &approval.on_behalf_of {
        Some(human) => format!("{} on behalf of {human}", approval.requested_by),
        None => approval.requested_by.clone(),
    };
    let gates = approval.failed_gates.join(", ");
    let people = approval.signatures.iter().map(|signature| {
        let words = [
            &signature.role,
            &signature.subject,
            &signature.scheme,
            &signature.signed_at,
            &signature.custodian_id,
        ];
        ("signed", words.map(String::as_str).join("  "))
    });
    let rows = [
        ("override", approval.id.clone()),
        ("proposal", approval.proposal_id.clone()),
        ("justification", approval.justification.clone()),
        ("failed gates", gates),
        ("environment", approval.environment.clone()),
        ("instance", approval.instance.clone()),
        ("binding", approval.binding.clone()),
        ("requested by", asked),
        ("message hash", approval.message_hash.clone()),
        ("policy", approval.policy_version.clone()),
    ];
    let times = [
        ("approved", approval.issued_at.clone()),
        ("valid until", approval.expires_at.clone()),
        ("custodians", known(custodians).to_owned()),
    ];
    for (name, value) in rows.into_iter().chain(people).chain(times) {
        writeln!(out, "  {name:<14} {}", shown(&value))?;
    }
    Ok(())
}

fn known(custodians: Pinning) -> &'static str {
    match custodians {
        Pinning::Pinned => "pinned",
        Pinning::Unpinned => {
            "unpinned: the keys file lists none, so a stolen key of the service could have invented both"
        }
    }
}
