//! Tiles of a tree and of its entries by their C2SP names (<https://c2sp.org/tlog-tiles>): `{L}/{N}[.p/{W}]` and
//! `entries/{N}[.p/{W}]`, 256 wide.

use std::str::FromStr;

use tlog_tiles::Tile as TlogTile;

use super::{Hashes, Reader, read};
use crate::error::Error;

/// Hashes, or entries, of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree that a tile spans.
const HEIGHT: u8 = 8;
/// Levels of tiles that a tree of 2^60 leaves can have.
const LEVELS: u8 = 8;

/// A path that names no tile.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no tile has that name")]
pub struct NoTile;

/// A part of the tree, or of its leaves' entries.
#[derive(Clone, Copy, Debug)]
pub struct Tile(TlogTile);

/// Reads a path relative to `/tile/`.
impl FromStr for Tile {
    type Err = NoTile;

    fn from_str(path: &str) -> Result<Self, NoTile> {
        let (level, rest) = path.split_once('/').ok_or(NoTile)?;
        let path = match level {
            "entries" => format!("tile/{HEIGHT}/data/{rest}"),
            // The crate panics at levels that no tree has, and at a width of none.
            _ if level.parse::<u8>().is_ok_and(|level| level < LEVELS) => {
                format!("tile/{HEIGHT}/{path}")
            }
            _ => return Err(NoTile),
        };
        let none = path
            .rsplit_once(".p/")
            .is_some_and(|(_, width)| width.parse() == Ok(0));
        let tile = (!none).then(|| TlogTile::from_path(&path).ok()).flatten();
        tile.map(Self).ok_or(NoTile)
    }
}

impl Tile {
    /// Whether it is of entries and not of hashes.
    #[must_use]
    pub fn is_of_entries(&self) -> bool {
        self.0.is_data()
    }

    /// The number of the first entry, of a tile of entries.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.0.level_index().saturating_mul(WIDTH)
    }

    /// How many hashes or entries it has.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.0.width()
    }

    /// Whether a tree of `size` leaves has it.
    #[must_use]
    pub fn is_in(&self, size: u64) -> bool {
        let end = u128::from(self.0.level_index()) * u128::from(WIDTH) + u128::from(self.width());
        let level = u32::from(HEIGHT).saturating_mul(u32::from(self.0.level()));
        end <= u128::from(size.checked_shr(level).unwrap_or(0))
    }

    /// The bytes of a tile of hashes: 32 for each.
    ///
    /// # Errors
    /// Those of `tree`; [`Error::NotFound`] unless a tree of `size` leaves has it.
    pub fn hashes(&self, size: u64, tree: &impl Hashes) -> Result<Vec<u8>, Error> {
        if self.is_of_entries() || !self.is_in(size) {
            return Err(Error::NotFound("the tree has no such tile yet"));
        }
        read(tree, |tree: &Reader<'_, _>| self.0.read_data(tree))
    }
}

/// The bytes of a tile of entries: each after its length, two bytes, big-endian.
///
/// # Errors
/// [`Error::Corrupt`] if one is longer than 65,535 bytes, which none of ours is.
pub fn bundle(entries: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TOO_LONG)?;
        all.extend_from_slice(&length.to_be_bytes());
        all.extend_from_slice(entry);
    }
    Ok(all)
}

const TOO_LONG: Error = Error::Corrupt("an audit entry is longer than any that was logged");

#[cfg(test)]
mod tests {
    use super::Tile;

    #[test]
    fn paths_are_those_of_c2sp_and_no_other_text_names_a_tile() {
        for path in [
            "0/000",
            "0/000.p/1",
            "1/x001/x234/067",
            "7/255.p/255",
            "entries/000.p/3",
        ] {
            assert!(path.parse::<Tile>().is_ok(), "{path}");
        }
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "00/000",
            "8/000",
            "64/000",
            "255/000",
            "-1/000",
            "+1/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/+1",
            "0/000.p/",
            "0/x000/001",
            "0/001.p/1/2",
            "0/000/",
            "entries",
            "entries/",
            "data/000",
            "8/0/000",
            "tile/0/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(path.parse::<Tile>().is_err(), "{path}");
        }
    }

    #[test]
    fn a_tree_has_the_tiles_that_its_leaves_fill() {
        let tile = |path: &str| path.parse::<Tile>().unwrap();
        assert!(tile("0/000").is_in(256));
        assert!(!tile("0/000").is_in(255));
        assert!(tile("0/000.p/255").is_in(255));
        assert!(tile("0/001.p/1").is_in(257));
        assert!(!tile("1/000.p/1").is_in(255));
        assert!(tile("1/000.p/1").is_in(256));
        for far in [
            "7/x018/x446/x744/x073/x709/551",
            "7/x018/x446/x744/x073/x709/x551/615",
            "0/x018/x446/x744/x073/x709/x551/615",
            "entries/x018/x446/x744/x073/x709/x551/615",
        ] {
            assert!(!tile(far).is_in(u64::MAX), "{far}");
        }
    }
}
