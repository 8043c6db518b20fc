//! An override, as `GET /v1/overrides/{id}` answers it (api.md section 8).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    cli::screen::Screen,
    crypto::{
        messages::{Asked, Bound, MESSAGE_BYTES},
        scheme::{Scheme, SigningKey},
    },
    custodian::Clock,
    error::Source,
    words::{Binding, Environment, Gate},
};

#[derive(Deserialize)]
pub(in crate::cli) struct Override {
    binding: Binding,
    environment: Environment,
    expires_at: String,
    failed_gates: BTreeSet<Gate>,
    id: String,
    instance: String,
    justification: String,
    message_hash: String,
    on_behalf_of: Option<String>,
    proposal_id: String,
    requested_by: String,
    signing: BTreeMap<String, Signing>,
    signing_hash: String,
    status: String,
}

#[derive(Deserialize)]
struct Signing {
    message_to_sign: String,
}

impl Override {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The message, computed from what is shown; refused if the service computed another.
    pub(super) fn message(&self, key: &SigningKey) -> Result<[u8; MESSAGE_BYTES], Source> {
        self.check_open()?;
        let message_hash = self.asked().message_hash()?;
        agree(
            "message_hash",
            &self.message_hash,
            &hex::encode(message_hash),
        )?;
        let m = match self.binding {
            Binding::Aegis => message_hash,
            Binding::Bound => self.bound().signing_hash()?,
        };
        agree("signing_hash", &self.signing_hash, &hex::encode(m))?;
        self.check_signing(key.kind().scheme(), &m)?;
        Ok(m)
    }

    pub(super) fn show(&self, screen: &mut Screen) {
        let asked = self.asked();
        let gates: Vec<&str> = asked.failed_gates.iter().map(|gate| gate.name()).collect();
        screen.say("You are asked to override failed gates.");
        screen.value("proposal", &asked.proposal_id);
        screen.value("justification", &asked.justification);
        screen.value("failed gates", &gates.join(", "));
        screen.value("requested by", &self.requested_by);
        let nobody = "nobody else";
        screen.value(
            "on behalf of",
            self.on_behalf_of.as_deref().unwrap_or(nobody),
        );
        screen.value("environment", self.environment.name());
        screen.value("expires", &self.expires_at);
        screen.value("instance", &self.instance);
        screen.value("binding", self.binding.name());
        screen.value("override id", &self.id);
        screen.value("message hash", &self.message_hash);
        if self.binding == Binding::Aegis {
            screen.say("With this binding your signature covers proposal, justification and failed gates only:");
            screen
                .say("nothing stops its use for another requester, environment, service or time.");
        }
    }

    fn asked(&self) -> Asked {
        let (proposal_id, justification) = (self.proposal_id.clone(), self.justification.clone());
        Asked::new(proposal_id, justification, self.failed_gates.clone())
    }

    fn bound(&self) -> Bound<'_> {
        Bound {
            environment: self.environment,
            expires_at: &self.expires_at,
            instance: &self.instance,
            message_hash: &self.message_hash,
            on_behalf_of: self.on_behalf_of.as_deref(),
            override_id: &self.id,
            requested_by: &self.requested_by,
        }
    }

    fn check_open(&self) -> Result<(), Source> {
        if !["pending", "partial"].contains(&self.status.as_str()) {
            let status = self.status.escape_debug();
            return Err(format!("the override is {status}: nothing is left to sign").into());
        }
        let expires_at: Timestamp = self
            .expires_at
            .parse()
            .map_err(|_| "expires_at is not a time")?;
        if expires_at <= Clock::system().now() {
            return Err(format!("the override expired at {expires_at}: ask for a new one").into());
        }
        if self.failed_gates.contains(&Gate::Complexity) {
            return Err("the complexity gate is never overridden".into());
        }
        Ok(())
    }

    /// Every scheme that we know must be handed what it would be handed here, and ours must be among them.
    fn check_signing(&self, ours: Scheme, m: &[u8; MESSAGE_BYTES]) -> Result<(), Source> {
        if !self.signing.contains_key(ours.name()) {
            return Err(format!("the service takes no signature by {}", ours.name()).into());
        }
        let known = self.signing.iter();
        let mut known = known.filter_map(|(name, one)| Some((Scheme::named(name)?, one)));
        known.try_for_each(|(scheme, one)| {
            agree(
                "message_to_sign",
                &one.message_to_sign,
                &scheme.message_to_sign(m),
            )
        })
    }
}

fn agree(what: &str, theirs: &str, ours: &str) -> Result<(), Source> {
    if theirs == ours {
        return Ok(());
    }
    let warning =
        "what the service shows is not what it wants signed. Nothing was signed; tell your auditor";
    Err(format!("the service's {what} is not the one of this override: {warning}").into())
}
