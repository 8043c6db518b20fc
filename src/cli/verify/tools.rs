//! `custodian verify tools`.

use std::path::PathBuf;

use super::{
    basis::Basis,
    head::{as_of_issue, head},
};
use crate::{
    cli::screen::Screen,
    crypto::tools::{Expected, Fault, Verdict, verify_text},
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// What an MCP server answered to `tools/list`: the result, or the whole JSON-RPC response; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    basis: Basis,
    /// Whose tools they must be. Without it any server's pass that the same service signed for.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// These are one page of the list, or one tool of it: what is missing is said, and no fault.
    #[arg(long)]
    partial: bool,
}

/// Prints the verdict and answers whether it is yes.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Source> {
    let (text, pinned) = arguments.basis.read(&arguments.file, "tools")?;
    let expected = Expected {
        at: arguments.basis.at(),
        server: arguments.server.as_deref(),
        partial: arguments.partial,
    };
    let verdict = verify_text(&text, &pinned, &expected);
    let report = table(&verdict);
    arguments.basis.output.print(&verdict, report.text())?;
    Ok(verdict.valid)
}

fn table(verdict: &Verdict) -> Screen {
    let mut screen = Screen::default();
    head(&mut screen, &verdict.at, verdict.error.map(Fault::sentence));
    if let Some(issue) = &verdict.as_of_issue {
        as_of_issue(&mut screen, issue.error.map(Fault::sentence));
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
