//! A key holder that passes everything on to another, but what its character does otherwise.

use std::{fmt, ops::Deref};

use aegis_custodian::{
    error::Error,
    id::KekVersion,
    kek::{
        Attributes, Condition, Context, Description, KekKeeper, KekProvider, KeyHolder, Keyring,
        NoteKeeper, State, TokenSigner, WrappedSecret,
    },
    secret::Secret,
};

/// What is asked of a key holder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    Adopt,
    Attributes,
    Canary,
    Create,
    CreateSigningKey,
    Delete,
    KeepNote,
    Notes,
    Prepare,
    Probe,
    Sign,
    SignNote,
    Signs,
    Unwrap,
    Wrap,
}

/// What is not passed on as it came.
pub trait Character: fmt::Debug + Send + Sync {
    fn inner(&self) -> &dyn KeyHolder;

    /// Comes before each question: holds it up, refuses it or lets it pass.
    fn before(&self, _ask: Ask) -> Result<(), Error> {
        Ok(())
    }

    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.inner().wrap(secret, context)
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        self.inner().unwrap(wrapped, context)
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        self.inner().create_signing_key(id)
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.inner().sign(id, public_key, message)
    }

    fn sign_note(&self, id: &str, key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.inner().sign_note(id, key, message)
    }
}

#[derive(Debug)]
pub struct PassingOn<C>(pub C);

impl<C> Deref for PassingOn<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: Character> PassingOn<C> {
    fn to(&self, ask: Ask) -> Result<&dyn KeyHolder, Error> {
        self.0.before(ask).map(|()| self.0.inner())
    }
}

impl<C: Character> KekProvider for PassingOn<C> {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.0.before(Ask::Wrap)?;
        self.0.wrap(secret, context)
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        self.0.before(Ask::Unwrap)?;
        self.0.unwrap(wrapped, context)
    }

    fn probe(&self) -> Result<(), Error> {
        self.to(Ask::Probe)?.probe()
    }
}

impl<C: Character> KekKeeper for PassingOn<C> {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        self.to(Ask::Create)?.create(version)
    }

    fn prepare(&self, ring: &Keyring) -> Result<(), Error> {
        self.to(Ask::Prepare)?.prepare(ring)
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        self.to(Ask::Adopt)?.adopt(ring)
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        self.to(Ask::Canary)?.canary(version)
    }

    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        self.to(Ask::Attributes)?.attributes(version)
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
        self.to(Ask::Delete)?.delete(version)
    }

    fn description(&self) -> Description {
        self.0.inner().description()
    }

    fn condition(&self) -> &Condition {
        self.0.inner().condition()
    }

    fn close(&self) {
        self.0.inner().close();
    }

    fn reconnect(&self) -> State {
        self.0.inner().reconnect()
    }
}

impl<C: Character> NoteKeeper for PassingOn<C> {
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.to(Ask::Notes)?.notes()
    }

    fn keep_note(&self, note: &[u8]) -> Result<bool, Error> {
        self.to(Ask::KeepNote)?.keep_note(note)
    }

    fn sign_note(
        &self,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        self.0.before(Ask::SignNote)?;
        self.0.sign_note(id, public_key, message)
    }
}

impl<C: Character> TokenSigner for PassingOn<C> {
    fn signs(&self) -> Result<bool, Error> {
        self.to(Ask::Signs)?.signs()
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        self.0.before(Ask::CreateSigningKey)?;
        self.0.create_signing_key(id)
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.0.before(Ask::Sign)?;
        self.0.sign(id, public_key, message)
    }
}
