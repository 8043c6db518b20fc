//! The body of an answer, which holds its request's guard until it is sent.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use crate::custodian::guard::Guard;

/// Bytes handed over at once. The connection asks for more only when it has sent these (`server.rs` sees to that), so
/// that a void guard stops an answer that its caller reads slowly, and a guard that goes has nothing left to guard.
const CHUNK: usize = 16 * 1024;

/// The rest of an answer.
struct Handed {
    rest: Rest,
    guard: Guard,
}

enum Rest {
    Bytes(Bytes),
    Pieces(BoxBody),
}

/// Gives the answer's body its guard.
pub(super) fn hand_over(body: BoxBody, guard: Guard) -> BoxBody {
    let rest = body.try_into_bytes().map_or_else(Rest::Pieces, Rest::Bytes);
    BoxBody::new(Handed { rest, guard })
}

impl MessageBody for Handed {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        match &self.rest {
            Rest::Bytes(bytes) => BodySize::Sized(bytes.len() as u64),
            Rest::Pieces(body) => body.size(),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.guard.is_void() {
            let shut = "what this answer used was shut before it was sent";
            return Poll::Ready(Some(Err(shut.into())));
        }
        match &mut this.rest {
            Rest::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Rest::Bytes(bytes) => Poll::Ready(Some(Ok(bytes.split_to(CHUNK.min(bytes.len()))))),
            Rest::Pieces(body) => Pin::new(body).poll_next(task),
        }
    }
}
