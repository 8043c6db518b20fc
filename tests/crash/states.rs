//! Operators who disable, enable and destroy DEK versions: one at a time each, so that its state is known.

use serde_json::{Value, json};

use super::{
    file::sealed,
    ledger::{Name, State},
    load::Worker,
};

impl Worker<'_> {
    pub fn disable(&mut self) -> Option<()> {
        self.set_state("disable", State::Disabled)
    }

    /// Rather one that is disabled, so that work goes on.
    pub fn enable(&mut self) -> Option<()> {
        self.set_state("enable", State::Enabled)
    }

    /// For ever; refused for the version that encrypts.
    pub fn destroy(&mut self) -> Option<()> {
        self.set_state("destroy", State::Destroyed)
    }

    /// Without a delay there is never anything to cancel, and nothing changes.
    pub fn cancel_destroy(&mut self) -> Option<()> {
        let versions = self.life.ledger.lock().unwrap();
        let all: Vec<_> = versions.versions.keys().cloned().collect();
        drop(versions);
        let (dek, version) = self.dice.one_of(&all)?;
        let path = format!("/v1/deks/{dek}/versions/{version}/cancel-destroy");
        let reply = self.call("operator", "POST", &path, json!({}))?;
        assert!([409, 410].contains(&reply.status), "{}", reply.body);
        Some(())
    }

    fn set_state(&mut self, verb: &str, to: State) -> Option<()> {
        let Some(of) = self.take(to) else {
            return self.rotate();
        };
        let superseded = self.ledger().is_superseded(&of);
        let path = format!("/v1/deks/{}/versions/{}/{verb}", of.0, of.1);
        let body = match to {
            State::Destroyed => json!({"confirm": format!("{}/{}", of.0, of.1)}),
            State::Enabled | State::Disabled => json!({}),
        };
        let reply = self.call("operator", "POST", &path, body)?;
        let refused = to == State::Destroyed && !superseded && reply.status == 409;
        let mut ledger = self.ledger();
        let version = ledger.version(&of);
        version.asked = None;
        if !refused {
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            assert_eq!(reply.body["state"], to.name());
            assert_eq!(reply.body["kek"] == Value::Null, to == State::Destroyed);
            version.state = to;
        }
        Some(())
    }

    /// A version that nobody else changes and that is not destroyed; what would be erased is read before.
    fn take(&mut self, to: State) -> Option<Name> {
        let mut ledger = self.life.ledger.lock().unwrap();
        let free = ledger.versions.iter().filter(|(_, version)| {
            let wanted = match to {
                State::Enabled => version.state == State::Disabled,
                State::Disabled => version.state == State::Enabled,
                State::Destroyed => version.state != State::Destroyed,
            };
            wanted && version.asked.is_none()
        });
        let free: Vec<_> = free.map(|(of, _)| of.clone()).collect();
        let of = self.dice.one_of(&free)?;
        let version = ledger.version(&of);
        if to == State::Destroyed {
            version.sealed = Some(sealed(&self.life.database, &of)?);
        }
        version.asked = Some(to);
        version.changes += 1;
        Some(of)
    }
}
