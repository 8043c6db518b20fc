//! Limits of the transport: what a caller may cost before it is known, and while it is served.

use std::time::Duration;

/// Limits of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// How long a request's head may take to arrive.
    pub head: Duration,
    /// How long its body may take after that.
    pub body: Duration,
    /// Requests that may use keys at once: well below the threads that verbs run in (512 for all cores).
    pub key_uses: usize,
    /// How long a request may wait for a place among them.
    pub key_wait: Duration,
    /// How long answers may take to finish once the service goes down.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            key_uses: 128,
            key_wait: Duration::from_secs(2),
            drain: Duration::from_secs(20),
        }
    }
}
