//! Owns how files that only their owner may read are written: whole or not at all. Imports nothing of ours.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Writes `content` to `path` with mode 0600 and answers when it is on disk; a reader sees the old file or the new.
///
/// # Errors
/// Those of the file system.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create(&part, content)?;
    fs::rename(&part, path)?;
    sync_folder(path)
}

/// Writes `content` to a new file with mode 0600 and answers when it is on disk.
///
/// # Errors
/// Those of the file system; [`io::ErrorKind::AlreadyExists`] if something of that name is there.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    sync_folder(path)
}

/// A new file with mode 0600 that is there before its content: whoever is handed something once makes the place for
/// it first. Dropped without content it is gone again.
#[derive(Debug)]
pub struct Reserved {
    path: PathBuf,
    file: File,
    filled: bool,
}

impl Reserved {
    /// Makes the file, empty.
    ///
    /// # Errors
    /// Those of the file system; [`io::ErrorKind::AlreadyExists`] if something of that name is there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        Ok(Self {
            file: options.open(path)?,
            path: path.to_owned(),
            filled: false,
        })
    }

    /// Writes the content, which is on disk when this returns.
    ///
    /// # Errors
    /// Those of the file system; the file is gone then.
    pub fn fill(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()?;
        sync_folder(&self.path)?;
        self.filled = true;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.filled {
            // An empty file that stays is no harm.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        None => Ok(()),
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_private_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        super::write(&path, b"a longer first text").unwrap();
        super::write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
    #[test]
    fn a_new_private_file_replaces_nothing_and_only_its_owner_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        super::create(&path, b"first").unwrap();
        assert!(super::create(&path, b"second").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_reserved_file_replaces_nothing_and_stays_only_with_content() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secret");
        let reserved = super::Reserved::create(&path).unwrap();
        assert!(super::Reserved::create(&path).is_err());
        drop(reserved);
        assert!(!path.exists());
        let reserved = super::Reserved::create(&path).unwrap();
        reserved.fill(b"content").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"content");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
