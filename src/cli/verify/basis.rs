//! What every verification is given beside what it judges: whom to trust, as of when, and for whom to say it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::{
    cli::{input, output::Output},
    crypto::pinned::Pinned,
    custodian::Clock,
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Basis {
    /// Whom to trust: the answer of `/v1/signing-keys`, got over a way that you trust, and once.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The time as of which to judge, RFC 3339; now, if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    pub(super) output: Output,
}

impl Basis {
    /// Reads `file`, which is judged and called `what`, and whom to trust.
    pub(super) fn read(&self, file: &Path, what: &str) -> Result<(Vec<u8>, Pinned), Source> {
        let pinned = self.pinned(file, what)?;
        Ok((input::read(file)?, pinned))
    }

    /// Reads whom to trust; `file`, called `what`, is judged.
    pub(super) fn pinned(&self, file: &Path, what: &str) -> Result<Pinned, Source> {
        if input::is_standard(file) && input::is_standard(&self.keys) {
            return Err(format!("only one of the {what} and --keys can be standard input").into());
        }
        let pinned = Pinned::read(&input::read(&self.keys)?);
        Ok(pinned.map_err(|error| format!("{}: {error}", self.keys.display()))?)
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at.unwrap_or_else(|| Clock::system().now())
    }
}
