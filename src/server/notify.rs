//! What systemd is told (sd_notify(3)): when the service takes requests, that it still works, that it stops. Nothing where
//! nobody asked for it by NOTIFY_SOCKET.

use std::time::{Duration, Instant};

use sd_notify::{NotifyState, notify, watchdog_enabled};

use crate::custodian::health::Checks;

/// Requests are taken, or taken again as before a reload.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// What can be changed without a restart is read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "systemd was not told of the reload"),
    }
}

/// No more requests are taken.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("finishing what was begun"),
    ]);
}

/// Says that the service still works, as often as systemd wants to hear it, and how the parts are.
///
/// Called after each look at the parts: if looks hang or fail, systemd hears nothing and starts the service anew. That a
/// part is away is no reason for that, since a new start would not bring it back.
pub struct Watchdog {
    /// How long a silence may be: half of the time after which systemd acts; `None` if it does not listen.
    silence: Option<Duration>,
    turn: Duration,
    told: Option<Instant>,
    shown: Option<Checks>,
}

impl Watchdog {
    /// Of a service that looks at its parts at each `turn`.
    #[must_use]
    pub fn new(turn: Duration) -> Self {
        Self {
            silence: watchdog_enabled().map(|patience| patience / 2),
            turn,
            told: None,
            shown: None,
        }
    }

    /// A look at the parts has ended, and this is what it found.
    pub fn looked(&mut self, checks: Checks) {
        if self.is_due() {
            tell(&[NotifyState::Watchdog]);
            self.told = Some(Instant::now());
        }
        if self.shown != Some(checks) {
            tell(&[NotifyState::Status(status(checks))]);
            self.shown = Some(checks);
        }
    }

    /// Whether the next turn would be too late.
    fn is_due(&self) -> bool {
        self.silence.is_some_and(|silence| {
            self.told
                .is_none_or(|told| told.elapsed() + self.turn >= silence)
        })
    }
}

/// For `systemctl status`: what is most urgent.
fn status(checks: Checks) -> &'static str {
    match checks {
        Checks { audit: false, .. } => "not ready: the audit log takes no entries",
        Checks { store: false, .. } => "not ready: the database does not answer",
        Checks { kek: false, .. } => "not ready: the token does not answer",
        Checks {
            rotation_due: true, ..
        } => "ready; the KEK is due to be rotated",
        Checks { .. } => "ready",
    }
}

/// That systemd does not listen is no reason to stop working.
fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = notify(what) {
        tracing::warn!(%error, "systemd was not told");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Checks, Watchdog, status};

    fn watchdog(silence: Option<Duration>) -> Watchdog {
        Watchdog {
            silence,
            turn: Duration::from_secs(1),
            told: None,
            shown: None,
        }
    }

    #[test]
    fn systemd_is_told_before_the_next_turn_would_be_too_late() {
        let mut often = watchdog(Some(Duration::from_secs(1)));
        let mut seldom = watchdog(Some(Duration::from_secs(3600)));
        for one in [&mut often, &mut seldom] {
            assert!(one.is_due());
            one.looked(Checks::default());
        }
        assert!(often.is_due());
        assert!(!seldom.is_due());
        assert!(!watchdog(None).is_due());
    }

    #[test]
    fn the_status_names_what_keeps_the_service_from_work() {
        let mut checks = Checks {
            kek: true,
            rotation_due: false,
            store: true,
            audit: true,
        };
        assert_eq!(status(checks), "ready");
        checks.rotation_due = true;
        assert_eq!(status(checks), "ready; the KEK is due to be rotated");
        checks.kek = false;
        assert_eq!(status(checks), "not ready: the token does not answer");
        checks.store = false;
        assert_eq!(status(checks), "not ready: the database does not answer");
        checks.audit = false;
        assert_eq!(status(checks), "not ready: the audit log takes no entries");
    }
}
