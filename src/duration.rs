//! Owns the form of durations in requests: `[1-9][0-9]*[smhd]`. Imports nothing of ours.

use std::{str::FromStr, time::Duration};

const DAY: u64 = 24 * 60 * 60;

/// The longest period that may be asked for: ten years.
pub const LONGEST: Duration = Duration::from_secs(3650 * DAY);

/// A positive duration of whole seconds, at most [`LONGEST`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Period(Duration);

/// The text is not such a duration.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a duration is a whole number and one of s, m, h, d, for example 90d; at most 3650d")]
pub struct NotAPeriod;

impl Period {
    /// As the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// That many days, without a check: for constants of ours.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * DAY))
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let unit = match text.bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 60 * 60,
            Some(b'd') => DAY,
            _ => return Err(NotAPeriod),
        };
        let number = text.get(..text.len() - 1).unwrap_or_default();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) || number.starts_with('0') {
            return Err(NotAPeriod);
        }
        let number: u64 = number.parse().map_err(|_| NotAPeriod)?;
        let period = number.checked_mul(unit).map(Duration::from_secs);
        period
            .filter(|period| *period <= LONGEST)
            .map(Self)
            .ok_or(NotAPeriod)
    }
}

#[cfg(test)]
mod tests {
    use super::Period;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        let seconds = |text: &str| text.parse::<Period>().unwrap().duration().as_secs();
        assert_eq!(seconds("1s"), 1);
        assert_eq!(seconds("5m"), 300);
        assert_eq!(seconds("24h"), 86_400);
        assert_eq!(seconds("90d"), 90 * 86_400);
        for bad in [
            "",
            "s",
            "0s",
            "01s",
            "1",
            "1w",
            "-1s",
            "+1s",
            "1.5h",
            "1 s",
            "3651d",
            "99999999999999999999d",
            "1é",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }
}
