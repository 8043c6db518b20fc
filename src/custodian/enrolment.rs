//! Enrolment of custodians: an admin proposes, the custodian proves its key, a second admin approves (api.md section 5).

use std::time::Duration;

use base64ct::{Base64, Encoding};
use jiff::Timestamp;

use super::{
    Caller, Custodian, Quorum, Rules,
    approval::independent,
    audit::Event,
    custodians::{CustodianView, enrolled, shown},
    once::{self, Made, Once},
};
use crate::{
    crypto::{
        aes_gcm,
        messages::Enrolment,
        scheme::{PublicKey, Scheme},
    },
    error::Error,
    id::{Id, Subject},
    log::Outcome,
    policy::{self, CustodianState, Role},
    store::{ALREADY, CustodianRow, Identity, Moment, Tx, View},
    words::Lead,
};

/// How long a challenge can be answered.
const CHALLENGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Wrong answers that void it.
const FAILURES: u32 = 5;

/// Whom an admin enrols.
#[derive(Clone, Debug)]
pub struct NewCustodian {
    /// For people: 1 to 128 printable characters.
    pub name: String,
    /// The human.
    pub subject: Subject,
    /// Which of the two signatures it is to give.
    pub lead: Lead,
    /// How it signs.
    pub scheme: Scheme,
    /// Its key, in the form of its scheme.
    pub public_key: String,
}

impl Rules {
    /// The key of a custodian, as far as its scheme and its network are still trusted here.
    pub(super) fn key(&self, who: &Identity) -> Result<PublicKey, Error> {
        if let Some(why) = who.scheme.missing() {
            return Err(Error::Conflict(why));
        }
        if !self.schemes.contains(&who.scheme) {
            return Err(Error::Conflict(
                "this custodian's signature scheme is switched off here; enrol another key",
            ));
        }
        let key = who.scheme.public_key(&who.public_key, self.network);
        key.map_err(|_| {
            Error::Conflict(
                "this custodian's key is of another Bitcoin network than the configured one",
            )
        })
    }
}

impl Custodian {
    /// Enrols a custodian: pending, with a challenge.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is none, or a scheme that is off; [`Error::TwoPerson`], [`Error::Exists`],
    /// [`Error::Unavailable`].
    pub fn enrol_custodian(
        &self,
        who: &Caller,
        new: NewCustodian,
        once: Option<&Once>,
    ) -> Result<Made<CustodianView>, Error> {
        self.once(who, once, || {
            let key = self.checked_key(&new)?;
            self.enrol(who, new, &key, once.cloned())
        })
    }

    /// Takes the proof that a custodian holds its key: a signature over its challenge.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadSignature`]; [`Error::Expired`] when the challenge is too old;
    /// [`Error::Conflict`] when it is void or nothing waits for it; [`Error::TwoPerson`], [`Error::Exists`],
    /// [`Error::Unavailable`].
    pub fn activate_custodian(
        &self,
        who: &Caller,
        id: &Id,
        signature: &str,
    ) -> Result<CustodianView, Error> {
        let row = self.store.read(|view| enrolled(view, id))?;
        let challenge = Base64::encode_string(&row.challenge);
        let message = self.enrolment(&row.identity, &challenge).message()?;
        // Key and challenge never change, so what is found here still holds in the transaction.
        let proof = self.rules.key(&row.identity)?.verify(&message, signature);
        let (components, refused) = match proof {
            Ok(shown) => (shown.components, None),
            Err(refused) => (Vec::new(), Some(refused)),
        };
        let (id, by) = (id.clone(), who.principal.subject.to_string());
        let verified = refused.is_none();
        let row = self.change(who, move |tx, now| {
            let mut row = enrolled(tx, &id)?;
            provable(&row, now)?;
            let event = match verified {
                true => prove(tx, &mut row, &components, &by, now)?,
                false => fail(&mut row),
            };
            tx.set_custodian(&row)?;
            Ok((row, event))
        })?;
        refused.map_or_else(|| Ok(shown(row, &self.rules)), Err)
    }

    /// Approves an enrolment or a reinstatement that another admin proposed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], [`Error::TwoPerson`], [`Error::Unavailable`].
    pub fn approve_custodian(&self, who: &Caller, id: &Id) -> Result<CustodianView, Error> {
        let (id, approver, rules) = (id.clone(), who.clone(), self.rules.clone());
        let row = self.change(who, move |tx, now| {
            let mut row = enrolled(tx, &id)?;
            row.state.await_more()?;
            if row.approved_by.is_some() {
                return Err(Error::Conflict(
                    "this custodian is approved; it still has to prove its key: activate it",
                ));
            }
            independent(tx, &approver, Some(&row.proposed_by))?;
            may_be_custodian(tx, &row.identity.subject)?;
            claim(tx, &row.identity, &rules)?;
            let by = approver.principal.subject.to_string();
            row.approved_by = Some(by.clone());
            advance(&mut row, "approved", &by, now);
            tx.set_custodian(&row)?;
            let event = Event::done(id.to_string()).with("status", row.state.name());
            Ok((row, event))
        })?;
        Ok(shown(row, &self.rules))
    }

    fn checked_key(&self, new: &NewCustodian) -> Result<PublicKey, Error> {
        if let Some(why) = new.scheme.missing() {
            return Err(Error::Invalid(why));
        }
        if !self.rules.schemes.contains(&new.scheme) {
            return Err(Error::Invalid(
                "this signature scheme is switched off here; /v1/capabilities lists those that are on",
            ));
        }
        new.scheme.public_key(&new.public_key, self.rules.network)
    }

