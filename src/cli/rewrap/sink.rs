//! Where moved lines go: first to a partial file, which takes its name when it is whole.
//!
//! What the state says is on disk before the state says it. Whatever stands behind that in the files is cut off when a
//! move goes on, and made again: so no line is lost, and none is there twice.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    batch::{Moved, MovedLine},
    lines::ReadSoFar,
    state::{Paths, State},
    summary::Summary,
};
use crate::error::Source;

/// Between two saves: what an interruption costs at most.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Sink {
    paths: Paths,
    /// `None` if all was done before.
    files: Option<Files>,
    keep_rejected: bool,
    state: State,
    saved: Instant,
}

struct Files {
    part: BufWriter<File>,
    rejects: BufWriter<File>,
}

impl Sink {
    /// Begins a move, or goes on with one.
    pub(super) fn open(whole: &Path, field: Option<&str>, keep: bool) -> Result<Self, Source> {
        let paths = Paths::of(whole);
        let new = State::new(field, keep);
        let state = match State::load(&paths.state)? {
            Some(state) if state.is_like(&new) => state,
            Some(_) => {
                return Err(format!(
                    "{} is of a move with another --field or --keep-rejected: give the same, or remove it and {}",
                    paths.state.display(),
                    paths.part.display()
                )
                .into());
            }
            None => {
                refuse_to_replace(&paths)?;
                new.save(&paths.state)?;
                new
            }
        };
        let is_whole = state.written > 0 && !paths.part.exists() && is_all(&paths, &state);
        let files = (!is_whole)
            .then(|| Files::open(&paths, &state))
            .transpose()?;
        Ok(Self {
            paths,
            files,
            keep_rejected: keep,
            state,
            saved: Instant::now(),
        })
    }

    /// Whether the output has its name already: only the state is left to be removed.
    pub(super) fn is_whole(&self) -> bool {
        self.files.is_none()
    }

    pub(super) fn read(&self) -> &ReadSoFar {
        &self.state.read
    }

    pub(super) fn lines(&self) -> u64 {
        self.state.read.lines
    }

    /// Writes the lines of a batch, and now and then what was done.
    pub(super) fn take(&mut self, batch: Moved) -> Result<(), Source> {
        let files = self.files.as_mut().ok_or(ALL_DONE)?;
        // Of a batch that could not be written whole nothing counts.
        let mut state = self.state.clone();
        for line in batch.lines {
            match line {
                MovedLine::Done { text, kek } => {
                    state.written += put(&mut files.part, &text)?;
                    *state.moved.entry(kek).or_default() += 1;
                }
                MovedLine::Rejected { text, reject } => {
                    let why = serde_json::to_vec(&reject)?;
                    state.rejects_written += put(&mut files.rejects, &why)?;
                    state.rejected += 1;
                    if self.keep_rejected {
                        state.written += put(&mut files.part, &text)?;
                    }
                }
            }
        }
        state.read = batch.read;
        self.state = state;
        if self.saved.elapsed() >= PAUSE {
            self.save()?;
        }
        Ok(())
    }

    /// Says on disk what is on disk.
    pub(super) fn save(&mut self) -> Result<(), Source> {
        if let Some(files) = &mut self.files {
            for file in [&mut files.part, &mut files.rejects] {
                file.flush()?;
                file.get_ref().sync_all()?;
            }
            self.state.save(&self.paths.state)?;
        }
        self.saved = Instant::now();
        Ok(())
    }

    /// Gives the output its name, and `permissions`: those of the file that it was made from.
    pub(super) fn finish(mut self, permissions: &Permissions) -> Result<Summary, Source> {
        self.save()?;
        if let Some(files) = self.files.take() {
            files.part.get_ref().set_permissions(permissions.clone())?;
            fs::rename(&self.paths.part, &self.paths.whole)?;
        }
        let rejects = (self.state.rejected > 0).then(|| self.paths.rejects.clone());
        if rejects.is_none() {
            remove(&self.paths.rejects)?;
        }
        remove(&self.paths.state)?;
        Ok(Summary::new(self.state, rejects))
    }
}

const ALL_DONE: &str = "this move was done before";

fn refuse_to_replace(paths: &Paths) -> Result<(), Source> {
    for path in [&paths.whole, &paths.part, &paths.rejects] {
        if path.exists() {
            let path = path.display();
            return Err(
                format!("{path} is there already: take another --out, or remove it").into(),
            );
        }
    }
    Ok(())
}

/// Removes a file, unless that was done before.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether the output with its name is what the state says.
fn is_all(paths: &Paths, state: &State) -> bool {
    fs::metadata(&paths.whole).is_ok_and(|about| about.len() == state.written)
}

/// Writes a line and answers its bytes.
fn put(file: &mut BufWriter<File>, line: &[u8]) -> Result<u64, Source> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    file.write_all(line)?;
    file.write_all(b"\n")?;
    Ok(line.len() as u64 + 1)
}

impl Files {
    fn open(paths: &Paths, state: &State) -> Result<Self, Source> {
        Ok(Self {
            part: cut(&paths.part, state.written)?,
            rejects: cut(&paths.rejects, state.rejects_written)?,
        })
    }
}

/// Opens a file for this process alone and cuts it to what is known to be on disk.
fn cut(path: &Path, bytes: u64) -> Result<BufWriter<File>, Source> {
    let about = |what: &str| format!("{}: {what}", path.display());
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options
        .mode(0o600)
        .open(path)
        .map_err(|error| about(&error.to_string()))?;
    file.try_lock()
        .map_err(|_| about("another process writes this file: wait until it ends"))?;
    if file.metadata()?.len() < bytes || !ends_a_line(&mut file, bytes)? {
        return Err(about(
            "it is not as this move left it: remove it and the .state file, and begin anew",
        )
        .into());
    }
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(BufWriter::with_capacity(1 << 18, file))
}

fn ends_a_line(file: &mut File, bytes: u64) -> Result<bool, Source> {
    let Some(last) = bytes.checked_sub(1) else {
        return Ok(true);
    };
    file.seek(SeekFrom::Start(last))?;
    let mut end = [0];
    file.read_exact(&mut end)?;
    Ok(end == *b"\n")
}
