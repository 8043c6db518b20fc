//! The body of an answer, which holds its request's guard until it is handed over to the connection.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use crate::custodian::guard::Guard;

/// Bytes handed over at once. The connection asks for the next ones when it has sent most of these, so that a void
/// guard stops an answer that its caller reads slowly.
const CHUNK: usize = 16 * 1024;

/// The rest of an answer.
pub(super) struct Handed {
    left: Bytes,
    end: End,
    guard: Guard,
}

/// What is still to be told once all bytes are handed over.
#[derive(Clone, Copy, Eq, PartialEq)]
enum End {
    /// Wait one turn: the connection sends what it has before it asks again.
    Flush,
    /// That there is no more; then the guard goes.
    Told,
}

/// Gives the answer's body its guard.
pub(super) fn hand_over(body: BoxBody, guard: Guard) -> BoxBody {
    match body.try_into_bytes() {
        Ok(left) => BoxBody::new(Handed {
            left,
            end: End::Flush,
            guard,
        }),
        // A body that comes in pieces: there is none behind authentication.
        Err(body) => body,
    }
}

impl MessageBody for Handed {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len() as u64)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.guard.is_void() {
            let shut = io::Error::other("what this answer used was shut before it was sent");
            return Poll::Ready(Some(Err(shut)));
        }
        if !this.left.is_empty() {
            let chunk = this.left.split_to(CHUNK.min(this.left.len()));
            return Poll::Ready(Some(Ok(chunk)));
        }
        match mem::replace(&mut this.end, End::Told) {
            End::Flush => {
                task.waker().wake_by_ref();
                Poll::Pending
            }
            End::Told => Poll::Ready(None),
        }
    }
}
