//! Tools of MCP servers: signed by the `schema` key, and judged for whoever asks (api.md section 10).

use std::iter;

use sha2::{Digest, Sha256};

use super::{Caller, Custodian, audit::Event, clock::whole_second};
use crate::{
    crypto::tools::{self, Amtss, Answer, Digests, Expected, Manifest, Verdict},
    duration::Period,
    error::Error,
    policy,
    words::{KeyAlgorithm, KeyPurpose},
};

/// A list that is to be signed.
#[derive(Clone, Debug)]
pub struct ToSign {
    /// What each of its tools says, as far as a digest tells.
    pub tools: Digests,
    /// Whose they are; `None` is the caller's own.
    pub server: Option<String>,
    /// How long the signature is to hold.
    pub lifetime: Period,
}

/// What whoever asks expects of a list.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Whose tools they must be.
    pub server: Option<String>,
    /// Whether others may be missing.
    pub partial: bool,
}

impl Custodian {
    /// Signs a list of tools.
    ///
    /// # Errors
    /// [`Error::Denied`] for a server that the caller does not speak for; [`Error::Unavailable`] if the key holder or
    /// the audit log does not answer.
    pub fn sign_tools(&self, who: &Caller, list: ToSign) -> Result<Amtss, Error> {
        let server = list.server.unwrap_or_else(|| who.principal.name.clone());
        policy::speak_for(&who.principal, &server)?;
        let now = whole_second(self.clock.now());
        let end = now.saturating_add(list.lifetime.duration()).unwrap_or(now);
        let number = list.tools.len();
        let manifest = Manifest::new(&server, list.tools, now, end).canonical()?;
        let message = tools::message(&manifest);
        let signed = self.sign_with(KeyPurpose::Schema, KeyAlgorithm::Ed25519, &message)?;
        let event = Event::done(server.clone())
            .with("tools", number)
            .with("key_id", signed.key_id.as_str())
            .with("manifest_sha256", hex::encode(Sha256::digest(&manifest)))
            .with("expires_at", end.to_string());
        self.record_signing(who, event, server)?;
        Amtss::new(signed.key_id, manifest, &signed.signature)
    }

    /// Judges tools by this service's own keys, now.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`]; tools that are not those that were signed are no error.
    pub fn judge_tools(
        &self,
        answer: &Answer,
        expectation: &Expectation,
    ) -> Result<Verdict, Error> {
        let expected = Expected {
            at: self.clock.now(),
            server: expectation.server.as_deref(),
            partial: expectation.partial,
        };
        let pinned = self.pinned(iter::empty())?;
        Ok(tools::verify(answer, &pinned, &expected))
    }
}
