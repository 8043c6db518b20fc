//! How far the exchange on a connection is, and until when its step must be over. The transport asks, and ends the
//! connection of a caller that is too slow (`server/line.rs`); requests say how far they are.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use super::{
    Limits,
    body::DRAINED,
    handed::{Broken, Rest},
};

/// The pace of one connection, which stays on one thread.
#[derive(Clone, Debug)]
pub struct Pace(Rc<Course>);

#[derive(Debug)]
struct Course {
    limits: Limits,
    crowded: bool,
    known: Known,
    quiet: Cell<bool>,
    /// Bytes that came since the last head.
    came: Cell<usize>,
    /// Is woken when the answer goes out.
    waiting: RefCell<Option<Waker>>,
    until: Cell<Option<Instant>>,
}

/// Whether a connection's caller last showed a valid token or certificate; until then it is a stranger's.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// Says whether it is so.
    pub fn set(&self, known: bool) {
        self.0.store(known, Ordering::Relaxed);
    }

    /// What was said last.
    #[must_use]
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What may stand around a body: another request's head, chunks, TLS.
const AROUND: usize = 1024 * 1024;

/// How long a connection beyond the limit may take for its one request.
const CROWDED: Duration = Duration::from_secs(1);

impl Pace {
    /// Of a connection that was made now. One that is `crowded` came when all places were taken: it is told so.
    #[must_use]
    pub fn new(limits: Limits, secured: bool, crowded: bool, known: Known) -> Self {
        let handshake = if secured {
            limits.handshake
        } else {
            Duration::ZERO
        };
        let head = if crowded {
            limits.head.min(CROWDED)
        } else {
            limits.head
        };
        Self(Rc::new(Course {
            limits,
            crowded,
            known,
            quiet: Cell::new(false),
            came: Cell::new(0),
            waiting: RefCell::default(),
            until: Cell::new(Instant::now().checked_add(handshake + head)),
        }))
    }

    /// When the connection must end if nothing more happens. A request that is worked on ends by limits of its own.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0.until.get()
    }

    /// Whether more came behind a head than is read of any body: no more is read. The request that is worked on is
    /// answered; then the connection must end.
    #[must_use]
    pub fn is_sated(&self) -> bool {
        let largest = self.0.limits.body_bytes.max(self.0.limits.event_bytes);
        let drained = DRAINED.max(largest.saturating_mul(2));
        self.0.came.get() > drained.saturating_add(AROUND)
    }

    /// Wakes the connection of which no more is read when its answer goes out, since nothing else does.
    pub fn wake_at_answer(&self, waker: &Waker) {
        self.0.waiting.replace(Some(waker.clone()));
    }

    /// Whether the connection must end now, though its caller keeps nobody waiting.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let over = |until| until <= Instant::now() || self.is_sated();
        self.until().is_some_and(over)
    }

    /// So many bytes came. The first after a pause begin a head.
    pub fn heard(&self, bytes: usize) {
        if bytes > 0 && self.0.quiet.replace(false) {
            self.within(self.0.limits.head);
        }
        self.0.came.set(self.0.came.get().saturating_add(bytes));
    }

    /// The caller showed a valid token or certificate, or something that is none.
    pub(super) fn meet(&self, known: bool) {
        self.0.known.set(known);
    }

    /// Whether all that this connection may hear is that there are too many.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.crowded
    }

    /// A request is worked on.
    pub(super) fn work(&self) {
        self.0.quiet.set(false);
        self.0.came.set(0);
        self.0.until.set(None);
    }

    /// Its answer goes out; the connection is quiet once it is out.
    pub(super) fn answer(&self, body: BoxBody) -> BoxBody {
        self.within(self.0.limits.answer);
        BoxBody::new(Paced {
            rest: Rest::of(body),
            pace: self.clone(),
        })
    }

    /// It ends without an answer of ours.
    pub(super) fn fail(&self) {
        self.within(self.0.limits.answer);
    }

    fn within(&self, time: Duration) {
        self.0.until.set(Instant::now().checked_add(time));
        if let Some(waker) = self.0.waiting.take() {
            waker.wake();
        }
    }
}

/// The rest of an answer.
struct Paced {
    rest: Rest,
    pace: Pace,
}

impl MessageBody for Paced {
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.rest.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.get_mut().rest.next(task)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.pace.0.quiet.set(true);
        self.pace.within(self.pace.0.limits.idle);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use actix_web::body::BoxBody;

    use super::{AROUND, Known, Pace};
    use crate::http::Limits;

    const LIMITS: fn() -> Limits = || Limits {
        handshake: Duration::from_secs(1000),
        head: Duration::from_secs(100),
        answer: Duration::from_secs(200),
        idle: Duration::from_secs(300),
        ..Limits::default()
    };

    fn plain() -> Pace {
        Pace::new(LIMITS(), false, false, Known::default())
    }

    fn left(pace: &Pace) -> u64 {
        let left = pace
            .until()
            .unwrap()
            .saturating_duration_since(Instant::now());
        left.as_secs_f64().round() as u64
    }

    #[test]
    fn each_step_has_its_time() {
        let pace = plain();
        assert_eq!(left(&pace), 100);
        pace.work();
        assert_eq!(pace.until(), None);
        let body = pace.answer(BoxBody::new("done"));
        assert_eq!(left(&pace), 200);
        drop(body);
        assert_eq!(left(&pace), 300);
        pace.heard(0);
        assert_eq!(left(&pace), 300);
        pace.heard(1);
        assert_eq!(left(&pace), 100);
    }

    #[test]
    fn bytes_that_drip_in_buy_no_time() {
        let pace = plain();
        let until = pace.until();
        pace.heard(1);
        pace.heard(1);
        assert_eq!(pace.until(), until);
    }

    #[test]
    fn a_handshake_comes_before_the_head_and_a_crowded_connection_has_a_second() {
        let new = |secured, crowded| Pace::new(LIMITS(), secured, crowded, Known::default());
        assert_eq!(left(&new(true, false)), 1100);
        assert_eq!(left(&new(false, true)), 1);
    }

    #[test]
    fn who_sends_more_than_any_body_has_is_read_no_further_and_over_once_it_is_answered() {
        let pace = plain();
        pace.work();
        pace.heard(2 * LIMITS().event_bytes);
        assert!(!pace.is_sated());
        pace.heard(AROUND + 1);
        assert!(pace.is_sated() && !pace.is_over());
        drop(pace.answer(BoxBody::new("done")));
        assert!(pace.is_over());
        pace.work();
        assert!(!pace.is_sated() && !pace.is_over());
    }

    #[test]
    fn who_sends_without_a_pause_has_no_more_time_than_who_drips() {
        let limits = Limits {
            head: Duration::ZERO,
            ..LIMITS()
        };
        let pace = Pace::new(limits, false, false, Known::default());
        pace.heard(1);
        assert!(pace.is_over());
        pace.work();
        assert!(!pace.is_over());
    }
}
