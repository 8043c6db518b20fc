//! What is true, kept apart from the service and from its code: who may act as a custodian, what was asked, who signed.

use std::rc::Rc;

use aegis_custodian::crypto::scheme::SigningKey;
use serde_json::Value;

pub struct World {
    /// As the service must see it: never earlier than it was.
    pub now: i64,
    /// Whether it takes two admins.
    pub two_admins: bool,
    pub token_away: bool,
    pub apps: Vec<App>,
    pub custodians: Vec<Custodian>,
    pub overrides: Vec<Override>,
}

pub struct App {
    pub subject: String,
    pub token: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Active,
    Pending,
    Revoked,
    Suspended,
}

/// One enrolment; a person may have several, one after the other.
pub struct Custodian {
    /// What the service said when it was enrolled.
    pub enrolled: Value,
    pub id: String,
    pub subject: &'static str,
    pub lead: &'static str,
    pub key: Rc<SigningKey>,
    /// Of its principal.
    pub token: String,
    pub state: State,
    pub proven: bool,
    pub wrong_proofs: u32,
    /// The admin who wants it active, and whether another one does too.
    pub proposed_by: usize,
    pub approved: bool,
    pub enrolled_at: i64,
    pub active_from: Option<i64>,
    pub revoked_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Approved,
    Rejected,
    Withdrawn,
}

pub struct Override {
    /// What the service said when it was requested.
    pub asked: Value,
    pub id: String,
    pub question: usize,
    pub app: usize,
    pub on_behalf_of: Option<&'static str>,
    pub expires_at: i64,
    /// How and when it ended, if it did other than by its time.
    pub end: Option<(End, i64)>,
    pub signed: Vec<Signed>,
    pub certificate: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Signed {
    pub by: usize,
    pub text: String,
    pub at: i64,
    pub void: bool,
}

/// So many wrong proofs make a challenge void.
pub const PROOFS: u32 = 5;

/// A challenge can be answered for so long.
pub const DAY: i64 = 24 * 60 * 60;

pub const LEADS: [&str; 2] = ["risk_lead", "security_lead"];

impl World {
    pub fn status(&self, over: &Override) -> &'static str {
        match over.end {
            Some((End::Approved, _)) => "approved",
            Some((End::Rejected, _)) => "rejected",
            Some((End::Withdrawn, _)) => "withdrawn",
            None if self.now >= over.expires_at => "expired",
            None if over.live().next().is_some() => "partial",
            None => "pending",
        }
    }

    pub fn is_open(&self, over: &Override) -> bool {
        ["pending", "partial"].contains(&self.status(over))
    }

    pub fn open(&self) -> Vec<usize> {
        let open = |at: &usize| self.is_open(&self.overrides[*at]);
        (0..self.overrides.len()).filter(open).collect()
    }

    /// Whose signature of that role counts.
    pub fn signer<'a>(&self, over: &'a Override, lead: &str) -> Option<&'a Signed> {
        over.live()
            .find(|signed| self.custodians[signed.by].lead == lead)
    }

    pub fn is_complete(&self, over: &Override) -> bool {
        LEADS.iter().all(|lead| self.signer(over, lead).is_some())
    }

    pub fn in_state(&self, state: State) -> Vec<usize> {
        let wanted = |at: &usize| self.custodians[*at].state == state;
        (0..self.custodians.len()).filter(wanted).collect()
    }

    /// Whether it can never prove its key.
    pub fn is_lost(&self, who: &Custodian) -> bool {
        who.wrong_proofs >= PROOFS || self.now >= who.enrolled_at + DAY
    }

    /// Whether a key can no more be enrolled: what waits and what ever was active keeps its key.
    pub fn key_taken(&self, key: &SigningKey) -> bool {
        let same = |one: &&Custodian| one.key.public_key().text() == key.public_key().text();
        let keeps = |one: &Custodian| one.state != State::Revoked || one.active_from.is_some();
        self.custodians.iter().filter(same).any(keeps)
    }
}

impl Override {
    /// The signatures that count.
    pub fn live(&self) -> impl Iterator<Item = &Signed> {
        self.signed.iter().filter(|signed| !signed.void)
    }

    /// The 32 bytes that custodians sign.
    pub fn message(&self) -> [u8; 32] {
        let hash = self.asked["signing_hash"].as_str().unwrap();
        hex::decode(hash).unwrap().try_into().unwrap()
    }
}
