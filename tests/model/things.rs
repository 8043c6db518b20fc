//! What the model knows of: DEKs and their versions, people and their tokens, blobs and their contexts.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Enabled,
    Disabled,
    Destroyed,
}

#[derive(Clone, Debug)]
pub struct Version {
    pub name: String,
    pub state: State,
    /// When it is to be destroyed.
    pub destroy_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Dek {
    pub hybrid: bool,
    pub versions: Vec<Version>,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub id: String,
    pub text: String,
    pub expires: Option<i64>,
    pub revoked: bool,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub subject: String,
    pub roles: Vec<&'static str>,
    pub grants: Vec<String>,
    pub scope: String,
    pub tokens: Vec<Token>,
    pub deleted: bool,
    /// One of the first principals: the game leaves it its first token.
    pub fixed: bool,
}

/// A blob from an earlier answer, or made with a public key.
#[derive(Clone, Debug)]
pub struct Blob {
    pub text: String,
    pub plaintext: String,
    pub context: Bound,
    pub whose: Whose,
    /// Its payload was damaged before a rewrap that need not open it.
    pub broken: bool,
}

#[derive(Clone, Debug)]
pub enum Whose {
    Dek { name: String, at: usize },
    Scope(String),
}

/// A context that requests have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    Absent,
    Empty,
    One,
    Other,
    Composed,
    Decomposed,
    TooLarge,
}

pub const CONTEXTS: [Bound; 6] = [
    Bound::Absent,
    Bound::Empty,
    Bound::One,
    Bound::Other,
    Bound::Composed,
    Bound::Decomposed,
];

impl Bound {
    pub fn json(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Empty => Some(json!({})),
            Self::One => Some(json!({"tenant": "1", "b": "2"})),
            Self::Other => Some(json!({"b": "2", "tenant": "2"})),
            Self::Composed => Some(json!({"caf\u{e9}": "\u{212b}"})),
            Self::Decomposed => Some(json!({"cafe\u{301}": "A\u{30a}"})),
            Self::TooLarge => {
                let many = (0..33).map(|at| (at.to_string(), json!("")));
                Some(Value::Object(many.collect()))
            }
        }
    }

    /// Those that say the same have the same number.
    pub fn meaning(self) -> u8 {
        match self {
            Self::Absent | Self::Empty => 0,
            Self::One => 1,
            Self::Other => 2,
            Self::Composed | Self::Decomposed => 3,
            Self::TooLarge => 9,
        }
    }
}

impl Person {
    pub fn is(&self, role: &str) -> bool {
        self.roles.contains(&role)
    }

    /// Whether its grants cover a DEK.
    pub fn granted(&self, dek: &str) -> bool {
        self.grants
            .iter()
            .any(|grant| match grant.strip_suffix('*') {
                Some(start) => dek.starts_with(start),
                None => grant == dek,
            })
    }

    pub fn sees(&self, dek: &str) -> bool {
        self.is("operator") || self.is("auditor") || self.granted(dek)
    }

    pub fn way_in(&self, now: i64) -> bool {
        !self.deleted && self.tokens.iter().any(|token| token.opens(now))
    }
}

impl Token {
    pub fn opens(&self, now: i64) -> bool {
        !self.revoked && self.expires.is_none_or(|end| end > now)
    }
}

impl Version {
    /// Its time has come; the service may or may not have seen to it yet.
    pub fn due(&self, now: i64) -> bool {
        self.state != State::Destroyed && self.destroy_at.is_some_and(|at| at <= now)
    }

    pub fn doomed(&self) -> bool {
        self.state == State::Destroyed || self.destroy_at.is_some()
    }

    /// How its use is refused.
    pub fn shut(&self) -> Option<(u16, &'static str)> {
        match self.state {
            _ if self.doomed() => Some((410, "destroyed")),
            State::Disabled => Some((409, "conflict")),
            _ => None,
        }
    }

    pub fn shown(&self) -> &'static str {
        match (self.state, self.destroy_at) {
            (State::Destroyed, _) => "destroyed",
            (_, Some(_)) => "pending_destruction",
            (State::Enabled, None) => "enabled",
            (State::Disabled, None) => "disabled",
        }
    }
}
