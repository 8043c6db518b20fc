//! How far the exchange on a connection is, and until when its step must be over. The transport asks, and ends the
//! connection of a caller that is too slow (`server/line.rs`); requests say how far they are.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use super::{
    Limits,
    handed::{Broken, Rest},
};

/// The pace of one connection, which stays on one thread.
#[derive(Clone, Debug)]
pub struct Pace(Rc<Course>);

#[derive(Debug)]
struct Course {
    limits: Limits,
    crowded: bool,
    quiet: Cell<bool>,
    until: Cell<Option<Instant>>,
}

/// How long a connection beyond the limit may take for its one request.
const CROWDED: Duration = Duration::from_secs(1);

impl Pace {
    /// Of a connection that was made now. One that is `crowded` came when all places were taken: it is told so.
    #[must_use]
    pub fn new(limits: Limits, secured: bool, crowded: bool) -> Self {
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
            quiet: Cell::new(false),
            until: Cell::new(Instant::now().checked_add(handshake + head)),
        }))
    }

    /// When the connection must end if nothing more happens. A request that is worked on ends by limits of its own.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0.until.get()
    }

    /// Bytes came. The first after a pause begin a head.
    pub fn heard(&self) {
        if self.0.quiet.replace(false) {
            self.within(self.0.limits.head);
        }
    }

    /// Whether all that this connection may hear is that there are too many.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.crowded
    }

    /// A request is worked on.
    pub(super) fn work(&self) {
        self.0.quiet.set(false);
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

    use super::Pace;
    use crate::http::Limits;

    const LIMITS: fn() -> Limits = || Limits {
        handshake: Duration::from_secs(1000),
        head: Duration::from_secs(100),
        answer: Duration::from_secs(200),
        idle: Duration::from_secs(300),
        ..Limits::default()
    };

    fn left(pace: &Pace) -> u64 {
        let left = pace
            .until()
            .unwrap()
            .saturating_duration_since(Instant::now());
        left.as_secs_f64().round() as u64
    }

    #[test]
    fn each_step_has_its_time() {
        let pace = Pace::new(LIMITS(), false, false);
        assert_eq!(left(&pace), 100);
        pace.work();
        assert_eq!(pace.until(), None);
        let body = pace.answer(BoxBody::new("done"));
        assert_eq!(left(&pace), 200);
        drop(body);
        assert_eq!(left(&pace), 300);
        pace.heard();
        assert_eq!(left(&pace), 100);
    }

    #[test]
    fn bytes_that_drip_in_buy_no_time() {
        let pace = Pace::new(LIMITS(), false, false);
        let until = pace.until();
        pace.heard();
        pace.heard();
        assert_eq!(pace.until(), until);
    }

    #[test]
    fn a_handshake_comes_before_the_head_and_a_crowded_connection_has_a_second() {
        assert_eq!(left(&Pace::new(LIMITS(), true, false)), 1100);
        assert_eq!(left(&Pace::new(LIMITS(), false, true)), 1);
    }
}
