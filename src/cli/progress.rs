//! How far a long command is: a bar on a terminal, else a line every few seconds; on standard error, always.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Done and to do, in one unit; how many things that is may be counted in another.
pub(super) struct Progress {
    bar: ProgressBar,
    things: &'static str,
    /// Where it began, which is not at 0 if it goes on.
    first: u64,
    begun: Instant,
    said: Instant,
}

impl Progress {
    /// `total` is in the unit of [`Progress::at`]; `things` is what people count, of which `first` are done already.
    pub(super) fn new(total: u64, things: &'static str, first: u64) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent}%, {msg}, {eta} left");
        let bar = ProgressBar::new(total);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = Instant::now();
        Self {
            bar,
            things,
            first,
            begun: now,
            said: now,
        }
    }

    /// So far.
    pub(super) fn at(&mut self, done: u64, things: u64) {
        let words = self.words(things);
        self.bar.set_message(words.clone());
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.said.elapsed() >= PAUSE {
            self.said = Instant::now();
            let total = self.bar.length().unwrap_or_default().max(1);
            let percent = done.saturating_mul(100) / total;
            let left = self.bar.eta().as_secs();
            eprintln!("{percent}%, {words}, {left} s left");
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn words(&self, things: u64) -> String {
        let new = things.saturating_sub(self.first);
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = new.saturating_mul(1000) / milliseconds.max(1);
        format!("{things} {}, {rate}/s", self.things)
    }
}
