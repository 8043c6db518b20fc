//! Custodians sign and reject overrides with keys that only they hold (api.md section 8).

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Caller, Custodian, Rules,
    audit::Event,
    custodians::enrolled,
    override_record::Record,
    override_view::{OverrideView, shown},
    overrides::distrust,
    signing_keys::countersignable,
};
use crate::{
    crypto::{messages::Rejection, scheme::Shown},
    error::{Error, Source},
    id::Id,
    policy::OverrideEvent,
    store::{Closing, CustodianRow, Identity, Request, SignatureRow},
    texts,
};

/// A custodian's signature on an override.
#[derive(Clone, Debug)]
pub struct NewSignature {
    /// Whose it is said to be.
    pub custodian_id: Id,
    /// As its scheme writes it.
    pub signature: String,
}

/// A custodian's signed no.
#[derive(Clone, Debug)]
pub struct NewRejection {
    /// Why: 1 to 4,096 characters.
    pub reason: String,
    /// Over custodian, override and reason (formats.md section 3).
    pub signature: NewSignature,
}

/// How a custodian rejected an override, as it is kept and shown.
#[derive(Serialize)]
struct Rejected<'a> {
    custodian_id: &'a str,
    reason: &'a str,
    signature: &'a str,
}

impl Rules {
    /// Whether a signature on an override is by the custodian's key, as far as both are still trusted here.
    pub(super) fn verify(
        &self,
        on: &Request,
        by: &Identity,
        signature: &str,
    ) -> Result<Shown, Error> {
        if on.instance != self.instance {
            return Err(Error::Conflict(
                "this service had another name when this override was requested; request it again, with another justification",
            ));
        }
        self.key(by)?.verify(&on.signing_hash, signature)
    }
}

impl Custodian {
    /// Takes a custodian's signature; with the second one the override is approved and countersigned.
    ///
    /// # Errors
    /// [`Error::Denied`] for another custodian's principal; then, in this order, [`Error::NotFound`],
    /// [`Error::Conflict`] in a build that cannot countersign, [`Error::Conflict`] or [`Error::Expired`],
    /// [`Error::BadSignature`], [`Error::Conflict`], [`Error::TwoPerson`];
    /// [`Error::Unavailable`], also when only the countersignature failed: the same signature again then asks for it.
    pub fn sign_override(
        &self,
        who: &Caller,
        id: &Id,
        new: NewSignature,
    ) -> Result<OverrideView, Error> {
        let (record, custodian) = self.acting(who, id, &new.custodian_id)?;
        countersignable()?;
        // Key and hash never change, so what is found here still holds in the transaction.
        let found = self
            .rules
            .verify(&record.row.request, &custodian.identity, &new.signature);
        let verified = found.is_ok();
        let (id, rules) = (id.clone(), self.rules.clone());
        let taken = self.change(who, move |tx, now| {
            let record = distrust(tx, &rules, &id, now)?;
            let custodian = enrolled(tx, &new.custodian_id)?;
            let again = stands(&record, &custodian, &new, true);
            let event = OverrideEvent::Sign {
                by: &custodian.signer(),
                verified,
                again,
                void: stands(&record, &custodian, &new, false),
            };
            match again {
                true => drop(record.standing().after(&event, now)?),
                false => {
                    record.go(tx, &event, now, Closing::default())?;
                    tx.insert_signature(&signature(&id, &custodian, new.signature, now))?;
                }
            }
            let record = Record::of(tx, &id)?;
            let view = shown(&record, &rules.schemes, now)?;
            let complete = record.standing().is_complete();
            let hash = hex::encode(record.row.request.signing_hash);
            let event = signed(&id, &custodian, again).with("signing_hash", hash);
            Ok(((complete, view), event))
        });
        let (complete, view) = taken.map_err(|refusal| precise(refusal, found))?;
        if !complete {
            return Ok(view);
        }
        let id = &record.row.request.id;
        self.approve_override(id)?;
        self.override_of(who, id)
    }

