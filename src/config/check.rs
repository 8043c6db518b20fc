//! Reads values under their keys, and collects every sentence about what is wrong.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;

use crate::duration::Period;

/// What was found wrong.
pub(super) struct Check {
    pub(super) wrong: Vec<String>,
}

impl Check {
    /// The period under a key, or the usual one.
    pub(super) fn period(&mut self, key: &str, text: Option<String>, usual: Period) -> Period {
        self.or(key, text.as_deref(), |text| text.parse(), usual)
    }

    pub(super) fn time(&mut self, key: &str, text: Option<&str>, usual: Duration) -> Duration {
        self.or(key, text, |text| text.parse().map(Period::duration), usual)
    }

    /// A time that may be shorter than a second.
    pub(super) fn short(&mut self, key: &str, text: Option<&str>, usual: Duration) -> Duration {
        const WHAT: &str = "a short time is such as 300ms or 2s";
        let read = |text: &str| {
            let parsed = text.parse::<SignedDuration>().ok();
            parsed
                .and_then(|time| Duration::try_from(time).ok())
                .ok_or(WHAT)
        };
        self.or(key, text, read, usual)
    }

    /// What stands under a key as `read` reads it, or the usual value.
    pub(super) fn or<T, E: Display>(
        &mut self,
        key: &str,
        text: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, E>,
        usual: T,
    ) -> T {
        text.and_then(|text| self.value(key, read(text)))
            .unwrap_or(usual)
    }

    pub(super) fn value<T, E: Display>(&mut self, key: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|why| self.wrong::<()>(key, why)).ok()
    }

    pub(super) fn needed<T>(&mut self, key: &str, given: Option<T>, what: &str) -> Option<T> {
        if given.is_none() {
            self.wrong::<()>(key, format_args!("it is missing: {what}"));
        }
        given
    }

    /// The service does not begin in the folder in which the file was written.
    pub(super) fn absolute(&mut self, key: &str, path: PathBuf) -> Option<PathBuf> {
        match Path::is_absolute(&path) {
            true => Some(path),
            false => self.wrong(
                key,
                "give the whole path, from the /: a service begins in no particular folder",
            ),
        }
    }

    pub(super) fn wrong<T>(&mut self, key: &str, why: impl Display) -> Option<T> {
        self.wrong.push(format!("{key}: {why}"));
        None
    }
}
