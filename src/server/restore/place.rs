//! The restored database in the place of the one that is there, which is kept beside it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{marker::Marker, stage::Stage};
use crate::{
    config::Config,
    error::{Error, Source},
};

/// Names that are tried for what is kept.
const TRIES: u32 = 100;

/// Replaces the database; `note` then brings the token's copy of the checkpoint along. Answers where the old one is kept.
pub(super) fn replace(
    config: &Config,
    stage: &Stage,
    marker: &mut Marker,
    at: Timestamp,
    note: impl FnOnce() -> Result<(), Error>,
) -> Result<Option<PathBuf>, Source> {
    let (new, database) = (stage.database(), config.database());
    is_folded(&new)?;
    File::open(&new)?.sync_all()?;
    let kept = keep(&database, at)?;
    sync(&config.data_dir)?;
    marker.replaces()?;
    // What stands beside the old one would be read into the new one.
    for end in ["-wal", "-shm"] {
        remove(&beside(&database, end))?;
    }
    sync(&config.data_dir)?;
    fs::rename(&new, &database)?;
    sync(&config.data_dir)?;
    note()?;
    marker.ends()?;
    Ok(kept)
}

/// Gives the old database and its write-ahead log names under which they stay, beside those that they have.
fn keep(database: &Path, at: Timestamp) -> Result<Option<PathBuf>, Source> {
    if !database.exists() {
        return Ok(None);
    }
    let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut names = (0..TRIES).map(|number| match number {
        0 => beside(database, &format!(".replaced-{time}")),
        number => beside(database, &format!(".replaced-{time}-{number}")),
    });
    let free = |name: &PathBuf| !name.exists() && !beside(name, "-wal").exists();
    let name = names
        .find(free)
        .ok_or("too many old databases are kept here: move them away")?;
    let failed = |error| format!("{}: {error}", name.display());
    fs::hard_link(database, &name).map_err(failed)?;
    let wal = beside(database, "-wal");
    if wal.exists() {
        fs::hard_link(wal, beside(&name, "-wal")).map_err(failed)?;
    }
    Ok(Some(name))
}

/// Whether all of it is in the one file.
fn is_folded(database: &Path) -> Result<(), Source> {
    match fs::metadata(beside(database, "-wal")) {
        Ok(wal) if wal.len() > 0 => {
            Err("the restored database is not in one file: give the same command again".into())
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(file.as_os_str());
    name.push(end);
    name.into()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
