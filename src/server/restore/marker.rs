//! What an interrupted restore leaves, so that the same command can be given again: which token files it may have written,
//! and whether it had begun to replace the database.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{config::Config, error::Source, private_file};

const FILE: &str = "restore.unfinished";

/// What a restore has begun.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    begun: Begun,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    /// Whether files may be replaced half.
    replacing: bool,
    /// Files that may have been written, which may therefore be written again.
    token_files: Vec<PathBuf>,
}

/// Refuses to serve what a restore has replaced half.
///
/// # Errors
/// Says what to do.
pub fn finished(config: &Config) -> Result<(), Source> {
    match Marker::read(config)?.begun.replacing {
        false => Ok(()),
        true => Err("a restore was interrupted while it replaced the database: give the same `custodian restore` again".into()),
    }
}

impl Marker {
    pub(super) fn read(config: &Config) -> Result<Self, Source> {
        let path = config.data_dir.join(FILE);
        let begun = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Begun::default(),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        Ok(Self { path, begun })
    }

    /// Whether an interrupted restore may have written that file.
    pub(super) fn may_have_written(&self, file: &Path) -> bool {
        self.begun.token_files.iter().any(|known| known == file)
    }

    /// Says that this file is about to be written.
    pub(super) fn writes(&mut self, file: &Path) -> io::Result<()> {
        if !self.may_have_written(file) {
            self.begun.token_files.push(file.to_owned());
        }
        self.write()
    }

    /// Says that the database is about to be replaced: from here on it serves no more until that is done.
    pub(super) fn replaces(&mut self) -> io::Result<()> {
        self.begun.replacing = true;
        self.write()
    }

    /// Says that all is done.
    pub(super) fn ends(&self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn write(&self) -> io::Result<()> {
        private_file::write(&self.path, &serde_json::to_vec(&self.begun)?)
    }
}
