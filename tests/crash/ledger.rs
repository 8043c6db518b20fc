//! What was acknowledged, and what was only asked for when the service died.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{council::Council, figures::Figures};

/// DEK and version.
pub type Name = (String, String);

/// What all clients of all lives know.
#[derive(Default)]
pub struct Ledger {
    /// How often the service was started again.
    pub life: u64,
    /// Request ids that must be in the audit log, and the status of their answers.
    pub requests: Vec<(String, u16)>,
    /// So many of them were looked for.
    pub audited: usize,
    pub deks: Vec<Dek>,
    pub versions: BTreeMap<Name, Version>,
    pub ciphertexts: Vec<Ciphertext>,
    pub blobs: Vec<Blob>,
    /// Wraps under the KEK, and the lives in which one was acknowledged.
    pub wraps: Uses,
    pub tokens: Vec<Token>,
    /// Tokens whose revocation was acknowledged.
    pub revoked: Vec<String>,
    pub people: BTreeMap<String, Person>,
    pub keyed: Vec<Keyed>,
    pub custodians: BTreeMap<String, Custodian>,
    /// Those that nobody works with just now.
    pub councils: Vec<Council>,
    /// Override and envelope, as it was handed out first.
    pub certificates: Vec<(String, String)>,
    /// Overrides that nobody touches until their time is over.
    pub lapsing: Vec<Lapsing>,
    /// Public keys of DEK versions, as they were shown first.
    pub public_keys: BTreeMap<Name, String>,
    pub events: Vec<Event>,
    /// Signed lists of tools, as they were answered.
    pub lists: Vec<Value>,
    /// The keys that verifiers pin, as they were shown first.
    pub signing_keys: Option<Value>,
    pub keks: BTreeMap<String, Kek>,
    /// Jobs that were begun, and the KEK version that each moves to.
    pub jobs: BTreeMap<String, String>,
    /// The newest backup of this life that came whole.
    pub backup: Option<Backup>,
    /// Encryptions that were written down by version; a KEK version is of the DEK named by no text.
    pub reserved: BTreeMap<Name, u64>,
    /// Every checkpoint that was handed out: size and root.
    pub checkpoints: BTreeMap<u64, String>,
    /// Up to this size they were proven to be beginnings of one log.
    pub proven: u64,
    pub figures: Figures,
}

#[derive(Clone)]
pub struct Dek {
    pub name: String,
    pub hybrid: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Enabled,
    Disabled,
    Destroyed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Destroyed => "destroyed",
        }
    }

    /// How a decryption under a version of this state is answered.
    pub fn answers(self) -> (u16, &'static str) {
        match self {
            Self::Enabled => (200, ""),
            Self::Disabled => (409, "conflict"),
            Self::Destroyed => (410, "destroyed"),
        }
    }
}

/// One DEK version.
#[derive(Clone, Debug)]
pub struct Version {
    /// Acknowledged last.
    pub state: State,
    /// Asked for and not answered: after a kill it may be the state or not.
    pub asked: Option<State>,
    /// How many changes were asked for.
    pub changes: u64,
    /// Its wrapped secret, read from the file before it was to be destroyed.
    pub sealed: Option<Vec<u8>>,
    pub encryptions: Uses,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            state: State::Enabled,
            asked: None,
            changes: 0,
            sealed: None,
            encryptions: Uses::default(),
        }
    }
}

/// How often a key was used, and in which lives: each life reserves a block of its own.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    pub count: u64,
    pub lives: BTreeSet<u64>,
}

impl Uses {
    pub fn add(&mut self, life: u64) {
        self.count += 1;
        self.lives.insert(life);
    }
}

#[derive(Clone)]
pub struct Ciphertext {
    pub of: Name,
    pub blob: String,
    pub plaintext: String,
}

#[derive(Clone)]
pub struct Blob {
    pub kek: String,
    pub wrapped: String,
    pub plaintext: String,
}

/// An event whose personal fields are encrypted.
#[derive(Clone)]
pub struct Event {
    pub of: Name,
    pub sealed: Value,
    pub plain: Value,
}

