//! Limits of the transport: what a caller may cost before it is known, and while it is served.

use std::time::Duration;

use crate::{custodian::pii, policy::Action};

/// Limits of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Largest body that carries events, bytes: an event of a mebibyte is larger once it is encrypted, and so is a full
    /// batch of small ones.
    pub event_bytes: usize,
    /// How long a request's head may take to arrive.
    pub head: Duration,
    /// How long its body may take after that.
    pub body: Duration,
    /// Requests that may use keys at once: well below the threads that verbs run in (512 for all cores).
    pub key_uses: usize,
    /// Bytes of all large bodies together that are read or worked on at once; each may take several times as much
    /// meanwhile.
    pub large_bytes: usize,
    /// How long a request may wait for a place among either.
    pub key_wait: Duration,
    /// How long answers may take to finish once the service goes down.
    pub drain: Duration,
}

impl Limits {
    /// The largest body of a request for this, bytes.
    pub(super) fn body(&self, action: Option<Action>) -> usize {
        let events = [Some(Action::PiiDecrypt), Some(Action::PiiEncrypt)].contains(&action);
        if events {
            self.event_bytes
        } else {
            self.body_bytes
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            event_bytes: pii::BODY_BYTES,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            key_uses: 128,
            large_bytes: 256 * 1024 * 1024,
            key_wait: Duration::from_secs(2),
            drain: Duration::from_secs(20),
        }
    }
}
