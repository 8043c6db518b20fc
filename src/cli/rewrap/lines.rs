//! The file with the blobs: read once, from front to back, one batch at a time; what was read is known by its digest.

use std::{
    fs::{File, Permissions},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    batch::{Batch, Line},
    carrier::Carrier,
};
use crate::{cli::input, error::Source};

/// Most items of a batch (api.md section 1).
const ITEMS: usize = 256;

/// Most bytes of blobs in a batch: with their JSON they fit into a body of 1 MiB.
const BYTES: usize = 900 << 10;

/// How much was read.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadSoFar {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    /// Of those bytes, in hex.
    pub(super) sha256: String,
}

pub(super) struct Lines {
    path: PathBuf,
    from: BufReader<File>,
    length: u64,
    bytes: u64,
    lines: u64,
    digest: Sha256,
    /// A line that did not fit into the batch before.
    held: Option<Line>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, Source> {
        let failed = |error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err("--in is a file: it is read again when a move goes on".into());
        }
        Ok(Self {
            path: path.to_owned(),
            from: BufReader::with_capacity(1 << 18, file),
            length: about.len(),
            bytes: 0,
            lines: 0,
            digest: Sha256::new(),
            held: None,
        })
    }

    /// How long the file is.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn permissions(&self) -> Result<Permissions, Source> {
        Ok(self.from.get_ref().metadata()?.permissions())
    }

    /// Passes over what was read before, if it still is what it was.
    pub(super) fn skip(&mut self, read: &ReadSoFar) -> Result<(), Source> {
        while self.bytes < read.bytes {
            let left = usize::try_from(read.bytes - self.bytes).unwrap_or(usize::MAX);
            let here = self.from.fill_buf()?;
            let here = here.get(..left).unwrap_or(here);
            if here.is_empty() {
                break;
            }
            self.digest.update(here);
            let passed = here.len();
            self.from.consume(passed);
            self.bytes += passed as u64;
        }
        self.lines = read.lines;
        if read.bytes > 0 && self.so_far() != *read {
            return Err(format!(
                "{} is not the file that this move began with: give that one, or begin anew with another --out",
                self.path.display()
            )
            .into());
        }
        Ok(())
    }

    /// The next lines, or `None` at the end.
    pub(super) fn batch(&mut self, field: Option<&str>) -> Result<Option<Batch>, Source> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.lines.len() < ITEMS {
            let Some(line) = self.line(field)? else { break };
            bytes += line.blob_bytes();
            if bytes > BYTES && !batch.lines.is_empty() {
                self.held = Some(line);
                break;
            }
            self.bytes += line.bytes;
            self.lines += 1;
            self.digest.update(&line.text);
            batch.lines.push(line);
        }
        batch.read = self.so_far();
        Ok((!batch.lines.is_empty()).then_some(batch))
    }

    fn line(&mut self, field: Option<&str>) -> Result<Option<Line>, Source> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let mut text = Vec::new();
        let read = input::line(&mut self.from, &mut text);
        let read = read.map_err(|error| format!("{}: {error}", self.path.display()))?;
        if input::is_too_long(&text) {
            return Err(format!(
                "{}: line {} is longer than 1 MiB: this is no file of blobs",
                self.path.display(),
                self.lines + 1
            )
            .into());
        }
        let line = || Line {
            bytes: read as u64,
            number: self.lines + 1,
            carrier: Carrier::read(whole(&text), field),
            text,
        };
        Ok((read > 0).then(line))
    }

    fn so_far(&self) -> ReadSoFar {
        ReadSoFar {
            bytes: self.bytes,
            lines: self.lines,
            sha256: hex::encode(self.digest.clone().finalize()),
        }
    }
}

/// A line without what ends it.
fn whole(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}
