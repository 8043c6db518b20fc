//! What a verifier can find wrong with an audit log, be it in the database or in an export.

use crate::crypto::faults::faults;

faults! {
    /// What is wrong with an audit log.
    Fault {
        /// An export is not of the form that `custodian audit export` writes.
        ExportMalformed = "ExportMalformed": "this is not an export of an audit log: its first line does not name format and checkpoint",
        /// The checkpoint is no signed note, or no checkpoint.
        CheckpointMalformed = "CheckpointMalformed": "the checkpoint is not a C2SP checkpoint in a signed note",
        /// The checkpoint names another origin.
        CheckpointOfAnotherLog = "CheckpointOfAnotherLog": "the checkpoint is another log's",
        /// Only keys that are not pinned for checkpoints signed it.
        CheckpointByAnotherKey = "CheckpointByAnotherKey": "the checkpoint is signed by a key that is not pinned for checkpoints",
        /// The key that signed it is pinned as revoked.
        CheckpointKeyRevoked = "CheckpointKeyRevoked": "the checkpoint is signed by a key that was revoked, so that anybody may have signed it",
        /// The checkpoint's signature is not by the key that is to sign it.
        CheckpointForged = "CheckpointForged": "the checkpoint is not signed by the log's key",
        /// The database has lost the newest checkpoint.
        CheckpointMissing = "CheckpointMissing": "the newest checkpoint is not there, or not as it was written",
        /// The database has lost the record of the log's length.
        LengthMissing = "LengthMissing": "the record of the log's length is not there, or not as it was written",
        /// The token keeps no checkpoint though one was put there.
        TokenCheckpointMissing = "TokenCheckpointMissing": "the token no longer keeps the checkpoint that was put into it: somebody with its PIN removed it, or it is another token",
        /// The log is shorter than what the token, or whoever knows an earlier checkpoint, has seen.
        RolledBack = "RolledBack": "an older copy of the log was put back: a checkpoint that it does not reach was signed before",
        /// The log has another past than what the token, or whoever knows an earlier checkpoint, has seen.
        Forked = "Forked": "the log contradicts a checkpoint that was signed before: it is not the same log any more",
        /// An entry stands at another's place.
        EntryMoved = "EntryMoved": "entries were reordered: this one stands where another was logged",
        /// An entry was taken out.
        EntryMissing = "EntryMissing": "this entry was logged and is not there any more",
        /// An entry was put in.
        EntryInserted = "EntryInserted": "this entry was never logged: somebody put it there",
        /// An entry is not as it was logged.
        EntryChanged = "EntryChanged": "an entry is not as it was logged",
        /// Entries at the end were taken out.
        TailCut = "TailCut": "the newest entries are not there any more, from this one on",
        /// An entry that was logged is not what entries are.
        EntryMalformed = "EntryMalformed": "this entry is not canonical JSON with its index and its time",
        /// An entry is older than the one before it.
        TimeReversed = "TimeReversed": "this entry is older than the one before it",
        /// The log goes on after the time as of which it is judged.
        LogAhead = "LogAhead": "this entry is later than the time as of which the log is judged",
        /// The stored tree is not that of the entries.
        TreeChanged = "TreeChanged": "the stored tree is not the one over the entries, or not the one that was signed",
    }
}
