//! What `custodian doctor` looks at for `custodian dev`: files, modes, module and token below one data folder. It makes
//! and changes nothing there, so it works beside a running service too.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Choice, PRINCIPALS,
    folder::{KEK_SIGNS, UNFINISHED},
};
use crate::{
    config::DATABASE,
    server::doctor::{Checkup, Finding},
    words::Scheme,
};

mod shadow;
mod softhsm;
mod software;

pub(in crate::server) use softhsm::abilities;

const ELSEWHERE: &str = "put it back, or name another data folder";

/// Looks at a data folder, which need not be there.
#[must_use]
pub fn examine(data_dir: &Path, kek: Choice, schemes: &[Scheme]) -> Checkup {
    let mut checkup = Checkup::new(schemes);
    let place = Place::of(data_dir);
    checkup.findings.push(place.folder());
    if place.is_in_use() {
        checkup.findings.push(place.database());
        checkup.findings.extend(place.bearer_tokens());
    }
    match kek {
        Choice::Softhsm => place.softhsm(&mut checkup),
        Choice::Software => checkup.findings.extend(place.software()),
    }
    checkup
}

/// A data folder and what is in it.
struct Place {
    path: PathBuf,
    state: State,
}

enum State {
    /// Nothing is there yet, or nothing of ours.
    Fresh,
    /// A first start came to its end here.
    InUse,
    /// A first start did not.
    Unfinished,
    /// It cannot be looked into.
    Unreadable(&'static str),
}

impl Place {
    fn of(data_dir: &Path) -> Self {
        let state = match fs::read_dir(data_dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => State::Fresh,
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                State::Unreadable("it is not a folder")
            }
            Err(_) => State::Unreadable("you may not read it"),
            Ok(_) if data_dir.join(UNFINISHED).exists() => State::Unfinished,
            Ok(_) if made(data_dir) => State::InUse,
            Ok(_) => State::Fresh,
        };
        Self {
            path: data_dir.to_owned(),
            state,
        }
    }

    fn is_in_use(&self) -> bool {
        matches!(self.state, State::InUse)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn folder(&self) -> Finding {
        const ABOUT: &str = "data folder";
        let path = self.path.display();
        match self.state {
            State::Unreadable(why) => Finding::problem(
                ABOUT,
                format!("{path}: {why}"),
                "name another --data-dir, or run this as its owner",
            ),
            State::Unfinished => Finding::warning(
                ABOUT,
                format!("{path}: a first start has not come to its end"),
                "start custodian dev: it finishes, or puts aside what was left",
            ),
            State::Fresh if !self.path.exists() => Finding::ok(
                ABOUT,
                format!(
                    "{path} is not there yet: custodian dev makes it, with a KEK, a database and four principals"
                ),
            ),
            State::Fresh => Finding::ok(
                ABOUT,
                format!(
                    "{path} is empty: custodian dev makes a KEK, a database and four principals in it"
                ),
            ),
            State::InUse => match open_to_others(&self.path) {
                None => Finding::ok(ABOUT, format!("{path} is for its owner only")),
                Some(mode) => Finding::warning(
                    ABOUT,
                    format!("{path}: others may look into it (mode {mode:o})"),
                    format!("chmod 700 {path}"),
                ),
            },
        }
    }

    fn database(&self) -> Finding {
        const ABOUT: &str = "database";
        let file = self.file(DATABASE);
        let path = file.display();
        if !file.is_file() {
            let says = format!("{path} is not there, and a KEK is");
            return Finding::problem(ABOUT, says, ELSEWHERE);
        }
        match open_to_others(&file) {
            None => Finding::ok(ABOUT, format!("{path} is there, for its owner only")),
            Some(mode) => Finding::warning(
                ABOUT,
                format!("{path}: others may read or change it (mode {mode:o})"),
                format!("chmod 600 {path}"),
            ),
        }
    }

    fn bearer_tokens(&self) -> Vec<Finding> {
        const ABOUT: &str = "bearer tokens";
        let files = PRINCIPALS.map(|(name, _)| self.file(&format!("{name}.token")));
        let wrong: Vec<_> = files
            .iter()
            .filter_map(|file| secret(ABOUT, file))
            .collect();
        let gone = files.iter().filter(|file| !file.exists());
        let gone = gone.map(|file| {
            let says = format!("{} is not there", file.display());
            let todo = "if nobody has it, have an admin revoke that token and issue another";
            Finding::warning(ABOUT, says, todo)
        });
        let mut findings: Vec<_> = gone.chain(wrong).collect();
        if findings.is_empty() {
            let says = "admin, operator, app and auditor have theirs, for their owner only";
            findings.push(Finding::ok(ABOUT, says));
        }
        findings
    }
}

/// What is there as soon as a service has begun here.
fn made(data_dir: &Path) -> bool {
    let signs = KEK_SIGNS.iter().chain([&DATABASE]);
    signs.into_iter().any(|sign| data_dir.join(sign).exists())
}

/// What others may do with a file; `None` if nothing, or if it is not there.
fn open_to_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// What is wrong with a file that holds a secret.
fn secret(about: &'static str, file: &Path) -> Option<Finding> {
    let (mode, path) = (open_to_others(file)?, file.display());
    Some(Finding::problem(
        about,
        format!("{path}: others than its owner may read or change it (mode {mode:o})"),
        format!("chmod 600 {path}; if somebody may have read it, it is no secret any more"),
    ))
}
