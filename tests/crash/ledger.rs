//! What was acknowledged, what was only asked for when the service died, and how the kills fell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::council::Council;

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
    /// Encryptions that were written down by version; a KEK version is of the DEK named by no text.
    pub reserved: BTreeMap<Name, u64>,
    /// Size and root of the newest checkpoint that was handed out.
    pub checkpoint: (u64, String),
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
    pub wrapped: String,
    pub plaintext: String,
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

/// How the kills fell and what was looked at.
#[derive(Default)]
pub struct Figures {
    pub kills: u64,
    /// By verb: answers, and requests that a kill cut off.
    pub verbs: BTreeMap<String, (u64, u64)>,
    pub verified: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub fn verified(&mut self, what: &'static str, count: usize) {
        *self.verified.entry(what).or_default() += count as u64;
    }

    pub fn table(&self) -> String {
        let answered: u64 = self.verbs.values().map(|(answered, _)| answered).sum();
        let mut lines = vec![
            format!("{} kills, {answered} requests acknowledged", self.kills),
            format!("{:>9} {:>8}  verb", "answered", "cut off"),
        ];
        let verb = |(verb, (answered, cut)): (&String, &(u64, u64))| {
            format!("{answered:>9} {cut:>8}  {verb}")
        };
        lines.extend(self.verbs.iter().map(verb));
        lines.push("looked at after the restarts:".to_owned());
        let looked = |(what, count): (&&str, &u64)| format!("{count:>9} {what}");
        lines.extend(self.verified.iter().map(looked));
        lines.join("\n")
    }
}

impl Ledger {
    /// A version that an answer named.
    pub fn version(&mut self, of: &Name) -> &mut Version {
        self.versions.entry(of.clone()).or_default()
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
