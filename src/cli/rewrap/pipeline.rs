//! Several requests at once, and their answers in the order of the lines.

use std::{
    collections::VecDeque,
    thread::{self, Scope},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{Batch, Moved};
use crate::{client::Client, error::Source};

/// What a worker does, and where it says what came of it.
type Job = (Batch, Sender<Result<Moved, Source>>);

/// Sends what `next` answers, `parallel` at once, and hands what comes back to `take` in the same order. At the first
/// that fails it ends; what is on its way then is lost, and not taken.
pub(super) fn run(
    client: &Client,
    parallel: usize,
    mut next: impl FnMut() -> Result<Option<Batch>, Source>,
    mut take: impl FnMut(Moved) -> Result<(), Source>,
) -> Result<(), Source> {
    thread::scope(|scope| {
        let jobs = workers(scope, client, parallel);
        let mut waiting: VecDeque<Receiver<Result<Moved, Source>>> = VecDeque::new();
        loop {
            let batch = next()?;
            let is_last = batch.is_none();
            if let Some(batch) = batch {
                let (answer, waits) = bounded(1);
                // Nobody but a worker takes it, and only when it is free: so nothing is left when one fails.
                jobs.send((batch, answer))?;
                waiting.push_back(waits);
            }
            while is_last || waiting.len() >= 2 * parallel {
                let Some(first) = waiting.pop_front() else {
                    return Ok(());
                };
                take(first.recv()??)?;
            }
        }
    })
}

fn workers<'scope>(
    scope: &'scope Scope<'scope, '_>,
    client: &'scope Client,
    number: usize,
) -> Sender<Job> {
    let (jobs, todo) = bounded::<Job>(0);
    for _ in 0..number {
        let todo = todo.clone();
        scope.spawn(move || {
            for (batch, answer) in todo {
                let moved = batch.send(client);
                if answer.send(moved).is_err() {
                    return;
                }
            }
        });
    }
    jobs
}
