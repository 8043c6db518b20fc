//! Entries that were fetched before: of an older export, whole or cut off, which need not be asked for again.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::Path,
};

use crate::{cli::input, error::Source};

/// An older export.
pub(super) struct Kept {
    from: BufReader<File>,
    line: Vec<u8>,
}

impl Kept {
    /// Opens an older export behind its first line.
    pub(super) fn open(path: &Path) -> Result<Self, Source> {
        let failed = |error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(failed)?;
        let mut kept = Self {
            from: BufReader::with_capacity(1 << 18, file),
            line: Vec::new(),
        };
        kept.next().map_err(failed)?;
        Ok(kept)
    }

    /// The next whole entry; what the end of the file has torn is none.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        input::line(&mut self.from, &mut self.line)?;
        Ok(self.line.strip_suffix(b"\n"))
    }
}

/// Makes what an interrupted export left at `partial` the file `old`, unless `old` has more.
pub(super) fn keep(partial: &Path, old: &Path) -> Result<Option<Kept>, Source> {
    let length = |path: &Path| match fs::metadata(path) {
        Ok(about) => Ok(about.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    let (new, before) = (length(partial)?, length(old)?);
    if new > before {
        fs::rename(partial, old)?;
    }
    (new.max(before) > 0).then(|| Kept::open(old)).transpose()
}
