//! Files that a command reads whole; `-` is standard input.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    path::Path,
};

use crate::error::Source;

/// Most bytes of a file: far more than a certificate, an override or a keys file has.
const LARGEST: u64 = 8 << 20;

/// The longest line of a file that is read line by line, with what ends it: far more than an audit entry or a blob has.
const LONGEST_LINE: u64 = 1 << 20;

/// Opens a file or standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, Source> {
    if is_standard(path) {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(path);
    Ok(Box::new(opened.map_err(|error| {
        format!("reading {}: {error}", path.display())
    })?))
}

/// Reads the next line into `line` and answers its bytes with what ends it; 0 is the end. Of one that is too long it
/// reads the beginning, and passes over the rest.
pub(super) fn line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let read = from.take(LONGEST_LINE).read_until(b'\n', line)?;
    if is_too_long(line) {
        from.skip_until(b'\n')?;
    }
    Ok(read)
}

/// Whether this is only the beginning of a line.
pub(super) fn is_too_long(line: &[u8]) -> bool {
    line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n")
}

/// Reads a file or standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Source> {
    let failed = |error| format!("reading {}: {error}", path.display());
    let opened = open(path)?;
    let mut bytes = Vec::new();
    opened
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{} is larger than 8 MiB", path.display()).into());
    }
    Ok(bytes)
}

/// Whether this is standard input.
pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}
