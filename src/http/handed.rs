//! The body of an answer, which holds what its request holds until it is sent.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use super::{places::Place, turns::Turn};
use crate::{custodian::guard::Guard, id::Id};

/// Bytes handed over at once. The connection asks for more only when it has sent these (`server/listener.rs` sees to
/// that), so that a void guard stops an answer that its caller reads slowly, and a guard that goes has nothing left to
/// guard; and a connection whose caller reads nothing holds no copy of more.
const CHUNK: usize = 16 * 1024;

/// What an answer holds until its caller has it.
pub(super) struct Held {
    pub(super) guard: Guard,
    /// Among the requests on their way.
    pub(super) _place: Option<Place<Id>>,
    /// A large one's.
    pub(super) _memory: Option<Turn>,
}

/// The rest of an answer.
struct Handed {
    rest: Rest,
    held: Held,
}

/// Bytes that are handed over piece by piece, or a body that sees to that itself.
pub(super) enum Rest {
    Bytes(Bytes),
    Pieces(BoxBody),
}

/// What goes wrong while an answer is sent.
pub(super) type Broken = Box<dyn Error>;

impl Rest {
    pub(super) fn of(body: BoxBody) -> Self {
        body.try_into_bytes().map_or_else(Self::Pieces, Self::Bytes)
    }

    pub(super) fn size(&self) -> BodySize {
        match self {
            Self::Bytes(bytes) => BodySize::Sized(bytes.len() as u64),
            Self::Pieces(body) => body.size(),
        }
    }

    pub(super) fn next(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        match self {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(bytes.split_to(CHUNK.min(bytes.len()))))),
            Self::Pieces(body) => Pin::new(body).poll_next(task),
        }
    }
}

/// Gives the answer's body what it holds.
pub(super) fn hand_over(body: BoxBody, held: Held) -> BoxBody {
    let rest = Rest::of(body);
    BoxBody::new(Handed { rest, held })
}

impl MessageBody for Handed {
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.rest.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.held.guard.is_void() {
            let shut = "what this answer used was shut before it was sent";
            return Poll::Ready(Some(Err(shut.into())));
        }
        this.rest.next(task)
    }
}
