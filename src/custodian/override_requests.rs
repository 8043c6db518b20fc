//! Requests of overrides: what may be asked, and the two hashes of it (api.md section 8, formats.md section 3).

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    Caller, Custodian,
    audit::Event,
    clock::whole_second,
    once::{self, Made, Once},
    override_record::Record,
    override_view::{OverrideView, shown},
    signing_keys::countersignable,
};
use crate::{
    crypto::messages::{Asked, Bound},
    duration::Period,
    error::Error,
    id::{Id, Subject},
    store::Request,
    texts,
    words::{Binding, Environment, Gate},
};

/// An override is open at least so long.
const SHORTEST: Duration = Duration::from_secs(60);

/// What an application asks for.
#[derive(Clone, Debug)]
pub struct NewOverride {
    /// What it is about: 1 to 256 characters.
    pub proposal_id: String,
    /// Why: 1 to 4,096 characters.
    pub justification: String,
    /// The gates that failed, each once.
    pub failed_gates: Vec<Gate>,
    /// Where it may run.
    pub environment: Environment,
    /// How long it stays open; `None` is as long as the terms allow.
    pub expires_in: Option<Period>,
    /// The human behind the request.
    pub on_behalf_of: Option<Subject>,
}

impl Custodian {
    /// Requests an override.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotOverridable`] for the gate `complexity`, [`Error::Conflict`] in a build that
    /// cannot countersign, [`Error::Exists`] for a question that was asked before, [`Error::Unavailable`].
    pub fn request_override(
        &self,
        who: &Caller,
        new: NewOverride,
        once: Option<&Once>,
    ) -> Result<Made<OverrideView>, Error> {
        self.once(who, once, || {
            let open = self.open_for(new.expires_in)?;
            let asked = self.checked(&new)?;
            countersignable()?;
            let (terms, by) = (self.rules.clone(), who.principal.subject.clone());
            let once = once.cloned();
            self.change(who, move |tx, now| {
                let request = Asking {
                    asked,
                    environment: new.environment,
                    requested_by: by,
                    on_behalf_of: new.on_behalf_of,
                    instance: terms.instance.to_string(),
                    binding: terms.overrides.binding,
                    created_at: now,
                    expires_at: whole_second(now.saturating_add(open).unwrap_or(now)),
                };
                let request = request.hashed()?;
                tx.insert_override(&request)?;
                let event = requested(&request);
                let view = shown(&Record::of(tx, &request.id)?, &terms.schemes, now)?;
                once::keep(once.as_ref(), tx, now, view.location(), &view)?;
                Ok((view, event))
            })
        })
    }

    fn open_for(&self, asked: Option<Period>) -> Result<Duration, Error> {
        let longest = self.rules.overrides.longest;
        let open = asked.map_or(longest, Period::duration);
        match (SHORTEST..=longest).contains(&open) {
            true => Ok(open),
            false => Err(Error::Invalid(
                "expires_in is a duration such as 30m, from 1m to what this service allows (24h by default)",
            )),
        }
    }

    fn checked(&self, new: &NewOverride) -> Result<Asked, Error> {
        const JUSTIFICATION: &str = "justification has 1 to 4,096 characters and is not blank; of control characters \
             only tab and line feed";
        let gates: BTreeSet<_> = new.failed_gates.iter().copied().collect();
        if gates.is_empty() || gates.len() < new.failed_gates.len() {
            return Err(Error::Invalid(
                "failed_gates has each failed gate once, and at least one",
            ));
        }
        let justification = texts::prose(new.justification.clone(), JUSTIFICATION)?;
        let proposal_id = texts::proposal(new.proposal_id.clone())?;
        if self.rules.overrides.require_on_behalf_of && new.on_behalf_of.is_none() {
            return Err(Error::Invalid(
                "on_behalf_of names the human behind the request; this service requires it",
            ));
        }
        if gates.contains(&Gate::Complexity) {
            return Err(Error::NotOverridable(
                "the gate complexity cannot be overridden by anyone; make the change simpler",
            ));
        }
        Ok(Asked::new(proposal_id, justification, gates))
    }
}

/// A request whose hashes are still to be made.
struct Asking {
    asked: Asked,
    environment: Environment,
    requested_by: Subject,
    on_behalf_of: Option<Subject>,
    instance: String,
    binding: Binding,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Asking {
    fn hashed(self) -> Result<Request, Error> {
        let id = Id::random();
        let message_hash = self.asked.message_hash()?;
        let signing_hash = match self.binding {
            Binding::Aegis => message_hash,
            Binding::Bound => Bound {
                environment: self.environment,
                expires_at: &self.expires_at.to_string(),
                instance: &self.instance,
                message_hash: &hex::encode(message_hash),
                on_behalf_of: self.on_behalf_of.as_ref().map(Subject::as_str),
                override_id: id.as_str(),
                requested_by: self.requested_by.as_str(),
            }
            .signing_hash()?,
        };
        Ok(Request {
            id,
            asked: self.asked,
            environment: self.environment,
            requested_by: self.requested_by,
            on_behalf_of: self.on_behalf_of,
            instance: self.instance,
            binding: self.binding,
            message_hash,
            signing_hash,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

fn requested(request: &Request) -> Event {
    let gates: Vec<_> = request
        .asked
        .failed_gates
        .iter()
        .map(|gate| gate.name())
        .collect();
    Event::done(request.id.to_string())
        .with("proposal_id", request.asked.proposal_id.as_str())
        .with("failed_gates", gates)
        .with("environment", request.environment.name())
        .with("binding", request.binding.name())
        .with(
            "on_behalf_of",
            request.on_behalf_of.as_ref().map(Subject::as_str),
        )
        .with("message_hash", hex::encode(request.message_hash))
        .with("signing_hash", hex::encode(request.signing_hash))
        .with("expires_at", request.expires_at.to_string())
}