    /// Takes a custodian's signed rejection: the override is closed.
    ///
    /// # Errors
    /// As [`Custodian::sign_override`], and [`Error::Invalid`] for the reason.
    pub fn reject_override(
        &self,
        who: &Caller,
        id: &Id,
        new: NewRejection,
    ) -> Result<OverrideView, Error> {
        let sent = new.signature;
        let (_, custodian) = self.acting(who, id, &sent.custodian_id)?;
        let reason = texts::prose(new.reason, texts::REASON)?;
        let message = Rejection {
            custodian_id: sent.custodian_id.as_str(),
            override_id: id.as_str(),
            reason: &reason,
        };
        let (message, key) = (message.message()?, self.rules.key(&custodian.identity));
        let found = key.and_then(|key| key.verify(&message, &sent.signature));
        let verified = found.is_ok();
        let (id, schemes) = (id.clone(), self.rules.schemes.clone());
        let taken = self.change(who, move |tx, now| {
            let custodian = enrolled(tx, &sent.custodian_id)?;
            let closing = Closing {
                rejection: Some(rejection(&sent, &reason)?),
                ..Closing::default()
            };
            let by = &custodian.signer();
            let event = OverrideEvent::Reject { by, verified };
            Record::of(tx, &id)?.go(tx, &event, now, closing)?;
            let view = shown(&Record::of(tx, &id)?, &schemes, now)?;
            let audited = Event::done(id.to_string())
                .with("custodian_id", sent.custodian_id.as_str())
                .with("reason", reason);
            Ok((view, audited))
        });
        taken.map_err(|refusal| precise(refusal, found))
    }

    /// The override, and the custodian that the caller acts for.
    fn acting(
        &self,
        who: &Caller,
        id: &Id,
        custodian_id: &Id,
    ) -> Result<(Record, CustodianRow), Error> {
        if who.principal.custodian.as_ref() != Some(custodian_id) {
            return Err(Error::Denied(
                "a custodian signs and rejects for itself only: custodian_id is the one that your principal is bound to",
            ));
        }
        self.store
            .read(|view| Ok((Record::of(view, id)?, enrolled(view, custodian_id)?)))
    }
}

/// The scheme says better than the rules what is wrong with a signature.
fn precise<T>(refusal: Error, found: Result<T, Error>) -> Error {
    match (refusal, found) {
        (Error::BadSignature(_), Err(why)) => why,
        (refusal, _) => refusal,
    }
}

/// Whether this very signature of this custodian is on the override, and counts or is void.
fn stands(record: &Record, by: &CustodianRow, new: &NewSignature, valid: bool) -> bool {
    let same = |row: &SignatureRow| {
        let scheme = by.identity.scheme;
        row.custodian_id == new.custodian_id
            && scheme.same_signature(&row.signature, &new.signature)
    };
    let mut all = record.signatures.iter();
    all.any(|(row, _)| row.valid == valid && same(row))
}

fn signature(id: &Id, custodian: &CustodianRow, signature: String, now: Timestamp) -> SignatureRow {
    SignatureRow {
        override_id: id.clone(),
        custodian_id: custodian.identity.id.clone(),
        lead: custodian.identity.lead,
        signature,
        signed_at: now,
        valid: true,
    }
}

fn signed(id: &Id, custodian: &CustodianRow, again: bool) -> Event {
    Event::done(id.to_string())
        .with("custodian_id", custodian.identity.id.as_str())
        .with("role", custodian.identity.lead.name())
        .with("again", again)
}

fn rejection(sent: &NewSignature, reason: &str) -> Result<String, Error> {
    let rejected = Rejected {
        custodian_id: sent.custodian_id.as_str(),
        reason,
        signature: &sent.signature,
    };
    serde_json::to_string(&rejected).map_err(|error| Error::Internal {
        what: "writing a rejection",
        source: Some(Source::from(error)),
    })
}
