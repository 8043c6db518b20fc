//! Merkle trees as in RFC 6962 section 2.1, over the `tlog_tiles` crate: SHA-256, leaf = 0x00 || entry, node = 0x01 ||
//! left || right. The crate panics where its input makes no sense, so what can be asked of it is checked here.
//!
//! The hashes of a tree that never change stand in a row, each at its position, in the order in which appending leaves
//! completes them (Crosby and Wallach, 2009).

use std::{cell::RefCell, collections::BTreeMap};

use tlog_tiles::{
    Error as TlogError, Hash as TlogHash, HashReader, check_record, check_tree, prove_record,
    prove_tree, record_hash, stored_hash_count, stored_hash_index, stored_hashes_for_record_hash,
    tree_hash,
};

use crate::error::Error;

pub mod tile;

/// A SHA-256 hash, 32 bytes.
pub type Hash = [u8; 32];

/// More leaves than any log gets: positions beyond would not fit SQLite's integers.
pub const MOST_LEAVES: u64 = 1 << 60;

/// Where the hashes of a tree are.
pub trait Hashes {
    /// The hashes at `positions`, in their order and as many.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if one is missing.
    fn hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error>;
}

/// The hash of a leaf: SHA-256(0x00 || entry).
#[must_use]
pub fn leaf(entry: &[u8]) -> Hash {
    record_hash(entry).0
}

/// The position of leaf number `index`, and after it of what that leaf completes.
///
/// # Errors
/// [`Error::Internal`] beyond [`MOST_LEAVES`].
pub fn position(index: u64) -> Result<u64, Error> {
    within(index).map(|()| stored_hash_index(0, index))
}

/// How many hashes a tree of `size` leaves has.
///
/// # Errors
/// [`Error::Internal`] beyond [`MOST_LEAVES`].
pub fn count(size: u64) -> Result<u64, Error> {
    within(size).map(|()| stored_hash_count(size))
}

/// What to put at [`position`]`(size)` and after it when `leaf` is appended to a tree of `size` leaves.
///
/// # Errors
/// Those of `tree`.
pub fn appended(size: u64, leaf: Hash, tree: &impl Hashes) -> Result<Vec<Hash>, Error> {
    within(size)?;
    let made = read(tree, |tree| {
        stored_hashes_for_record_hash(size, TlogHash(leaf), tree)
    })?;
    Ok(plain(made))
}

/// The root of the tree's first `size` leaves.
///
/// # Errors
/// Those of `tree`.
pub fn root(size: u64, tree: &impl Hashes) -> Result<Hash, Error> {
    within(size)?;
    read(tree, |tree| tree_hash(size, tree)).map(|hash| hash.0)
}

/// The proof that leaf `index`, whose hash is `leaf`, is in the tree of `size` leaves with that `root` (RFC 6962
/// section 2.1.1); verified before it is answered.
///
/// # Errors
/// [`Error::Invalid`] if the tree has no such leaf; [`Error::Corrupt`] if the tree does not prove it; those of `tree`.
pub fn inclusion(
    index: u64,
    size: u64,
    leaf: Hash,
    root: Hash,
    tree: &impl Hashes,
) -> Result<Vec<Hash>, Error> {
    within(size)?;
    if index >= size {
        return Err(Error::Invalid("index must be smaller than size"));
    }
    let proof = read(tree, |tree| prove_record(size, index, tree))?;
    let holds = check_record(&proof, size, TlogHash(root), index, TlogHash(leaf));
    holds.map_err(|_| NOT_PROVEN)?;
    Ok(plain(proof))
}

/// The proof that the tree of `to` leaves with root `new` begins with that of `from` leaves with root `old` (RFC 6962
/// section 2.1.2); verified before it is answered. Nothing is to be proven of the empty tree.
///
/// # Errors
/// [`Error::Invalid`] if `from` is beyond `to`; [`Error::Corrupt`] if the tree does not prove it; those of `tree`.
pub fn consistency(
    (from, old): (u64, Hash),
    (to, new): (u64, Hash),
    tree: &impl Hashes,
) -> Result<Vec<Hash>, Error> {
    within(to)?;
    if from > to {
        return Err(Error::Invalid("from must not be greater than to"));
    }
    if from == 0 {
        return Ok(Vec::new());
    }
    let proof = read(tree, |tree| prove_tree(to, from, tree))?;
    let holds = check_tree(&proof, to, TlogHash(new), from, TlogHash(old));
    holds.map_err(|_| NOT_PROVEN)?;
    Ok(plain(proof))
}

/// The right edge of a growing tree: all that appending a leaf, and the root, need. At most 64 hashes.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: BTreeMap<u64, Hash>,
}

impl Frontier {
    /// That of the first `size` leaves of `tree`.
    ///
    /// # Errors
    /// Those of `tree`.
    pub fn of(size: u64, tree: &impl Hashes) -> Result<Self, Error> {
        let seen = Seen {
            tree,
            hashes: RefCell::default(),
        };
        root(size, &seen)?;
        let peaks = seen.hashes.into_inner();
        Ok(Self { size, peaks })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, and answers the position of the first of the hashes that it completes, and them.
    ///
    /// # Errors
    /// [`Error::Internal`] beyond [`MOST_LEAVES`].
    pub fn push(&mut self, leaf: Hash) -> Result<(u64, Vec<Hash>), Error> {
        let made = appended(self.size, leaf, self)?;
        let first = position(self.size)?;
        self.peaks.extend((first..).zip(made.iter().copied()));
        self.size += 1;
        let edge = tlog_tiles::sub_tree_index(0, self.size, Vec::new());
        self.peaks.retain(|position, _| edge.contains(position));
        Ok((first, made))
    }

    /// The root of all leaves until now.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn root(&self) -> Result<Hash, Error> {
        root(self.size, self)
    }
}

