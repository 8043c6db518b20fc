//! Pages of lists: how many, from where, and where the next one starts.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::error::Error;

/// Items of a page unless another number is asked for.
pub const DEFAULT_LIMIT: usize = 50;

/// Most items of a page.
pub const MAX_LIMIT: usize = 500;

/// Which page of a list is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    limit: usize,
    after: Option<String>,
}

/// One page.
#[derive(Debug)]
pub struct Page<T> {
    /// Its items, in the list's order.
    pub items: Vec<T>,
    /// What asks for the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

impl Wanted {
    /// Checks what a caller asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the limit is not 1 to 500 or the cursor is not one of ours.
    pub fn new(limit: Option<usize>, cursor: Option<&str>) -> Result<Self, Error> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::Invalid("limit is a whole number from 1 to 500"));
        }
        let after = cursor.map(read_cursor).transpose()?;
        Ok(Self { limit, after })
    }

    /// How many rows to look for: one more than the page has, to know whether another follows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.limit + 1
    }

    /// How many items the page has.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The key of the last item of the page before.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Cuts what was found down to the page.
    pub fn page<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let last = found.last().filter(|_| more);
        let next_cursor = last.map(|last| Base64UrlUnpadded::encode_string(key(last).as_bytes()));
        Page {
            items: found,
            next_cursor,
        }
    }
}

fn read_cursor(cursor: &str) -> Result<String, Error> {
    let bytes = Base64UrlUnpadded::decode_vec(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or(NOT_OURS)
}

/// A cursor that no list of ours gave.
pub const NOT_OURS: Error =
    Error::Invalid("cursor is the next_cursor of the page before, without a change");
