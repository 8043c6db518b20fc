//! Files with a secret: only their owner may read them.

use std::{fs::File, io::Read, os::unix::fs::PermissionsExt, path::Path};

use zeroize::Zeroizing;

use crate::error::Source;

/// The text of such a file of at most `most` bytes.
///
/// # Errors
/// Says what to do if others may read it.
pub fn read(path: &Path, most: usize) -> Result<Zeroizing<String>, Source> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > most as u64 {
        return Err(format!("this is no file of at most {most} bytes").into());
    }
    if about.permissions().mode() & 0o077 != 0 {
        return Err("others than its owner may read it: run chmod 600 on it, and have what is in it replaced if somebody may have read it".into());
    }
    // Room for all of it at once: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * most));
    file.take(most as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
