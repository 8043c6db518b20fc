//! One item or a batch of them: what every use of a key has in common, its one audit entry included.

use super::{Caller, Custodian, audit::Event, envelope::Used};
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
    /// Works on one item or on each of a batch, and writes the request's one audit entry before there is an
    /// answer. `object` says which key was used: for the one item, or for a batch. The answer stands only if every
    /// version that was `used` may still be.
    pub(super) fn use_key<I, O, W: Iterator<Item = Result<O, Error>>>(
        &self,
        who: &Caller,
        object: impl Fn(Option<&O>) -> Option<String>,
        used: impl Fn() -> Used,
        items: Items<I>,
        work: impl FnOnce(Vec<Result<I, Error>>) -> W,
    ) -> Result<Items<O>, Error> {
        let items = match items {
            OneOrMany::One(item) => {
                let only = work(vec![Ok(item?)]).next();
                let only = only.unwrap_or_else(|| Err(Error::internal("an item was lost")))?;
                self.record_use(who, Event::done(object(Some(&only))), used())?;
                return Ok(OneOrMany::One(Ok(only)));
            }
            OneOrMany::Many(items) => available(work(items))?,
        };
        let refused = items.iter().filter(|item| item.is_err()).count();
        let event = Event::done(object(None))
            .with("items", items.len())
            .with("refused", refused);
        self.record_use(who, event, used())?;
        Ok(OneOrMany::Many(items))
    }
}

/// Checks how many items a batch has.
///
/// # Errors
/// [`Error::Invalid`] for none, [`Error::TooLarge`] beyond [`BATCH_ITEMS`].
pub fn sized<I>(items: Vec<I>) -> Result<Vec<I>, Error> {
    match items.len() {
        0 => Err(Error::Invalid("a batch has at least one item")),
        1..=BATCH_ITEMS => Ok(items),
        _ => Err(Error::TooLarge(
            "a batch has at most 256 items; send several",
        )),
    }
}

/// While a part is out of order the whole request is, so that its caller simply sends it again: work stops at
/// the first item that says so.
fn available<O>(
    work: impl Iterator<Item = Result<O, Error>>,
) -> Result<Vec<Result<O, Error>>, Error> {
    work.map(|item| match item {
        Err(error) if error.is_ours() => Err(error),
        item => Ok(item),
    })
    .collect()
}
