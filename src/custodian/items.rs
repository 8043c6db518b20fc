//! One item or a batch of them: what every use of a key has in common, its one audit entry included.

use super::{Caller, Custodian, audit::Event};
use crate::{crypto::canonical, error::Error, json::OneOrMany, secret::Plaintext};

/// Most bytes of plaintext in one item.
pub const PLAINTEXT_BYTES: usize = 64 * 1024;

/// Most items of a batch.
pub const BATCH_ITEMS: usize = 256;

/// One item to wrap or encrypt.
#[derive(Debug)]
pub struct ToSeal {
    /// What is to be kept secret.
    pub plaintext: Plaintext,
    /// The canonical bytes of its context.
    pub context: Vec<u8>,
}

/// One item to unwrap or decrypt.
#[derive(Debug)]
pub struct ToOpen {
    /// The blob's text.
    pub blob: String,
    /// The canonical bytes of its context.
    pub context: Vec<u8>,
}

/// Items whose form was refused already stand beside the others, so that their order is kept.
pub type Items<T> = OneOrMany<Result<T, Error>>;

impl ToSeal {
    /// Checks one item.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`PLAINTEXT_BYTES`] or the limits of a context.
    pub fn new(plaintext: Plaintext, context: Option<canonical::Context>) -> Result<Self, Error> {
        if plaintext.expose().len() > PLAINTEXT_BYTES {
            return Err(Error::TooLarge(
                "a plaintext has at most 65,536 bytes; encrypt larger data under a key of its own and wrap that",
            ));
        }
        let context = canonical::context(context)?;
        Ok(Self { plaintext, context })
    }
}

impl ToOpen {
    /// Checks one item.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the limits of a context.
    pub fn new(blob: String, context: Option<canonical::Context>) -> Result<Self, Error> {
        let context = canonical::context(context)?;
        Ok(Self { blob, context })
    }
}

impl Custodian {
    /// Works on one item or on a batch, and writes the request's one audit entry before there is an answer.
    /// `object` says which key was used: for the one item, or for a batch.
    pub(super) fn used<I, O>(
        &self,
        who: &Caller,
        object: impl Fn(Option<&O>) -> Option<String>,
        items: OneOrMany<I>,
        work: impl FnOnce(Vec<I>) -> Vec<Result<O, Error>>,
    ) -> Result<Items<O>, Error> {
        let (single, items) = match items {
            OneOrMany::One(item) => (true, vec![item]),
            OneOrMany::Many(items) => (false, batch(items)?),
        };
        let mut done = available(work(items))?;
        if single {
            let only = done
                .pop()
                .unwrap_or_else(|| Err(Error::internal("an item was lost")))?;
            self.record(who, Event::done(object(Some(&only))))?;
            return Ok(OneOrMany::One(Ok(only)));
        }
        let refused = done.iter().filter(|item| item.is_err()).count();
        let event = Event::done(object(None))
            .with("items", done.len())
            .with("refused", refused);
        self.record(who, event)?;
        Ok(OneOrMany::Many(done))
    }
}

fn batch<I>(items: Vec<I>) -> Result<Vec<I>, Error> {
    match items.len() {
        0 => Err(Error::Invalid("items has at least one item")),
        1..=BATCH_ITEMS => Ok(items),
        _ => Err(Error::TooLarge(
            "a batch has at most 256 items; send several",
        )),
    }
}

/// While a part is out of order the whole request is, so that its caller simply sends it again.
fn available<O>(done: Vec<Result<O, Error>>) -> Result<Vec<Result<O, Error>>, Error> {
    let ours = |error: &Error| matches!(error, Error::Unavailable { .. } | Error::Internal { .. });
    let mut kept = Vec::with_capacity(done.len());
    for item in done {
        match item {
            Err(error) if ours(&error) => return Err(error),
            item => kept.push(item),
        }
    }
    Ok(kept)
}
