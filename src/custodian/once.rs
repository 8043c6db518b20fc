//! Idempotency keys: what was made once is answered again, not made again (api.md section 1).

use std::{sync::PoisonError, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{Caller, Custodian, audit::Event, bearer::BearerToken, envelope::Used};
use crate::{
    error::{Error, Source},
    store::{KeptReply, ReplyKey, Tx},
};

/// How long a first answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const SHOWN_ONCE: &str =
    "the token was shown in the first answer only; issue another if it is lost";

/// A request that may come again: its key, and the SHA-256 of its raw body.
#[derive(Clone, Debug)]
pub struct Once {
    /// The caller's key and what it is unique within.
    pub key: ReplyKey,
    /// SHA-256 of the raw body.
    pub body_sha256: [u8; 32],
}

/// The answer to a request that makes something.
#[derive(Debug)]
pub enum Made<T> {
    /// It was made now.
    Now(T),
    /// It was made by an earlier request with the same idempotency key.
    Earlier(KeptReply),
}

/// A view as it is answered when it comes with a token that is shown once.
#[derive(Serialize)]
pub struct ShownOnce<'a, T> {
    #[serde(flatten)]
    view: &'a T,
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

impl<'a, T: Serialize> ShownOnce<'a, T> {
    /// With the token: the first answer.
    pub fn with(view: &'a T, token: &'a BearerToken) -> Self {
        let token = Some(token.expose());
        Self {
            view,
            token,
            notice: None,
        }
    }

    /// Without it: what is kept for a replay.
    pub fn without(view: &'a T) -> Self {
        let notice = Some(SHOWN_ONCE);
        Self {
            view,
            token: None,
            notice,
        }
    }
}

/// Keeps `view` as the answer, if the request has a key.
pub(super) fn keep<T: Serialize>(
    once: Option<&Once>,
    tx: &Tx<'_>,
    at: Timestamp,
    location: String,
    view: &T,
) -> Result<(), Error> {
    let Some(once) = once else { return Ok(()) };
    let reply = serde_json::to_string(view).map_err(|error| Error::Internal {
        what: "keeping an answer",
        source: Some(Source::from(error)),
    })?;
    let kept = KeptReply {
        body_sha256: once.body_sha256,
        location: Some(location),
        reply,
    };
    tx.keep_reply(&once.key, &kept, at)
}

impl Custodian {
    /// Runs `make`, unless the same request did so within a day: then its answer comes again.
    ///
    /// # Errors
    /// [`Error::Conflict`] while the first is running, [`Error::Mismatch`] if the key came with another body,
    /// else those of `make`.
    pub(super) fn once<T>(
        &self,
        who: &Caller,
        once: Option<&Once>,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Made<T>, Error> {
        let Some(once) = once else {
            return make().map(Made::Now);
        };
        let _running = Running::begin(self, &once.key)?;
        let since = self.clock.before(KEPT);
        let Some(kept) = self.store.read(|view| view.kept_reply(&once.key, since))? else {
            return make().map(Made::Now);
        };
        if kept.body_sha256 != once.body_sha256 {
            return Err(Error::Mismatch(
                "this Idempotency-Key was used with another body; take a new key",
            ));
        }
        let event = Event::done(kept.location.clone()).with("replayed", true);
        self.record_use(who, event, Used::new())?;
        Ok(Made::Earlier(kept))
    }

    /// Forgets answers that are past their time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn forget_replies(&self) -> Result<(), Error> {
        let before = self.clock.before(KEPT);
        self.store.transact(move |tx| tx.forget_replies(before))
    }
}

/// Holds a key while its first request runs.
struct Running<'a> {
    custodian: &'a Custodian,
    key: &'a ReplyKey,
}

impl<'a> Running<'a> {
    fn begin(custodian: &'a Custodian, key: &'a ReplyKey) -> Result<Self, Error> {
        let mut running = custodian
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if running.insert(key.clone()) {
            return Ok(Self { custodian, key });
        }
        Err(Error::Conflict(
            "the first request with this Idempotency-Key is still running; try again",
        ))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let running = self.custodian.running.lock();
        running
            .unwrap_or_else(PoisonError::into_inner)
            .remove(self.key);
    }
}