    fn enrol(
        &self,
        who: &Caller,
        new: NewCustodian,
        key: &PublicKey,
        once: Option<Once>,
    ) -> Result<CustodianView, Error> {
        let until = self.clock.after(CHALLENGE);
        let (rules, components) = (self.rules.clone(), key.components());
        let identity = Identity {
            id: Id::random(),
            name: new.name,
            subject: new.subject,
            lead: new.lead,
            scheme: new.scheme,
            public_key: key.text().to_owned(),
            fingerprint: key.fingerprint(),
        };
        let mut challenge = [0; 32];
        aes_gcm::random(&mut challenge)?;
        let by = who.principal.subject.clone();
        self.change(who, move |tx, now| {
            // The first duty: whoever enrols is not enrolled.
            if identity.subject == by {
                return Err(ONESELF);
            }
            may_be_custodian(tx, &identity.subject)?;
            nobody_else(tx, &identity.subject)?;
            let row = fresh(identity, challenge, until, &by, rules.admin_quorum, now);
            tx.insert_custodian(&row)?;
            tx.claim_components(&row.identity.id, &components)?;
            let event = proposed(&row).with("key_forms", components);
            let view = shown(row, &rules);
            once::keep(once.as_ref(), tx, now, view.location(), &view)?;
            Ok((view, event))
        })
    }

    fn enrolment<'a>(&'a self, who: &'a Identity, challenge: &'a str) -> Enrolment<'a> {
        Enrolment {
            challenge,
            custodian_id: who.id.as_str(),
            instance: &self.rules.instance,
            public_key: &who.public_key,
            role: who.lead.name(),
            scheme: who.scheme.name(),
            subject: who.subject.as_str(),
        }
    }
}

const ONESELF: Error =
    Error::TwoPerson("an admin cannot enrol itself; name the subject of another person");

/// Whether a person may be a custodian: nobody who manages people or keys is.
pub(super) fn may_be_custodian(view: &View<'_>, subject: &Subject) -> Result<(), Error> {
    let mut union = view.roles_of(subject)?;
    union.insert(Role::Custodian);
    policy::separate(&union)
}

/// Claims again all forms of a key that are known from the key alone.
pub(super) fn claim(tx: &Tx<'_>, who: &Identity, rules: &Rules) -> Result<(), Error> {
    tx.claim_components(&who.id, &rules.key(who)?.components())
}

/// Whether nobody of that subject is a custodian: the index of the table says so too.
fn nobody_else(tx: &Tx<'_>, subject: &Subject) -> Result<(), Error> {
    let custodians = tx.live_custodians()?;
    let same = |row: &CustodianRow| row.identity.subject == *subject;
    match custodians.iter().any(same) {
        true => Err(ALREADY),
        false => Ok(()),
    }
}

fn fresh(
    identity: Identity,
    challenge: [u8; 32],
    until: Timestamp,
    by: &Subject,
    quorum: Quorum,
    now: Timestamp,
) -> CustodianRow {
    CustodianRow {
        seq: 0, // the store counts
        identity,
        state: CustodianState::Pending,
        challenge,
        challenge_until: until,
        failures: 0,
        proven_at: None,
        proposed_by: by.to_string(),
        approved_by: (quorum == Quorum::One).then(|| by.to_string()),
        created_at: now,
        activated_at: None,
        history: vec![Moment {
            at: now,
            event: "enrolled".to_owned(),
            by: by.to_string(),
            reason: None,
        }],
    }
}

fn proposed(row: &CustodianRow) -> Event {
    let who = &row.identity;
    Event::done(who.id.to_string())
        .with("name", who.name.as_str())
        .with("subject", who.subject.as_str())
        .with("role", who.lead.name())
        .with("scheme", who.scheme.name())
        .with("public_key", who.public_key.as_str())
        .with("fingerprint", who.fingerprint.as_str())
        .with("status", row.state.name())
}

/// Whether a proof would still count.
fn provable(row: &CustodianRow, now: Timestamp) -> Result<(), Error> {
    row.state.await_more()?;
    if row.proven_at.is_some() {
        return Err(Error::Conflict(
            "this custodian has proven its key; a second admin still has to approve it",
        ));
    }
    if row.failures >= FAILURES {
        return Err(Error::Conflict(
            "five signatures over the challenge were wrong, so it is void; revoke this custodian and enrol it again",
        ));
    }
    match now < row.challenge_until {
        true => Ok(()),
        false => Err(Error::Expired(
            "the challenge is older than 24 hours; revoke this custodian and enrol it again",
        )),
    }
}

fn prove(
    tx: &Tx<'_>,
    row: &mut CustodianRow,
    components: &[String],
    by: &str,
    now: Timestamp,
) -> Result<Event, Error> {
    may_be_custodian(tx, &row.identity.subject)?;
    tx.claim_components(&row.identity.id, components)?;
    row.proven_at = Some(now);
    advance(row, "proven", by, now);
    Ok(Event::done(row.identity.id.to_string())
        .with("status", row.state.name())
        .with("key_forms", components))
}

fn fail(row: &mut CustodianRow) -> Event {
    row.failures = row.failures.saturating_add(1);
    let object = row.identity.id.to_string();
    Event::refused(Some(object), Outcome::Refused, "bad_signature").with("failures", row.failures)
}

/// Makes it active as soon as nothing is missing.
fn advance(row: &mut CustodianRow, event: &str, by: &str, now: Timestamp) {
    row.state = CustodianState::waiting(row.proven_at.is_some(), row.approved_by.is_some());
    if row.state == CustodianState::Active {
        row.activated_at.get_or_insert(now);
    }
    row.history.push(Moment {
        at: now,
        event: event.to_owned(),
        by: by.to_owned(),
        reason: None,
    });
}
