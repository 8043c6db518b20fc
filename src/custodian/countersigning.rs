//! The service's own word on an approved override: a certificate, countersigned in the token, verified whole before it
//! leaves, and written down only if nothing has changed meanwhile (api.md section 8).

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    Custodian, Rules, audit::Event, certificates::Expectation, override_record::Record,
    overrides::overtaken, signing_keys::countersignable,
};
use crate::{
    crypto::{
        aes_gcm,
        certificate::{self, Facts, Signed},
    },
    error::{Error, Source},
    id::{Id, Subject},
    policy::{Action, OverrideEvent},
    store::{Closing, CustodianRow, OverrideRow, SignatureRow},
};

impl Custodian {
    /// Approves an override that has both signatures; leaves any other as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the countersignature cannot be made, or not be written down, [`Error::Expired`] if its
    /// time is over by then: nothing is approved.
    pub(super) fn approve_override(&self, id: &Id) -> Result<(), Error> {
        let (record, now) = (
            self.store.read(|view| Record::of(view, id))?,
            self.clock.now(),
        );
        if !is_due(&record, &self.rules, now)? {
            return Ok(());
        }
        let certificate = match self.countersigned(&record, now) {
            Ok(certificate) => certificate,
            // What is no more to be approved needs no certificate.
            Err(error) => {
                let still = self.store.read(|view| Record::of(view, id))?;
                return match is_due(&still, &self.rules, self.clock.now())? {
                    true => Err(unmade(error)),
                    false => Ok(()),
                };
            }
        };
        overtaken(self.write_approval(record.row, certificate))
    }

    /// Countersigns what could not be countersigned when its second signature came.
    pub(super) fn approve_due_overrides(&self) -> Result<(), Error> {
        if !self.health().kek || countersignable().is_err() {
            return Ok(());
        }
        let now = self.clock.now();
        let due = self.store.read(|view| view.overrides_to_approve(now))?;
        let mut done = Ok(());
        for row in due {
            match row.and_then(|row| self.approve_override(&row.request.id)) {
                // What keeps one from being countersigned keeps the others too.
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(Error::Expired(_)) => {}
                one => done = done.and(one),
            }
        }
        done
    }

    fn countersigned(&self, record: &Record, now: Timestamp) -> Result<String, Error> {
        let body = self.body(record, now)?;
        let signed = self.countersign(&certificate::digest(&body))?;
        let signatures = signed.each_ref();
        let signatures = signatures.map(|one| (one.key_id.as_str(), one.signature.as_slice()));
        let envelope = certificate::envelope(&body, signatures)?;
        let people = record.valid().map(|(_, who)| who);
        let verdict = self.judge(&envelope, &Expectation::default(), people, now)?;
        if let Some(fault) = verdict.error {
            return Err(Error::Internal {
                what: "verifying a certificate before it leaves",
                source: Some(Source::from(fault.word())),
            });
        }
        let text = String::from_utf8(envelope);
        text.map_err(|_| Error::internal("a certificate is not text"))
    }

    /// The second of the two transactions: all that the approval rests on is looked at again.
    fn write_approval(&self, seen: OverrideRow, certificate: String) -> Result<(), Error> {
        let rules = self.rules.clone();
        let sha256 = hex::encode(Sha256::digest(&certificate));
        self.alone(Action::OverrideApprove, move |tx, now| {
            let record = Record::of(tx, &seen.request.id)?;
            if !is_due(&record, &rules, now)? || record.row.revision != seen.revision {
                return Err(Error::Conflict("the override was changed meanwhile"));
            }
            let closing = Closing {
                certificate: Some(certificate),
                ..Closing::default()
            };
            let event = OverrideEvent::Approve { verified: true };
            record.go(tx, &event, now, closing)?;
            Ok(((), approved(&record).with("certificate_sha256", sha256)))
        })
    }

    fn body(&self, record: &Record, now: Timestamp) -> Result<Vec<u8>, Error> {
        let (request, now) = (&record.row.request, now.to_string());
        let expires_at = request.expires_at.to_string();
        let mut nonce = [0; 16];
        aes_gcm::random(&mut nonce)?;
        let times: Vec<_> = record
            .valid()
            .map(|(row, _)| row.signed_at.to_string())
            .collect();
        let signatures = record.valid().zip(&times).map(signed).collect::<Vec<_>>();
        let facts = Facts {
            override_id: request.id.as_str(),
            asked: &request.asked,
            environment: request.environment,
            instance: &request.instance,
            binding: request.binding,
            requested_by: request.requested_by.as_str(),
            on_behalf_of: request.on_behalf_of.as_ref().map(Subject::as_str),
            issued_at: &now,
            expires_at: &expires_at,
            policy_version: &self.rules.overrides.policy_version,
            nonce,
            signatures: signatures
                .try_into()
                .map_err(|_| Error::internal("an override with two signatures has not two"))?,
        };
        facts.body()
    }
}

/// The signatures are stored; whatever kept the certificate from being made, the same request may succeed later.
fn unmade(error: Error) -> Error {
    if matches!(error, Error::Unavailable { .. }) {
        return error;
    }
    Error::kek("countersigning an override", error)
}

/// Whether an override is still to be approved.
///
/// # Errors
/// [`Error::Expired`]: that its time is over is worth saying, whatever else happened to it.
fn is_due(record: &Record, rules: &Rules, now: Timestamp) -> Result<bool, Error> {
    let verified = verified(record, rules);
    match record
        .standing()
        .after(&OverrideEvent::Approve { verified }, now)
    {
        Err(error @ Error::Expired(_)) => Err(error),
        found => Ok(found.is_ok()),
    }
}

/// Whether each signature still holds, by what is configured now: a scheme may have been switched off since it was taken.
fn verified(record: &Record, rules: &Rules) -> bool {
    record.valid().all(|(row, custodian)| {
        let found = rules.verify(&record.row.request, &custodian.identity, &row.signature);
        found.is_ok()
    })
}

fn signed<'a>(
    ((row, who), signed_at): (&'a (SignatureRow, CustodianRow), &'a String),
) -> Signed<'a> {
    Signed {
        role: row.lead,
        custodian_id: row.custodian_id.as_str(),
        subject: who.identity.subject.as_str(),
        scheme: who.identity.scheme.name(),
        public_key: &who.identity.public_key,
        signature: &row.signature,
        signed_at,
    }
}

fn approved(record: &Record) -> Event {
    let custodians: Vec<_> = record
        .valid()
        .map(|(row, _)| row.custodian_id.to_string())
        .collect();
    Event::done(record.row.request.id.to_string())
        .with("custodians", custodians)
        .with("signing_hash", hex::encode(record.row.request.signing_hash))
}
