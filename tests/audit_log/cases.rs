//! Each way to tamper with the log of a service that is down, and the word for it.

use rusqlite::Connection;

use crate::{
    attack::{change, cut, forge, regrow, remove, repeat, shift, size, swap},
    file::run,
};

/// The entry that is attacked.
pub const FIVE: i64 = 5;

/// What is done to a log of so many entries, the word for it, and the entry that is named.
pub struct Case {
    pub what: &'static str,
    pub attack: fn(&Connection),
    pub word: &'static str,
    pub entry: fn(i64) -> Option<i64>,
}

const fn case(
    what: &'static str,
    attack: fn(&Connection),
    word: &'static str,
    entry: fn(i64) -> Option<i64>,
) -> Case {
    Case {
        what,
        attack,
        word,
        entry,
    }
}

pub const CASES: [Case; 24] = [
    case("changed", |file| change(file, FIVE), "EntryChanged", five),
    case(
        "changed, and the tree with it",
        |file| regrown(file, |file| change(file, FIVE)),
        "EntryChanged",
        five,
    ),
    case(
        "changed to no JSON",
        |file| {
            run(
                file,
                "UPDATE audit_entries SET entry = x'00' WHERE number = 5",
            )
        },
        "EntryChanged",
        five,
    ),
    case(
        "with another time",
        |file| {
            run(
                file,
                "UPDATE audit_entries SET at = at + 1 WHERE number = 5",
            )
        },
        "EntryChanged",
        five,
    ),
    case("removed", |file| remove(file, FIVE), "EntryMissing", five),
    case(
        "removed, and the gap closed",
        |file| regrown(file, closed_gap),
        "EntryMissing",
        five,
    ),
    case(
        "removed, the gap closed, and one put in at the end",
        padded_gap,
        "EntryMissing",
        five,
    ),
    case(
        "reordered",
        |file| swap(file, FIVE, FIVE + 1),
        "EntryMoved",
        five,
    ),
    case(
        "reordered, and the tree with it",
        |file| regrown(file, |file| swap(file, FIVE, 8)),
        "EntryMoved",
        five,
    ),
    case(
        "inserted",
        |file| regrown(file, forged),
        "EntryInserted",
        five,
    ),
    case(
        "inserted again",
        |file| regrown(file, repeated),
        "EntryInserted",
        five,
    ),
    case(
        "inserted at the end",
        |file| forge(file, size(file), FIVE),
        "EntryInserted",
        Some,
    ),
    case(
        "inserted far behind the end",
        |file| forge(file, i64::MAX, FIVE),
        "EntryInserted",
        Some,
    ),
    case(
        "the first one removed",
        |file| remove(file, 0),
        "EntryMissing",
        |_| Some(0),
    ),
    case(
        "the tail cut",
        |file| cut(file, size(file) - 2),
        "TailCut",
        |size| Some(size - 2),
    ),
    case(
        "the tail cut, and the tree with it",
        |file| regrown(file, |file| cut(file, size(file) - 2)),
        "TailCut",
        |size| Some(size - 2),
    ),
    case(
        "the record of the length removed",
        |file| run(file, "DELETE FROM log_head"),
        "LengthMissing",
        |_| None,
    ),
    case(
        "the record of the length changed",
        |file| run(file, "UPDATE log_head SET size = size - 1"),
        "LengthMissing",
        |_| None,
    ),
    case(
        "all removed",
        |file| regrown(file, |file| cut(file, 0)),
        "TailCut",
        |_| Some(0),
    ),
    case(
        "a leaf of the tree changed",
        |file| {
            run(
                file,
                "UPDATE tree_hashes SET hash = zeroblob(32) WHERE position = 0",
            )
        },
        "TreeChanged",
        |_| Some(0),
    ),
    case(
        "a hash of the tree removed",
        |file| run(file, "DELETE FROM tree_hashes WHERE position = 4"),
        "TreeChanged",
        |_| None,
    ),
    case(
        "a hash put in far behind the tree's end",
        |file| {
            run(
                file,
                "INSERT INTO tree_hashes VALUES (9223372036854775807, zeroblob(32))",
            )
        },
        "TreeChanged",
        |_| None,
    ),
    case(
        "the checkpoint removed",
        |file| run(file, "DELETE FROM checkpoints"),
        "CheckpointMissing",
        |_| None,
    ),
    case(
        "the checkpoint changed",
        |file| run(file, "UPDATE checkpoints SET size = size - 1"),
        "CheckpointMissing",
        |_| None,
    ),
];

fn five(_: i64) -> Option<i64> {
    Some(FIVE)
}

fn regrown(file: &Connection, attack: fn(&Connection)) {
    attack(file);
    regrow(file);
}

fn closed_gap(file: &Connection) {
    remove(file, FIVE);
    shift(file, FIVE, -1);
}

fn padded_gap(file: &Connection) {
    closed_gap(file);
    forge(file, size(file), FIVE - 1);
    regrow(file);
}

fn forged(file: &Connection) {
    shift(file, FIVE - 1, 1);
    forge(file, FIVE, FIVE - 1);
}

fn repeated(file: &Connection) {
    shift(file, FIVE - 1, 1);
    repeat(file, FIVE, 2);
}