impl Hashes for Frontier {
    fn hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        let peaks = positions
            .iter()
            .map(|position| self.peaks.get(position).copied());
        let peaks: Option<_> = peaks.collect();
        peaks.ok_or(Error::internal("the edge of a tree lacks a hash"))
    }
}

/// Remembers what was read.
struct Seen<'a, T> {
    tree: &'a T,
    hashes: RefCell<BTreeMap<u64, Hash>>,
}

impl<T: Hashes> Hashes for Seen<'_, T> {
    fn hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        let found = self.tree.hashes(positions)?;
        let pairs = positions.iter().copied().zip(found.iter().copied());
        self.hashes.borrow_mut().extend(pairs);
        Ok(found)
    }
}

/// Shows a tree to the crate, and keeps our own error while it passes through.
struct Reader<'a, T> {
    tree: &'a T,
    failed: RefCell<Option<Error>>,
}

impl<T: Hashes> HashReader for Reader<'_, T> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<TlogHash>, TlogError> {
        let found =
            self.tree
                .hashes(indexes)
                .and_then(|found| match found.len() == indexes.len() {
                    true => Ok(found),
                    false => Err(LOST),
                });
        match found {
            Ok(found) => Ok(found.into_iter().map(TlogHash).collect()),
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                Err(TlogError::IndexesNotInTree)
            }
        }
    }
}

fn read<T: Hashes, A>(
    tree: &T,
    ask: impl FnOnce(&Reader<'_, T>) -> Result<A, TlogError>,
) -> Result<A, Error> {
    let reader = Reader {
        tree,
        failed: RefCell::default(),
    };
    ask(&reader).map_err(|error| {
        let ours = reader.failed.take();
        ours.unwrap_or_else(|| Error::Internal {
            what: "working with a Merkle tree",
            source: Some(error.into()),
        })
    })
}

fn within(leaves: u64) -> Result<(), Error> {
    match leaves <= MOST_LEAVES {
        true => Ok(()),
        false => Err(Error::internal("more leaves than a Merkle tree may have")),
    }
}

fn plain(hashes: Vec<TlogHash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

/// A hash that a tree of that size has is not there.
pub const LOST: Error =
    Error::Corrupt("a hash of the audit log's tree is missing; restore the database from a backup");
const NOT_PROVEN: Error = Error::Corrupt(
    "the audit log's tree does not prove this: POST /v1/audit/verify says what is wrong with it",
);

#[cfg(test)]
mod tests {
    use super::{Error, Frontier, Hash, Hashes, LOST, consistency, inclusion, leaf, root};

    /// A whole tree in memory.
    #[derive(Default)]
    struct Tree(Vec<Hash>);

    impl Hashes for Tree {
        fn hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
            let at = |position: &u64| self.0.get(usize::try_from(*position).unwrap()).copied();
            let found: Option<_> = positions.iter().map(at).collect();
            found.ok_or(LOST)
        }
    }

    fn grown(leaves: u64) -> (Tree, Vec<Hash>) {
        let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
        let mut roots = vec![frontier.root().unwrap()];
        for number in 0..leaves {
            let (first, made) = frontier.push(leaf(&number.to_be_bytes())).unwrap();
            assert_eq!(first, tree.0.len() as u64);
            tree.0.extend(made);
            roots.push(frontier.root().unwrap());
        }
        (tree, roots)
    }

    /// RFC 6962's own trees: <https://github.com/google/certificate-transparency> has these roots.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let leaves: [&str; 8] = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        for (bytes, wanted) in leaves.iter().zip(roots) {
            frontier.push(leaf(&hex::decode(bytes).unwrap())).unwrap();
            assert_eq!(hex::encode(frontier.root().unwrap()), wanted);
        }
    }

    #[test]
    fn an_edge_that_is_read_from_a_tree_grows_as_the_one_that_made_it() {
        let (tree, roots) = grown(70);
        for size in 0..70 {
            let mut edge = Frontier::of(size, &tree).unwrap();
            assert_eq!(edge.size(), size);
            assert_eq!(edge.root().unwrap(), roots[usize::try_from(size).unwrap()]);
            edge.push(leaf(&size.to_be_bytes())).unwrap();
            assert_eq!(
                edge.root().unwrap(),
                roots[usize::try_from(size).unwrap() + 1]
            );
        }
    }

    #[test]
    fn every_leaf_and_every_earlier_tree_of_a_small_tree_is_proven() {
        let (tree, roots) = grown(40);
        for (size, whole) in (0..).zip(&roots) {
            assert_eq!(root(size, &tree).unwrap(), *whole);
            for index in 0..size {
                let leaf = leaf(&index.to_be_bytes());
                inclusion(index, size, leaf, *whole, &tree).unwrap();
            }
            for (from, part) in (0..=size).zip(&roots) {
                consistency((from, *part), (size, *whole), &tree).unwrap();
            }
        }
    }

    #[test]
    fn what_a_tree_does_not_hold_is_refused_and_not_proven() {
        let (mut tree, roots) = grown(10);
        assert!(matches!(
            inclusion(10, 10, leaf(b""), roots[10], &tree),
            Err(Error::Invalid(_))
        ));
        assert!(inclusion(3, 10, leaf(b"another"), roots[10], &tree).is_err());
        assert!(consistency((11, roots[10]), (10, roots[10]), &tree).is_err());
        assert!(consistency((4, roots[5]), (10, roots[10]), &tree).is_err());
        tree.0.truncate(4);
        assert!(matches!(root(10, &tree), Err(Error::Corrupt(_))));
        assert!(root(u64::MAX, &tree).is_err());
    }
}
