//! Chance that can be played again: `CRASH_SEED` of a failed run gives the same choices, if not the same timing.

use std::{env, time::Duration};

/// Marsaglia's xorshift64.
pub struct Dice(u64);

impl Dice {
    /// From `CRASH_SEED`, or a fresh seed; says which.
    pub fn new() -> Self {
        let seed = number("CRASH_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
        println!("CRASH_SEED={seed}");
        Self::of(seed)
    }

    /// Always the same.
    pub fn of(seed: u64) -> Self {
        Self(seed.max(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Other dice of the same game.
    pub fn split(&mut self) -> Self {
        Self(self.roll() | 1)
    }

    /// One of `0..sides`.
    pub fn below(&mut self, sides: usize) -> usize {
        (self.roll() % sides as u64) as usize
    }

    pub fn milliseconds(&mut self, least: usize, most: usize) -> Duration {
        let micros = least * 1000 + self.below((most - least) * 1000);
        Duration::from_micros(micros as u64)
    }

    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let place = self.below(all.len().max(1));
        all.get(place).cloned()
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// How often a smaller proof kills: a fifth of the rounds that were asked for.
pub fn fifth_of_rounds(usual: u64) -> u64 {
    number("CRASH_ROUNDS").map_or(usual, |rounds| rounds.div_ceil(5))
}

/// A number from the environment.
#[allow(clippy::disallowed_methods)] // the tests have no configuration
pub fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}
