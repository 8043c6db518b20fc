//! Certificates of approved overrides: handed out, and judged for whoever asks (api.md section 8).

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Caller, Custodian, override_record::Record, overrides::sees, page::MAX_LIMIT,
    signing_keys::SigningKeyView,
};
use crate::{
    crypto::certificate::{self, Expected, Pinned, Verdict},
    error::{Error, Source},
    id::Id,
    policy::OverrideStatus,
    store::{CustodianRow, View},
    words::Environment,
};

/// What whoever asks expects a certificate to be about.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// 64 hex digits.
    pub message_hash: Option<String>,
    /// Where it is to be used.
    pub environment: Option<Environment>,
}

impl Custodian {
    /// The certificate of an approved override: a DSSE envelope, as JSON.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while it is not approved; [`Error::Unavailable`].
    pub fn certificate(&self, who: &Caller, id: &Id) -> Result<String, Error> {
        let record = self.store.read(|view| Record::of(view, id))?;
        sees(who, &record.row)?;
        let none = match record.row.status == OverrideStatus::Approved {
            true => {
                "this override was approved, and its certificate was lost when the database was restored from an older \
                 backup: whoever fetched it before still has it"
            }
            false => "this override is not approved, so it has no certificate",
        };
        record.row.certificate.ok_or(Error::Conflict(none))
    }

    /// Judges a certificate by this service's own keys and by all custodians that it knows, now.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`]; [`Error::Conflict`] if this build lacks what it takes. A certificate
    /// that is not valid is no error.
    pub fn judge_now(&self, envelope: &[u8], expectation: &Expectation) -> Result<Verdict, Error> {
        let all = self.store.read(every_custodian)?;
        self.judge(envelope, expectation, all.iter(), self.clock.now())
    }

    /// Judges a certificate by this service's own keys and by these custodians.
    pub(super) fn judge<'a>(
        &self,
        envelope: &[u8],
        expectation: &Expectation,
        custodians: impl Iterator<Item = &'a CustodianRow>,
        at: Timestamp,
    ) -> Result<Verdict, Error> {
        let expected = Expected {
            at,
            message_hash: expectation.message_hash.as_deref(),
            environment: expectation.environment.map(Environment::name),
            instance: Some(&self.rules.instance),
        };
        let pinned = self.pinned(custodians)?;
        certificate::judge(envelope, &pinned, &expected)
    }

    /// The same JSON that an auditor pins.
    pub(super) fn pinned<'a>(
        &self,
        custodians: impl Iterator<Item = &'a CustodianRow>,
    ) -> Result<Pinned, Error> {
        let pins = Pins {
            items: self.signing_keys()?,
            custodians: custodians.filter_map(pin).collect(),
        };
        let text = serde_json::to_vec(&pins).map_err(|error| Error::Internal {
            what: "pinning keys",
            source: Some(Source::from(error)),
        })?;
        Pinned::read(&text)
    }
}

#[derive(Serialize)]
struct Pins<'a> {
    items: Vec<SigningKeyView>,
    custodians: Vec<Pin<'a>>,
}

/// A custodian that could sign from one time to another.
#[derive(Serialize)]
struct Pin<'a> {
    id: &'a Id,
    role: &'static str,
    subject: &'a str,
    scheme: &'static str,
    public_key: &'a str,
    from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

/// `None` for one that never was active.
fn pin(row: &CustodianRow) -> Option<Pin<'_>> {
    let who = &row.identity;
    Some(Pin {
        id: &who.id,
        role: who.lead.name(),
        subject: who.subject.as_str(),
        scheme: who.scheme.name(),
        public_key: &who.public_key,
        from: row.activated_at?,
        until: row.revoked_at(),
    })
}

fn every_custodian(view: &View<'_>) -> Result<Vec<CustodianRow>, Error> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |row: &CustodianRow| row.seq);
        let mut more = view.custodians_after(after, MAX_LIMIT)?;
        if more.is_empty() {
            return Ok(all);
        }
        all.append(&mut more);
    }
}
