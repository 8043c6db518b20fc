//! Limits of the transport: what a caller may cost before it is known, and while it is served.

use std::time::Duration;

use crate::{
    custodian::{items::BATCH_ITEMS, pii},
    policy::Action,
};

/// Limits of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Largest body that carries events, bytes: an event of a mebibyte is larger once it is encrypted, and so is a full
    /// batch of small ones.
    pub event_bytes: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a request's head may take to arrive.
    pub head: Duration,
    /// How long its body may take after that.
    pub body: Duration,
    /// How long a caller may take to read an answer; then its connection ends.
    pub answer: Duration,
    /// How long a connection may be quiet between two requests.
    pub idle: Duration,
    /// Connections at once. When they are taken a stranger's makes room; where all callers are known, a few more hear
    /// that there are too many.
    pub connections: usize,
    /// Those of one source: an IPv4 address, or the /64 of an IPv6 address.
    pub connections_per_source: usize,
    /// Requests with a valid token at once, each until its answer is handed over.
    pub requests: usize,
    /// Those of one principal.
    pub requests_per_principal: usize,
    /// Requests of one principal a second, each item of a batch counted; 0 sets no limit.
    pub requests_per_second: u32,
    /// How many of them may come at once after a pause.
    pub burst: u32,
    /// Requests that may use keys at once: well below the threads that verbs run in (512 for all cores).
    pub key_uses: usize,
    /// Bytes of all large bodies together that are read or worked on at once, half of them for one principal; each may
    /// take several times as much meanwhile.
    pub large_bytes: usize,
    /// How long a request may wait for a place among either.
    pub key_wait: Duration,
    /// How long answers may take to finish once the service goes down.
    pub drain: Duration,
}

impl Limits {
    /// Whether a service can run safely within these.
    ///
    /// # Errors
    /// A sentence that names what to change, for the first that is unsafe.
    pub fn check(&self) -> Result<(), &'static str> {
        let unsafe_ones = [
            self.unsafe_sizes(),
            self.unsafe_times(),
            self.unsafe_numbers(),
            self.unsafe_rate(),
        ];
        unsafe_ones.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    fn unsafe_sizes(&self) -> Option<&'static str> {
        let bodies = [self.body_bytes, self.event_bytes];
        let largest = self.event_bytes.max(self.body_bytes);
        [
            (
                bodies.iter().any(|bytes| !BODIES.contains(bytes)),
                "set body_bytes and event_bytes between 65,536 and 67,108,864 bytes",
            ),
            (
                self.large_bytes < largest.saturating_mul(2),
                "set large_bytes to at least twice the largest body, so that one principal cannot take all of it",
            ),
        ]
        .into_iter()
        .find_map(|(is_unsafe, why)| is_unsafe.then_some(why))
    }

    fn unsafe_times(&self) -> Option<&'static str> {
        let times = [
            self.handshake,
            self.head,
            self.body,
            self.answer,
            self.idle,
            self.drain,
        ];
        let long = times.iter().any(|time| !TIMES.contains(time));
        [
            (
                long,
                "set handshake, head, body, answer, idle and drain between 1 second and 10 minutes",
            ),
            (
                !WAITS.contains(&self.key_wait),
                "set key_wait between 10 milliseconds and 30 seconds",
            ),
        ]
        .into_iter()
        .find_map(|(is_unsafe, why)| is_unsafe.then_some(why))
    }

    fn unsafe_numbers(&self) -> Option<&'static str> {
        [
            (
                !CONNECTIONS.contains(&self.connections),
                "set connections between 16 and 65,536",
            ),
            (
                !share(self.connections_per_source, self.connections),
                "set connections_per_source to at least 1 and at most half of connections, so that one source cannot take all",
            ),
            (
                !CONNECTIONS.contains(&self.requests),
                "set requests between 16 and 65,536",
            ),
            (
                !share(self.requests_per_principal, self.requests),
                "set requests_per_principal to at least 1 and at most half of requests, so that one principal cannot take all",
            ),
            (
                !KEY_USES.contains(&self.key_uses),
                "set key_uses between 2 and 256: verbs that use no key need threads too",
            ),
        ]
        .into_iter()
        .find_map(|(is_unsafe, why)| is_unsafe.then_some(why))
    }

    fn unsafe_rate(&self) -> Option<&'static str> {
        let whole_batch = u32::try_from(BATCH_ITEMS).unwrap_or(u32::MAX);
        let small = self.burst < whole_batch.max(self.requests_per_second);
        (self.requests_per_second > 0 && small).then_some(
            "set burst to at least 256, the items of a batch, and at least requests_per_second; or requests_per_second to 0, which sets no limit",
        )
    }

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

const BODIES: std::ops::RangeInclusive<usize> = 64 * 1024..=64 * 1024 * 1024;
const TIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const WAITS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(30);
const CONNECTIONS: std::ops::RangeInclusive<usize> = 16..=65_536;
const KEY_USES: std::ops::RangeInclusive<usize> = 2..=256;

fn share(part: usize, whole: usize) -> bool {
    (1..=whole / 2).contains(&part)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            event_bytes: pii::BODY_BYTES,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(15),
            connections: 4096,
            connections_per_source: 2048,
            requests: 1024,
            requests_per_principal: 512,
            requests_per_second: 2000,
            burst: 4000,
            key_uses: 128,
            large_bytes: 256 * 1024 * 1024,
            key_wait: Duration::from_secs(2),
            drain: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Limits;

    /// What a test changes, and a word of the sentence that it is refused with.
    type Case = (fn(&mut Limits), &'static str);

    const UNSAFE: [Case; 17] = [
        (|limits| limits.body_bytes = 0, "body_bytes"),
        (|limits| limits.event_bytes = 65_535, "event_bytes"),
        (|limits| limits.event_bytes = usize::MAX, "event_bytes"),
        (|limits| limits.large_bytes = 0, "large_bytes"),
        (|limits| limits.handshake = Duration::ZERO, "handshake"),
        (|limits| limits.head = Duration::ZERO, "head"),
        (|limits| limits.body = Duration::MAX, "body"),
        (|limits| limits.answer = Duration::ZERO, "answer"),
        (|limits| limits.idle = Duration::ZERO, "idle"),
        (|limits| limits.drain = Duration::ZERO, "drain"),
        (|limits| limits.key_wait = Duration::ZERO, "key_wait"),
        (|limits| limits.connections = 0, "connections"),
        (
            |limits| limits.connections_per_source = 2049,
            "connections_per_source",
        ),
        (|limits| limits.requests = 0, "requests"),
        (
            |limits| limits.requests_per_principal = 0,
            "requests_per_principal",
        ),
        (|limits| limits.key_uses = 0, "key_uses"),
        (|limits| limits.burst = 255, "burst"),
    ];

    #[test]
    fn the_defaults_are_safe() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn each_unsafe_value_is_refused_with_a_sentence_that_names_it() {
        for (change, word) in UNSAFE {
            let mut limits = Limits::default();
            change(&mut limits);
            let why = limits.check().expect_err(word);
            assert!(why.starts_with("set ") && why.contains(word), "{why}");
        }
    }

    #[test]
    fn no_limit_of_requests_a_second_is_a_choice_that_can_be_made() {
        let limits = Limits {
            requests_per_second: 0,
            burst: 0,
            ..Limits::default()
        };
        assert_eq!(limits.check(), Ok(()));
    }
}