/// A KEK version.
#[derive(Clone, Debug, Default)]
pub struct Kek {
    /// Acknowledged last.
    pub retired: bool,
    /// Asked for and not answered.
    pub asked: Option<bool>,
    /// How many changes were asked for.
    pub changes: u64,
}

impl Kek {
    /// How an unwrapping under it is answered.
    pub fn answers(&self) -> (u16, &'static str) {
        match self.retired {
            false => State::Enabled.answers(),
            true => State::Destroyed.answers(),
        }
    }
}

/// An override that expires by itself.
#[derive(Clone)]
pub struct Lapsing {
    pub id: String,
    /// Its minute began between these two.
    pub asked: Instant,
    pub answered: Instant,
}

/// A backup as it came, and how many entries were acknowledged before it was asked for.
pub struct Backup {
    pub sealed: Vec<u8>,
    pub least: usize,
}

#[derive(Clone)]
pub struct Token {
    pub principal: String,
    /// `None` for the one that came with its principal.
    pub id: Option<String>,
    pub text: String,
}

/// A principal whose grants change until it is deleted.
#[derive(Clone)]
pub struct Person {
    pub token: String,
    pub grants: Vec<String>,
    pub asked: Option<Wish>,
    pub gone: bool,
}

/// A custodian's status as it was acknowledged last, and the one that was asked for and not answered.
#[derive(Clone, Debug)]
pub struct Custodian {
    pub status: &'static str,
    pub asked: Option<&'static str>,
}

/// What was asked for and not answered.
#[derive(Clone)]
pub enum Wish {
    Grants(Vec<String>),
    Deletion,
}

/// A request with an idempotency key.
#[derive(Clone)]
pub struct Keyed {
    pub role: &'static str,
    pub path: String,
    pub key: String,
    pub body: Value,
    /// Acknowledged.
    pub answer: Option<Value>,
}

impl Ledger {
    /// How far it is after this round, and a log of so many entries.
    pub fn progress(&self, round: u64, entries: usize) -> String {
        let milliseconds = |times: &[Duration]| times.last().map_or(0, Duration::as_millis);
        format!(
            "round {round}: {} requests acknowledged so far, {entries} entries, ready after {} ms, looked at in {} ms",
            self.requests.len(),
            milliseconds(&self.figures.ready),
            milliseconds(&self.figures.looks),
        )
    }

    /// A version that an answer named.
    pub fn version(&mut self, of: &Name) -> &mut Version {
        self.versions.entry(of.clone()).or_default()
    }

    /// Notes a checkpoint that was handed out; answers the newest one that is smaller.
    pub fn note_checkpoint(&mut self, size: u64, root: &str) -> Option<(u64, String)> {
        let known = self.checkpoints.entry(size).or_insert(root.to_owned());
        assert_eq!(known, root, "two roots of {size} entries");
        let older = self.checkpoints.range(..size).next_back();
        older.map(|(size, root)| (*size, root.clone()))
    }

    /// Each version of a DEK.
    pub fn versions_of(&self, dek: &str) -> impl Iterator<Item = (&Name, &Version)> {
        let first = (dek.to_owned(), String::new());
        let all = self.versions.range(first..);
        all.take_while(move |((name, _), _)| name == dek)
    }

    /// Whether nobody changes a version of this DEK and none is disabled; and how many changes there were.
    pub fn calm(&self, dek: &str) -> (bool, u64) {
        let mut calm = (true, 0);
        for (_, version) in self.versions_of(dek) {
            calm.0 &= version.asked.is_none() && version.state != State::Disabled;
            calm.1 += version.changes;
        }
        calm
    }

    /// Whether a newer version than this one was acknowledged.
    pub fn is_superseded(&self, of: &Name) -> bool {
        let mut all = self.versions_of(&of.0);
        all.any(|((_, other), _)| number(other) > number(&of.1))
    }
}

/// 3 of `dek-v3-20261123`.
pub fn number(version: &str) -> u32 {
    let number = version.split('-').nth(1).and_then(|v| v.strip_prefix('v'));
    number.unwrap().parse().unwrap()
}
