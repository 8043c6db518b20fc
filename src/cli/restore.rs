//! `custodian restore`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use zeroize::Zeroizing;

use super::{admission::admin, chain, output::Output, progress::Progress, screen::Screen, verify};
use crate::{
    client::private_text,
    config::Config,
    crypto::sealed_copy::Identities,
    custodian::{bearer::BearerToken, restore::Unproven},
    error::{Error, Source},
    id::Subject,
    server::{
        hardening,
        init::Admin,
        restore::{self, How, Order, Report},
    },
};

/// Most bytes of a file with secret keys, and of one with a token.
const KEYS: usize = 64 << 10;
const TOKEN: usize = 1 << 10;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration of the service; its token must be there, and the service must not run.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What `custodian backup` wrote.
    #[arg(long, value_name = "FILE")]
    backup: PathBuf,
    /// The secret key (age) of one of those to whom the backup is sealed.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The newest export of the audit log, as `custodian audit export` wrote it.
    #[arg(
        long,
        value_name = "EXPORT",
        required_unless_present = "accept_rollback",
        conflicts_with_all = ["accept_rollback", "approved_by", "admins"]
    )]
    audit: Option<PathBuf>,
    /// Restore without an export: all that happened since the backup is lost for good, and nothing that anybody has in
    /// hands opens anything any more.
    #[arg(long, requires_all = ["approved_by", "admins"])]
    accept_rollback: bool,
    /// An admin who accepts that, and the file with a token of theirs that the backup knows; give it twice at least.
    #[arg(long, value_name = "SUBJECT=TOKENFILE", value_parser = admin, requires = "accept_rollback")]
    approved_by: Vec<Admin>,
    /// Where the new token of each of them goes: a new file.
    #[arg(long = "admin", value_name = "SUBJECT=NEWFILE", value_parser = admin, requires = "accept_rollback")]
    admins: Vec<Admin>,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    hardening::harden()?.refuse_swap()?;
    let config = Config::read(&arguments.config)?;
    let order = arguments.order()?;
    let mut bars = Bars::default();
    let restored = restore::run(&config, &order, &mut |what, done, all| {
        bars.at(what, done, all)
    });
    bars.end();
    match restored {
        Ok(report) => {
            arguments.output.print(&report, screen(&report).text())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if says_no(&error) => {
            eprintln!("custodian: {}; nothing was replaced", chain(&*error));
            Ok(ExitCode::from(verify::NO))
        }
        Err(error) => Err(error),
    }
}

fn says_no(error: &Source) -> bool {
    let corrupt = error.downcast_ref::<Error>();
    error.is::<Unproven>() || corrupt.is_some_and(|error| matches!(error, Error::Corrupt(_)))
}

impl Arguments {
    fn order(&self) -> Result<Order, Source> {
        let identity = secret(&self.identity, KEYS)?;
        let how = match &self.audit {
            Some(export) => How::Audit(export.clone()),
            None => How::Rollback {
                approvers: self.approvers()?,
                admins: self.admins.clone(),
            },
        };
        Ok(Order {
            backup: self.backup.clone(),
            identities: Identities::read(&identity)?,
            how,
        })
    }

    fn approvers(&self) -> Result<Vec<(Subject, BearerToken)>, Source> {
        let read = |one: &Admin| {
            let token = secret(&one.token_file, TOKEN)?;
            Ok((one.subject.clone(), BearerToken::given(token.trim_end())))
        };
        self.approved_by.iter().map(read).collect()
    }
}

fn secret(file: &Path, most: usize) -> Result<Zeroizing<String>, Source> {
    private_text(file, most).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// A bar for each thing that is done.
#[derive(Default)]
struct Bars(Option<(&'static str, Progress)>);

impl Bars {
    fn at(&mut self, what: &'static str, done: u64, all: u64) {
        if self.0.as_ref().is_none_or(|(known, _)| *known != what) {
            self.end();
            self.0 = Some((what, Progress::new(all, what, 0)));
        }
        if let Some((_, bar)) = &mut self.0 {
            bar.at(done, done);
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.end();
        }
    }
}

fn screen(report: &Report) -> Screen {
    let mut screen = Screen::default();
    let [before, after] = report.log_size;
    screen.line("restored from", &report.backup.display().to_string());
    screen.line("made at", &report.made_at);
    screen.line("by", report.how);
    screen.line(
        "log",
        &format!("{before} entries in the backup, {after} now"),
    );
    if let Some(replaced) = &report.replaced {
        screen.line("the old one", &replaced.display().to_string());
    }
    screen.line("new KEK", report.kek.as_str());
    screen.line("new DEK versions", &report.dek_versions.to_string());
    screen.line("moved records", &report.records_moved.to_string());
    for (action, count) in &report.taken_away {
        screen.line("taken away again", &format!("{action}: {count}"));
    }
    for (action, what) in &report.not_given {
        screen.value("not given again", &format!("{action}: {}", what.join(", ")));
    }
    if let Some(shut) = &report.shut {
        screen.line("revoked tokens", &shut.tokens.to_string());
        for (label, what) in [
            ("unbound certificates", &shut.certificates),
            ("withdrawn overrides", &shut.overrides),
            ("revoked custodians", &shut.custodians),
        ] {
            if !what.is_empty() {
                screen.value(label, &what.join(", "));
            }
        }
    }
    screen.value("admins with a token", &report.admins.join(", "));
    for (number, step) in (1..).zip(&report.next) {
        screen.value(&format!("{number}."), step);
    }
    screen
}
