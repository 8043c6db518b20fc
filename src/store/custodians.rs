//! Custodians: who may sign overrides, with which key, and the forms by which a key could come back.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};
use serde::{Deserialize, Serialize};

use super::{Tx, View, rows, sealed::Table};
use crate::{
    crypto::scheme::Scheme,
    error::Error,
    id::{Id, Subject},
    policy::{CustodianState, Signer},
    words::Lead,
};

/// One custodian with its history.
#[derive(Clone, Debug)]
pub struct CustodianRow {
    /// Its place in the order of enrolment.
    pub seq: i64,
    /// Who it is.
    pub identity: Identity,
    /// Whether it may act.
    pub state: CustodianState,
    /// What is to be signed to prove the key.
    pub challenge: [u8; 32],
    /// Until when.
    pub challenge_until: Timestamp,
    /// Proofs that failed.
    pub failures: u32,
    /// When the key was proven.
    pub proven_at: Option<Timestamp>,
    /// The subject that enrolled it, or that wants to reinstate it.
    pub proposed_by: String,
    /// The subject that approved that; `None` while it waits.
    pub approved_by: Option<String>,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it was active for the first time.
    pub activated_at: Option<Timestamp>,
    /// What happened to it, the oldest first.
    pub history: Vec<Moment>,
}

/// What of a custodian never changes.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique for ever.
    pub id: Id,
    /// For people.
    pub name: String,
    /// The human.
    pub subject: Subject,
    /// Which of the two signatures it gives.
    pub lead: Lead,
    /// How it signs.
    pub scheme: Scheme,
    /// Its key as the API shows it.
    pub public_key: String,
    /// SHA-256 of that key, lower-case hex.
    pub fingerprint: String,
}

/// Something that happened to a custodian.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What, for example `suspended`.
    pub event: String,
    /// The subject that did it.
    pub by: String,
    /// Why, where a reason is asked for.
    pub reason: Option<String>,
}

impl CustodianRow {
    /// When it was revoked, if it was.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Timestamp> {
        let revoked = self.state == CustodianState::Revoked;
        let last = self.history.iter().rfind(|_| revoked);
        last.map(|moment| moment.at)
    }

    /// As the rules of overrides look at it.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer {
            custodian: self.identity.id.clone(),
            subject: self.identity.subject.clone(),
            lead: self.identity.lead,
            active: self.state == CustodianState::Active,
        }
    }
}

const TABLE: Table = "custodians";
const KEYS: Table = "custodian_keys";
const READING: &str = "reading custodians";

impl View<'_> {
    /// The custodian of that id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn custodian(&self, id: &Id) -> Result<Option<CustodianRow>, Error> {
        self.one(READING, TABLE, "WHERE id = ?1", [id.as_str()], custodian)
    }

    /// At most `limit` custodians in the order of their enrolment, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn custodians_after(&self, after: i64, limit: usize) -> Result<Vec<CustodianRow>, Error> {
        let rest = "WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.many(
            READING,
            TABLE,
            rest,
            (after, rows::at_most(limit)),
            custodian,
        )
    }

    /// Every custodian that was not revoked: all are read, so that none hides behind a state that somebody else changed.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn live_custodians(&self) -> Result<Vec<CustodianRow>, Error> {
        let all = self.many(READING, TABLE, "ORDER BY seq", [], custodian)?;
        let live = |row: &CustodianRow| row.state != CustodianState::Revoked;
        Ok(all.into_iter().filter(live).collect())
    }
}

