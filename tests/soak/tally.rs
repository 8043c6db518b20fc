//! What all clients met: how long they waited, and what they were answered.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use crate::service::Answer;

/// So many are told of.
const SURPRISES: usize = 20;

#[derive(Default)]
pub struct Tally {
    over: AtomicBool,
    /// The token is away: what needs it is refused.
    pub outage: AtomicBool,
    page: Mutex<Vec<Duration>>,
    answers: Mutex<BTreeMap<u16, u64>>,
    surprises: Mutex<Vec<String>>,
    /// Connections that were broken off, and those that were only for a few requests.
    pub broken_off: AtomicU64,
    pub come_and_gone: AtomicU64,
}

/// Ends all clients, though the one who watches them fails.
pub struct Ends<'a>(&'a Tally);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
    }
}

impl Tally {
    pub fn ends(&self) -> Ends<'_> {
        Ends(self)
    }

    pub fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Measures one request; only an outage of the token explains a refusal.
    pub fn measure(&self, what: impl Fn() -> String, ask: impl FnOnce() -> Answer) -> Answer {
        let away = self.outage.load(SeqCst);
        let begun = Instant::now();
        let answer = ask();
        self.page.lock().unwrap().push(begun.elapsed());
        self.count(answer.status);
        let away = away || self.outage.load(SeqCst);
        if answer.status >= 300 && !(away && answer.status == 503) {
            let mut surprises = self.surprises.lock().unwrap();
            if surprises.len() < SURPRISES {
                surprises.push(format!("{}: {}", what(), answer.text));
            }
        }
        answer
    }

    /// An answer whose time is nobody's concern.
    pub fn count(&self, status: u16) {
        *self.answers.lock().unwrap().entry(status).or_default() += 1;
    }

    /// How long requests took since the last page.
    pub fn turn_page(&self) -> String {
        let mut page = std::mem::take(&mut *self.page.lock().unwrap());
        page.sort();
        let at = |part: usize| {
            page.get(page.len() * part / 100)
                .copied()
                .unwrap_or_default()
        };
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        format!(
            "{:>9} {:>7.1} {:>7.1}",
            page.len(),
            milliseconds(at(50)),
            milliseconds(at(99))
        )
    }

    pub fn totals(&self) -> String {
        let (broken_off, gone) = (
            self.broken_off.load(SeqCst),
            self.come_and_gone.load(SeqCst),
        );
        let answers = self.answers.lock().unwrap();
        format!(
            "answers by status {answers:?}, {broken_off} connections broken off, {gone} for a few requests only"
        )
    }

    pub fn surprises(&self) -> Vec<String> {
        self.surprises.lock().unwrap().clone()
    }
}
