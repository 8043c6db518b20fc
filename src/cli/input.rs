//! Files that a command reads whole; `-` is standard input.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::error::Source;

/// Most bytes of a file: far more than a certificate, an override or a keys file has.
const LARGEST: u64 = 8 << 20;

/// Reads a file or standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Source> {
    let failed = |error| format!("reading {}: {error}", path.display());
    let opened: Box<dyn Read> = if is_standard(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
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
