//! What a verifier says of an export.

use serde::Serialize;

use super::Judge;
use crate::{crypto::merkle::Hash, log::Fault};

/// Whether an export is the log that its service signed, and if not why.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// As of `at`.
    pub valid: bool,
    /// The first fault that was found.
    pub error: Option<Fault>,
    /// The entry that it is about, where that is known.
    pub entry: Option<u64>,
    /// The log's name, as the checkpoint has it; like what follows to `keyid`, to be believed only if no fault of the
    /// checkpoint is named.
    pub origin: Option<String>,
    /// Entries that the checkpoint commits to.
    pub size: Option<u64>,
    /// The root that it commits to, hex.
    pub signed_root: Option<String>,
    /// Which key signed it.
    pub keyid: Option<String>,
    /// Entries that were read.
    pub entries: u64,
    /// The root of the tree over them, hex.
    pub root: String,
    /// The time of the first entry, RFC 3339.
    pub first_at: Option<String>,
    /// That of the last.
    pub last_at: Option<String>,
    /// Checkpoints that somebody kept, and whether this log contains what they commit to.
    pub earlier: Vec<Earlier>,
    /// The entries before this one are proven by one of those to be as they were signed, whatever else is wrong.
    pub proven_until: u64,
    /// The time as of which it was judged, RFC 3339.
    pub at: String,
}

/// A checkpoint that somebody kept.
#[derive(Debug, Serialize)]
pub struct Earlier {
    /// Entries that it commits to.
    pub size: u64,
    /// The root that it commits to, hex.
    pub root: String,
    /// Whether the log begins with just those entries.
    pub contained: bool,
}

impl Verdict {
    pub(super) fn new(judge: &Judge, root: Hash, found: Option<(Fault, Option<u64>)>) -> Self {
        let claimed = judge.claimed.as_ref();
        let earlier: Vec<Earlier> = judge.earlier.iter().map(Earlier::of).collect();
        let contained = earlier.iter().filter(|one| one.contained);
        let proven = contained.map(|one| one.size).max().unwrap_or_default();
        let entries = judge.edge.size();
        Self {
            valid: found.is_none(),
            error: found.map(|(fault, _)| fault),
            entry: found.and_then(|(_, entry)| entry),
            origin: claimed.map(|one| one.origin.clone()),
            size: claimed.map(|one| one.size),
            signed_root: claimed.map(|one| hex::encode(one.root)),
            keyid: judge
                .signed
                .as_ref()
                .ok()
                .map(|signed| signed.keyid.clone()),
            entries,
            root: hex::encode(root),
            first_at: judge.first.map(|at| at.to_string()),
            last_at: judge.last.map(|at| at.to_string()),
            earlier,
            proven_until: if found.is_none() { entries } else { proven },
            at: judge.at.to_string(),
        }
    }
}

impl Earlier {
    fn of((checkpoint, root): &(super::Checkpoint, Option<Hash>)) -> Self {
        Self {
            size: checkpoint.size,
            root: hex::encode(checkpoint.root),
            contained: *root == Some(checkpoint.root),
        }
    }
}
