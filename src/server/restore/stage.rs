//! The folder in which a backup is unpacked and worked on: nobody else's, and gone with the next restore if one is killed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{BufReader, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{How, Order};
use crate::{
    config::{Config, DATABASE},
    custodian::{
        backup::{Manifest, read_head},
        restore::{Hear, Unproven},
    },
    error::{Error, Source},
    store::{SCHEMA, free},
};

const FOLDER: &str = "restore.partial";

/// Bytes that are unpacked at once.
const PIECE: usize = 1 << 18;

/// The work needs so many times the room of what it works on: the copy, its write-ahead log, and what is written anew.
const TIMES: u64 = 3;

/// What it needs besides.
const BESIDES: u64 = 16 << 20;

/// The folder, and the configuration of a service that has its database there.
pub(super) struct Stage {
    folder: PathBuf,
    config: Config,
}

/// What was unpacked is not left behind by a restore that is refused.
impl Drop for Stage {
    fn drop(&mut self) {
        let _there_until_the_next = self.remove();
    }
}

impl Stage {
    /// Makes it anew.
    pub(super) fn begin(config: &Config) -> Result<Self, Source> {
        let folder = config.data_dir.join(FOLDER);
        let stage = Self {
            config: Config {
                data_dir: folder.clone(),
                ..config.clone()
            },
            folder,
        };
        stage.remove()?;
        let made = DirBuilder::new().mode(0o700).create(&stage.folder);
        made.map_err(|error| {
            let folder = stage.folder.display();
            format!("{folder}: {error}; run this as the service's user, who may write there")
        })?;
        Ok(stage)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    pub(super) fn remove(&self) -> Result<(), Source> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.folder.display()).into())
            }
            _ => Ok(()),
        }
    }

    /// Opens the backup and writes the database in it here, if it is whole, of this service, and if there is room.
    pub(super) fn unpack(
        &self,
        config: &Config,
        order: &Order,
        hear: Hear<'_>,
    ) -> Result<Manifest, Source> {
        let about = |error| format!("{}: {error}", order.backup.display());
        let sealed = BufReader::with_capacity(PIECE, File::open(&order.backup).map_err(about)?);
        let mut content = order.identities.open(sealed)?;
        let manifest = read_head(&mut content)?;
        is_ours(&manifest, config)?;
        self.has_room(&manifest, order)?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut to = options.open(self.database())?;
        let found = write(&mut content, &mut to, manifest.database.bytes, hear)?;
        to.sync_all()?;
        match found == (manifest.database.bytes, manifest.database.sha256.clone()) {
            true => Ok(manifest),
            false => Err(NOT_WHOLE.proof()),
        }
    }

    fn has_room(&self, manifest: &Manifest, order: &Order) -> Result<(), Source> {
        let export = match &order.how {
            How::Audit(export) => fs::metadata(export)
                .map_err(|error| format!("{}: {error}", export.display()))?
                .len(),
            How::Rollback { .. } => 0,
        };
        let most = manifest.database.bytes.saturating_add(export);
        let needed = most.saturating_mul(TIMES).saturating_add(BESIDES);
        let left = free(Path::new(&self.folder))?;
        match left >= needed {
            true => Ok(()),
            false => Err(format!(
                "a restore needs {} MiB of the disk of {}, and {} MiB are free: make room, then give the same command again",
                needed >> 20,
                self.config.data_dir.display(),
                left >> 20
            )
            .into()),
        }
    }
}

/// A sentence that makes a proof fail.
struct Sentence(&'static str);

impl Sentence {
    fn proof(&self) -> Source {
        Unproven(self.0.to_owned()).into()
    }
}

const NOT_WHOLE: Sentence =
    Sentence("the backup is not whole, or was changed: take another one, or fetch this one again");

fn is_ours(manifest: &Manifest, config: &Config) -> Result<(), Unproven> {
    if manifest.instance != config.instance {
        return Err(Unproven(format!(
            "this is a backup of the service {:?}, and the configuration is that of {:?}: give the backup of this service",
            manifest.instance, config.instance
        )));
    }
    if manifest.schema > SCHEMA {
        return Err(Unproven(format!(
            "this backup is of schema {}, and this version of the service knows {SCHEMA}: restore it with a newer version",
            manifest.schema
        )));
    }
    Ok(())
}

/// Answers how much it was, and its SHA-256 in hex; one byte more than there should be is enough to see that it is wrong.
fn write(
    from: &mut impl Read,
    to: &mut File,
    all: u64,
    hear: Hear<'_>,
) -> Result<(u64, String), Source> {
    let (mut hash, mut done, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    while done <= all {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            // The cipher's own word: it was cut or changed.
            Err(error) if is_of_cipher(&error) => return Err(NOT_WHOLE.proof()),
            Err(error) => return Err(Error::store("reading the backup", error).into()),
        };
        let part = piece.get(..read).unwrap_or_default();
        hash.update(part);
        to.write_all(part)?;
        done += u64::try_from(read).unwrap_or_default();
        hear("bytes unpacked", done, all);
    }
    Ok((done, hex::encode(hash.finalize())))
}

fn is_of_cipher(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    )
}