impl Tx<'_> {
    /// Adds a custodian.
    ///
    /// # Errors
    /// [`Error::TwoPerson`] if another custodian that was not revoked is the same person; [`Error::Unavailable`].
    pub fn insert_custodian(&self, new: &CustodianRow) -> Result<(), Error> {
        let seq = self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM custodians")?;
        let who = &new.identity;
        let (created_at, until) = (
            new.created_at.as_microsecond(),
            new.challenge_until.as_microsecond(),
        );
        let identity: [(&str, &dyn ToSql); 9] = [
            ("seq", &seq),
            ("id", &who.id.as_str()),
            ("name", &who.name),
            ("subject", &who.subject.as_str()),
            ("lead", &who.lead.name()),
            ("scheme", &who.scheme.name()),
            ("public_key", &who.public_key),
            ("fingerprint", &who.fingerprint),
            ("created_at", &created_at),
        ];
        let challenge: [(&str, &dyn ToSql); 2] =
            [("challenge", &new.challenge), ("challenge_until", &until)];
        let life = Life::of(new)?;
        let columns = [&identity[..], &challenge, &life.columns()].concat();
        self.insert("adding a custodian", TABLE, &columns, ALREADY)
    }

    /// Writes down all of a custodian that can change.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn set_custodian(&self, row: &CustodianRow) -> Result<(), Error> {
        let life = Life::of(row)?;
        let whose = "WHERE id = ?1";
        let id = [row.identity.id.as_str()];
        let changed = self.alter("changing a custodian", TABLE, whose, id, &life.columns())?;
        rows::only(changed, rows::TAMPERED)
    }

    /// Claims forms of a key for a custodian; those that it has already are left.
    ///
    /// # Errors
    /// [`Error::Exists`] if another custodian has one of them; [`Error::Unavailable`].
    pub fn claim_components(&self, id: &Id, components: &[String]) -> Result<(), Error> {
        const WHAT: &str = "claiming a key";
        let claim = |row: &Row<'_>| {
            let of = |column| rows::plain::<String>(row, column);
            Ok((of("component")?, of("custodian_id")?))
        };
        // All are read, so that none hides behind a form that somebody else changed.
        let claims = self.many(WHAT, KEYS, "", [], claim)?;
        components.iter().try_for_each(|component| {
            match claims.iter().find(|(claimed, _)| claimed == component) {
                Some((_, owner)) if owner == id.as_str() => Ok(()),
                Some(_) => Err(KEY_TAKEN),
                None => {
                    let columns: [(&str, &dyn ToSql); 2] =
                        [("component", component), ("custodian_id", &id.as_str())];
                    self.insert(WHAT, KEYS, &columns, KEY_TAKEN)
                }
            }
        })
    }

    /// Gives the forms of a key free that was never active.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn release_components(&self, id: &Id) -> Result<(), Error> {
        const WHAT: &str = "releasing a key";
        let whose = "WHERE custodian_id = ?1";
        // Each is verified: a form of somebody else's key is not given free.
        self.many(WHAT, KEYS, whose, [id.as_str()], |_| Ok(()))?;
        let sql = "DELETE FROM custodian_keys WHERE custodian_id = ?1";
        self.change(WHAT, sql, [id.as_str()]).map(drop)
    }
}

/// What a second custodian of one subject answers.
pub const ALREADY: Error = Error::TwoPerson(
    "this subject is a custodian already, of this role or the other; one person holds one key",
);
const KEY_TAKEN: Error = Error::Exists(
    "this key, or another form of it, belongs to another custodian or did once; make a new one",
);

/// The columns that can change, as SQLite takes them.
struct Life {
    state: &'static str,
    failures: u32,
    proven_at: Option<i64>,
    proposed_by: String,
    approved_by: Option<String>,
    activated_at: Option<i64>,
    history: String,
}

impl Life {
    fn of(row: &CustodianRow) -> Result<Self, Error> {
        Ok(Self {
            state: row.state.name(),
            failures: row.failures,
            proven_at: row.proven_at.map(Timestamp::as_microsecond),
            proposed_by: row.proposed_by.clone(),
            approved_by: row.approved_by.clone(),
            activated_at: row.activated_at.map(Timestamp::as_microsecond),
            history: rows::to_json(&row.history)?,
        })
    }

    fn columns(&self) -> [(&'static str, &dyn ToSql); 7] {
        [
            ("state", &self.state),
            ("failures", &self.failures),
            ("proven_at", &self.proven_at),
            ("proposed_by", &self.proposed_by),
            ("approved_by", &self.approved_by),
            ("activated_at", &self.activated_at),
            ("history", &self.history),
        ]
    }
}

fn custodian(row: &Row<'_>) -> Result<CustodianRow, Error> {
    let state = rows::plain::<String>(row, "state")?;
    Ok(CustodianRow {
        seq: rows::plain(row, "seq")?,
        identity: identity(row)?,
        state: CustodianState::named(&state).ok_or(rows::TAMPERED)?,
        challenge: rows::plain(row, "challenge")?,
        challenge_until: rows::time(row, "challenge_until")?,
        failures: rows::plain(row, "failures")?,
        proven_at: rows::time_or_none(row, "proven_at")?,
        proposed_by: rows::plain(row, "proposed_by")?,
        approved_by: rows::plain(row, "approved_by")?,
        created_at: rows::time(row, "created_at")?,
        activated_at: rows::time_or_none(row, "activated_at")?,
        history: rows::json(&rows::plain::<String>(row, "history")?)?,
    })
}

fn identity(row: &Row<'_>) -> Result<Identity, Error> {
    let (lead, scheme) = (
        rows::plain::<String>(row, "lead")?,
        rows::plain::<String>(row, "scheme")?,
    );
    Ok(Identity {
        id: rows::name(row, "id")?,
        name: rows::plain(row, "name")?,
        subject: rows::name(row, "subject")?,
        lead: Lead::named(&lead).ok_or(rows::TAMPERED)?,
        scheme: Scheme::named(&scheme).ok_or(rows::TAMPERED)?,
        public_key: rows::plain(row, "public_key")?,
        fingerprint: rows::plain(row, "fingerprint")?,
    })
}
