//! What a move has done so far, on disk beside its output: whoever interrupts it loses what came after, and nothing else.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::lines::ReadSoFar;
use crate::{error::Source, json, private_file};

const FORMAT: &str = "aegis-custodian/rewrap/v1";

/// What is true of the files as they are on disk.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: String,
    field: Option<String>,
    keep_rejected: bool,
    pub(super) read: ReadSoFar,
    /// Bytes of the output.
    pub(super) written: u64,
    /// Bytes of the file of rejects.
    pub(super) rejects_written: u64,
    pub(super) rejected: u64,
    /// Blobs by the KEK version that they are under now.
    pub(super) moved: BTreeMap<String, u64>,
}

/// The files of one move.
pub(super) struct Paths {
    /// The whole output.
    pub(super) whole: PathBuf,
    pub(super) part: PathBuf,
    pub(super) rejects: PathBuf,
    pub(super) state: PathBuf,
}

impl Paths {
    pub(super) fn of(whole: &Path) -> Self {
        let beside = |end: &str| {
            let mut name = whole.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        Self {
            whole: whole.to_owned(),
            part: beside(".partial"),
            rejects: beside(".rejects"),
            state: beside(".state"),
        }
    }
}

impl State {
    pub(super) fn new(field: Option<&str>, keep_rejected: bool) -> Self {
        Self {
            format: FORMAT.to_owned(),
            field: field.map(str::to_owned),
            keep_rejected,
            read: ReadSoFar::default(),
            written: 0,
            rejects_written: 0,
            rejected: 0,
            moved: BTreeMap::new(),
        }
    }

    /// What was saved; `None` if nothing was.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Source> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        let about = |error| format!("{}: {error}", path.display());
        let state: Self = json::read(&text).map_err(about)?;
        if state.format == FORMAT {
            return Ok(Some(state));
        }
        Err(format!("{} is of another version of this command", path.display()).into())
    }

    /// Whether it is one of a move like this one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.field == other.field && self.keep_rejected == other.keep_rejected
    }

    /// On disk when this returns; whoever reads it sees the old one or the new.
    pub(super) fn save(&self, path: &Path) -> Result<(), Source> {
        let text = serde_json::to_vec(self)?;
        let saved = private_file::write(path, &text);
        Ok(saved.map_err(|error| format!("{}: {error}", path.display()))?)
    }
}
