//! What auditors and witnesses ask of the log: its newest checkpoint, proofs, tiles.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    crypto::merkle::{
        self, Hash,
        tile::{self, Tile},
    },
    custodian::Custodian,
    error::{Error, Part},
    store::{CheckpointRow, View},
};

/// That an entry is in the log (RFC 6962 section 2.1.1).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Inclusion {
    index: u64,
    /// Entries of the tree in which it is proven.
    size: u64,
    /// Hex, as all hashes here.
    leaf_hash: String,
    /// From the leaf's neighbour to the root.
    hashes: Vec<String>,
    /// The root of that tree.
    root: String,
}

/// That the log only grew (RFC 6962 section 2.1.2).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Consistency {
    from: u64,
    to: u64,
    /// Hex.
    hashes: Vec<String>,
    /// The root of the tree of `to` entries.
    root: String,
}

impl Custodian {
    /// Whether anyone may read checkpoint and hash tiles.
    #[must_use]
    pub fn shows_its_tree(&self) -> bool {
        self.rules.log.public_tiles
    }

    /// The newest checkpoint: a signed note. Of a log that is not whole, the one that the database has: evidence.
    ///
    /// # Errors
    /// [`Error::Unavailable`] before the first is signed.
    pub fn checkpoint(&self) -> Result<String, Error> {
        let signed = self.newest()?.filter(|newest| newest.size > 0);
        signed.map(|newest| newest.note).ok_or_else(unsigned)
    }

    /// The proof that entry `index` is in the tree of `size` entries, or else of the newest checkpoint.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond the log; [`Error::Corrupt`] if the log cannot prove it; [`Error::Unavailable`].
    pub fn prove_inclusion(&self, index: u64, size: Option<u64>) -> Result<Inclusion, Error> {
        let size = self.or_newest(size)?;
        self.store.read(|view| {
            within(view, size)?;
            let entry = match index < size {
                true => view.audit_entries(index, 1)?.pop(),
                false => None,
            };
            let entry = entry.ok_or(Error::Invalid(
                "index must be that of an entry before size: from 0 to size - 1",
            ))?;
            let (leaf, root) = (merkle::leaf(&entry), merkle::root(size, view)?);
            let hashes = merkle::inclusion(index, size, leaf, root, view)?;
            Ok(Inclusion {
                index,
                size,
                leaf_hash: hex::encode(leaf),
                hashes: shown(hashes),
                root: hex::encode(root),
            })
        })
    }

    /// The proof that the tree of `to` entries, or else of the newest checkpoint, begins with that of `from`.
    ///
    /// # Errors
    /// As [`Custodian::prove_inclusion`].
    pub fn prove_consistency(&self, from: u64, to: Option<u64>) -> Result<Consistency, Error> {
        let to = self.or_newest(to)?;
        self.store.read(|view| {
            within(view, to)?;
            within(view, from)?;
            let new = merkle::root(to, view)?;
            let old = merkle::root(from, view)?;
            let hashes = merkle::consistency((from, old), (to, new), view)?;
            Ok(Consistency {
                from,
                to,
                hashes: shown(hashes),
                root: hex::encode(new),
            })
        })
    }

    /// A tile of the newest checkpoint's tree, or of its entries.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has none such; [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn tile(&self, wanted: &Tile) -> Result<Vec<u8>, Error> {
        let size = self.or_newest(None)?;
        if !wanted.is_in(size) {
            return Err(NO_TILE);
        }
        self.store.read(|view| match wanted.is_of_entries() {
            false => wanted.hashes(size, view),
            true => {
                let width = usize::try_from(wanted.width()).unwrap_or(usize::MAX);
                let entries = view.audit_entries(wanted.first(), width)?;
                match entries.len() == width {
                    true => tile::bundle(&entries),
                    false => Err(merkle::LOST),
                }
            }
        })
    }

    fn or_newest(&self, size: Option<u64>) -> Result<u64, Error> {
        match size {
            Some(size) => Ok(size),
            None => Ok(self.newest()?.ok_or_else(unsigned)?.size),
        }
    }

    fn newest(&self) -> Result<Option<CheckpointRow>, Error> {
        let known = self.audit_log.state().newest.clone();
        known.map_or_else(
            || self.store.read(|view| view.checkpoint()),
            |known| Ok(Some(known)),
        )
    }
}

/// No such tile, or not yet.
const NO_TILE: Error = Error::NotFound(
    "there is no such tile: names are those of C2SP tlog-tiles, and a tile is there once a checkpoint covers it",
);

fn within(view: &View<'_>, size: u64) -> Result<(), Error> {
    match size <= view.log_end()? {
        true => Ok(()),
        false => Err(Error::Invalid("the log has fewer entries than that")),
    }
}

fn shown(hashes: Vec<Hash>) -> Vec<String> {
    hashes.into_iter().map(hex::encode).collect()
}

fn unsigned() -> Error {
    Error::Unavailable {
        part: Part::Audit,
        what: "reading the newest checkpoint",
        source: Some("none is signed yet, or the log is not as it was signed".into()),
    }
}
