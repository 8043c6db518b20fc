//! `custodian verify tools`.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::{
    cli::{input, output::Output, screen::Screen},
    crypto::{
        pinned::Pinned,
        tools::{Expected, Fault, Verdict, verify_text},
    },
    custodian::Clock,
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// What an MCP server answered to `tools/list`: the result, or the whole JSON-RPC response; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whom to trust: the answer of `/v1/signing-keys`, got over a way that you trust, and once.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The time as of which to judge, RFC 3339; now, if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Whose tools they must be. Without it any server's pass that the same service signed for.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// These are one page of the list, or one tool of it: what is missing is said, and no fault.
    #[arg(long)]
    partial: bool,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

/// Prints the verdict and answers whether it is yes.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Source> {
    if input::is_standard(&arguments.file) && input::is_standard(&arguments.keys) {
        return Err("only one of the tools and --keys can be standard input".into());
    }
    let pinned = Pinned::read(&input::read(&arguments.keys)?)
        .map_err(|error| format!("{}: {error}", arguments.keys.display()))?;
    let expected = Expected {
        at: arguments.at.unwrap_or_else(|| Clock::system().now()),
        server: arguments.server.as_deref(),
        partial: arguments.partial,
    };
    let verdict = verify_text(&input::read(&arguments.file)?, &pinned, &expected);
    arguments.output.print(&verdict, table(&verdict).text())?;
    Ok(verdict.valid)
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
        match issue.error {
            None => screen.say("As of its issue it was valid."),
            Some(fault) => screen.say(&format!(
                "As of its issue it was not valid either. {}",
                said(fault)
            )),
        }
    }
    for (label, value) in [
        ("server", &verdict.server),
        ("issued", &verdict.issued_at),
        ("valid until", &verdict.expires_at),
        ("signed by", &verdict.keyid),
    ] {
        if let Some(value) = value {
            screen.line(label, value);
        }
    }
    for (label, names) in [
        ("changed", &verdict.changed),
        ("missing", &verdict.missing),
        ("added", &verdict.added),
    ] {
        for name in names {
            screen.line(label, name);
        }
    }
    screen
}

fn said(fault: Fault) -> String {
    format!("{}: {}", fault.word(), fault.meaning())
}
