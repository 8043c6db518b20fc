//! `custodian doctor`: what this build, this machine and a data folder offer, and what is wrong with them.

use std::{path::PathBuf, process::ExitCode};

use super::{output::Output, shown::shown};
use crate::{
    config::{self, Config},
    crypto::scheme::Scheme,
    custodian::capabilities::tables::Offered,
    error::Source,
    server::{
        dev::{Choice, checkup},
        doctor::{Checkup, Finding, Verdict, appliance},
    },
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration of the service to look at, instead of a data folder of `custodian dev`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "kek", "signature_schemes"])]
    config: Option<PathBuf>,
    /// The data folder of `custodian dev`; it need not be there.
    #[arg(long, value_name = "DIR", default_value = "custodian-dev")]
    data_dir: PathBuf,
    /// Who holds the KEK there.
    #[arg(long, value_name = "softhsm|software", default_value = "softhsm")]
    kek: Choice,
    /// The signature schemes with which a custodian can be enrolled there, separated by commas.
    #[arg(long, value_name = "SCHEMES", value_delimiter = ',', value_parser = config::scheme,
        default_value = config::dev_schemes())]
    signature_schemes: Vec<Scheme>,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let schemes = &arguments.signature_schemes;
    let checkup = match &arguments.config {
        None => checkup::examine(&arguments.data_dir, arguments.kek, schemes),
        Some(path) => appliance::look_at(path, &Config::read(path)?),
    };
    arguments.output.print(&checkup, &table(&checkup))?;
    Ok(match checkup.count(Verdict::Problem) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn table(checkup: &Checkup) -> String {
    let built = match checkup.build.features.as_slice() {
        [] => "without its features".to_owned(),
        features => format!("with {}", features.join(", ")),
    };
    let mut lines = vec![format!("custodian {}, built {built}", checkup.version)];
    lines.push("\nWho can hold a KEK".to_owned());
    lines.extend(checkup.kek.providers.iter().map(offered));
    lines.push("\nWhat DEKs can be".to_owned());
    lines.extend(checkup.encryption_table.iter().map(offered));
    lines.push("\nHow custodians can sign".to_owned());
    let schemes = checkup.signature_scheme_table.iter();
    lines.extend(schemes.map(|row| line(row.on, row.name, row.reason)));
    lines.push("\nWhat was found".to_owned());
    lines.extend(checkup.findings.iter().map(found));
    let count = |verdict| checkup.count(verdict);
    let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
    lines.push(format!("\nproblems: {problems}, warnings: {warnings}"));
    lines.join("\n")
}

fn offered(row: &Offered) -> String {
    line(row.available, row.name, row.reason)
}

fn line(there: bool, name: &str, reason: Option<&str>) -> String {
    let there = if there { "yes" } else { "no" };
    let reason = reason.map(|why| format!(": {why}")).unwrap_or_default();
    format!("  {there:7}  {name}{reason}")
}

/// A path in it may be anybody's.
fn found(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Problem => "PROBLEM",
        Verdict::Warning => "warning",
    };
    let todo = finding.todo.as_ref();
    let todo = todo.map(|todo| format!("\n           to do: {}", shown(todo)));
    let (about, says, todo) = (
        &finding.about,
        shown(&finding.says),
        todo.unwrap_or_default(),
    );
    format!("  {verdict:7}  {about}: {says}{todo}")
}
