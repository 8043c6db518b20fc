//! A key holder whose operations are timed and whose failures are counted, for Prometheus. It adds nothing else: every
//! method of every trait goes through, also those that have a body of their own.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{
    Attributes, Condition, Context, Description, KekKeeper, KekProvider, KeyHolder, Keyring, Load,
    NoteKeeper, State, TokenSigner, Trouble, WrappedSecret,
};
use crate::{error::Error, figures, id::KekVersion, secret::Secret};

/// A key holder that is timed.
#[derive(Debug)]
pub struct Measured(Arc<dyn KeyHolder>);

impl Measured {
    /// Times that one.
    #[must_use]
    pub fn new(holder: Arc<dyn KeyHolder>) -> Self {
        Self(holder)
    }
}

impl KekProvider for Measured {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        timed("wrap", || self.0.wrap(secret, context))
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        timed("unwrap", || self.0.unwrap(wrapped, context))
    }

    fn unwrap_each(
        &self,
        batch: &[(&WrappedSecret, Context<'_>)],
    ) -> Vec<Result<Secret<32>, Error>> {
        const BATCH: &str = "unwrap_batch";
        let begun = Instant::now();
        let opened = self.0.unwrap_each(batch);
        took(BATCH, begun);
        for error in opened.iter().filter_map(|one| one.as_ref().err()) {
            failed(BATCH, error);
        }
        opened
    }

    fn probe(&self) -> Result<(), Error> {
        timed("probe", || self.0.probe())
    }
}

impl KekKeeper for Measured {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        timed("create_kek", || self.0.create(version))
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        timed("adopt", || self.0.adopt(ring))
    }

    fn prepare(&self, ring: &Keyring) -> Result<(), Error> {
        timed("prepare", || self.0.prepare(ring))
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        timed("canary", || self.0.canary(version))
    }

    fn made_canary(&self, version: &KekVersion, canary: &[u8]) -> Result<bool, Error> {
        timed("canary", || self.0.made_canary(version, canary))
    }

    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        timed("attributes", || self.0.attributes(version))
    }

    fn versions(&self) -> Result<BTreeSet<KekVersion>, Error> {
        timed("list_keks", || self.0.versions())
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
        timed("delete_kek", || self.0.delete(version))
    }

    fn description(&self) -> Description {
        self.0.description()
    }

    fn condition(&self) -> &Condition {
        self.0.condition()
    }

    fn loads(&self) -> Vec<Load> {
        self.0.loads()
    }

    fn reconnect(&self) -> State {
        self.0.reconnect()
    }

    fn close(&self) {
        self.0.close();
    }
}

impl TokenSigner for Measured {
    fn signs(&self) -> Result<bool, Error> {
        timed("ask", || self.0.signs())
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        timed("create_signing_key", || self.0.create_signing_key(id))
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        timed("sign", || self.0.sign(id, public_key, message))
    }
}

impl NoteKeeper for Measured {
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error> {
        timed("read_note", || self.0.notes())
    }

    fn keep_note(&self, note: &[u8]) -> Result<bool, Error> {
        timed("keep_note", || self.0.keep_note(note))
    }

    fn sign_note(
        &self,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        timed("sign_note", || self.0.sign_note(id, public_key, message))
    }
}

fn timed<T>(operation: &'static str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    let done = work();
    took(operation, begun);
    done.inspect_err(|error| failed(operation, error))
}

fn took(operation: &'static str, begun: Instant) {
    metrics::histogram!(figures::TOKEN_SECONDS, "operation" => operation).record(begun.elapsed());
}

fn failed(operation: &'static str, error: &Error) {
    let kind = match Trouble::cause_of(error) {
        Some(cause) => cause.word(),
        None if matches!(error, Error::Corrupt(_)) => "corrupt",
        None => "other",
    };
    metrics::counter!(figures::TOKEN_FAILURES, "operation" => operation, "kind" => kind)
        .increment(1);
}
