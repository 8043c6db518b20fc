//! What an `init` leaves that was interrupted, so that the same command goes on, and no other: the token on which it began,
//! the admins, and which files it may have made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::{self, ErrorKind},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::admins::{Admin, is_free};
use crate::{config::Config, error::Source, private_file};

/// There while `init` has not finished: until then nobody was told of anything.
const UNFINISHED: &str = "init.unfinished";

/// What to do where the same command is not wanted or cannot be given.
const AFRESH: &str = "begin again with an empty data_dir and an empty token";

/// What an interrupted `init` had begun.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    token: Token,
    /// Each admin's file.
    admins: BTreeMap<String, PathBuf>,
    /// Files that it may have made, which may therefore be made again. None was there before it was put down here.
    made: BTreeSet<PathBuf>,
}

/// A token, and no other of the same label.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) label: String,
    /// Empty where the token tells none.
    pub(super) serial: String,
}

impl Begun {
    /// Nothing is made yet.
    pub(super) fn new(token: Token, admins: &[Admin]) -> Self {
        Self {
            token,
            admins: files(admins),
            made: BTreeSet::new(),
        }
    }

    /// Whether there is one.
    pub(super) fn is_there(config: &Config) -> bool {
        marker(config).exists()
    }

    pub(super) fn read(config: &Config) -> Result<Option<Self>, Source> {
        let path = marker(config);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                format!("{}: {error}: another version of init was interrupted here: run that one again, or {AFRESH}", path.display()).into()
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    pub(super) fn write(&self, config: &Config) -> Result<(), Source> {
        let path = marker(config);
        let text = serde_json::to_vec(self)?;
        private_file::write(&path, &text)
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// All is made.
    pub(super) fn ends(config: &Config) -> io::Result<()> {
        fs::remove_file(marker(config))?;
        File::open(&config.data_dir)?.sync_all()
    }

    /// Refuses another token: what is in it is not ours. `ask` looks for the one of this label.
    pub(super) fn is_on(
        &self,
        label: &str,
        ask: impl FnOnce() -> Result<Token, Source>,
    ) -> Result<(), Source> {
        let now = if label == self.token.label {
            ask()?
        } else {
            let label = label.to_owned();
            let serial = String::new();
            Token { label, serial }
        };
        if now == self.token {
            return Ok(());
        }
        Err(format!("an earlier init began on the token {} and was interrupted; kek.token now names another, {now}: name the first and run the same command again, or {AFRESH}", self.token).into())
    }

    /// Refuses other people; their tokens may go to other files as long as none of them is known.
    pub(super) fn is_for(&self, admins: &[Admin]) -> Result<(), Source> {
        match files(admins).keys().eq(self.admins.keys()) {
            true => Ok(()),
            false => Err(self.same_again()),
        }
    }

    /// Refuses to say of a token that it is where it is not.
    pub(super) fn has_made(&self, admins: &[Admin]) -> Result<(), Source> {
        if files(admins) != self.admins {
            return Err(self.same_again());
        }
        for (subject, file) in &self.admins {
            let about = file.display();
            let there = file.try_exists();
            if !there.map_err(|error| format!("{about}: {error}"))? {
                return Err(format!("{about} is not there any more, and the token of {subject} is nowhere else: put it back and run the same command again, or {AFRESH}").into());
            }
        }
        Ok(())
    }

    /// Refuses files that are there and were not made by an earlier init.
    pub(super) fn may_make(&self, admins: &[Admin]) -> Result<(), Source> {
        let mut others = admins.iter().filter(|admin| !self.made_for(admin));
        others.try_for_each(is_free)
    }

    /// Whether an earlier init may have made this file.
    pub(super) fn made_for(&self, admin: &Admin) -> bool {
        self.made.contains(&admin.token_file)
    }

    /// From here on these files may be there, and the tokens in them known.
    pub(super) fn makes(&mut self, admins: &[Admin]) {
        self.admins = files(admins);
        self.made.extend(self.admins.values().cloned());
    }

    /// These files are not there: whatever is found there later is somebody's.
    pub(super) fn has_not_made(&mut self, admins: &[Admin]) {
        for admin in admins {
            self.made.remove(&admin.token_file);
        }
    }

    fn same_again(&self) -> Source {
        let admins = self.admins.iter();
        let admins = admins.map(|(subject, file)| format!("--admin {subject}={}", file.display()));
        let admins = admins.collect::<Vec<_>>().join(" ");
        format!("an earlier init was interrupted here: run the same command again, with {admins}; for others, {AFRESH}").into()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.label)?;
        match self.serial.as_str() {
            "" => Ok(()),
            serial => write!(out, " with the serial number {serial}"),
        }
    }
}

fn files(admins: &[Admin]) -> BTreeMap<String, PathBuf> {
    let each = admins.iter();
    each.map(|admin| (admin.subject.to_string(), admin.token_file.clone()))
        .collect()
}

fn marker(config: &Config) -> PathBuf {
    config.data_dir.join(UNFINISHED)
}
