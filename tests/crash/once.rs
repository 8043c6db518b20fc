//! Requests with an idempotency key: whether acknowledged or not, sent again they do what they did once.

use serde_json::{Value, json};

use super::{
    client::Reply,
    ledger::Keyed,
    load::{Worker, text},
};

impl Worker<'_> {
    /// Makes a DEK, a principal or a token; sometimes asks again at once.
    pub fn make_once(&mut self) -> Option<()> {
        let name = format!("once-{}", self.next_name());
        let dek = json!({"name": name, "algorithm": "aes-256-gcm"});
        let principal = json!({"name": name, "subject": name, "roles": ["auditor"]});
        let owner = self.pick(|ledger| &ledger.tokens);
        let (role, path, body) = match (self.dice.below(3), owner) {
            (0, Some(owner)) => {
                let path = format!("/v1/admin/principals/{}/tokens", owner.principal);
                ("admin", path, json!({}))
            }
            (1, _) => ("admin", "/v1/admin/principals".to_owned(), principal),
            _ => ("operator", "/v1/deks".to_owned(), dek),
        };
        self.send_once(role, path, body)
    }

    /// Only with keys, so that the versions of the DEK can be counted.
    pub fn rotate_once(&mut self) -> Option<()> {
        let is_made = |keyed: &Keyed| keyed.path == "/v1/deks" && keyed.answer.is_some();
        let ledger = self.life.ledger.lock().unwrap();
        let made: Vec<_> = ledger.keyed.iter().filter(|keyed| is_made(keyed)).collect();
        let dek = self
            .dice
            .one_of(&made)
            .map(|keyed| text(&keyed.body["name"]));
        drop(ledger);
        match dek {
            Some(dek) => self.send_once("operator", format!("/v1/deks/{dek}/rotate"), json!({})),
            None => self.make_once(),
        }
    }

    fn send_once(&mut self, role: &'static str, path: String, body: Value) -> Option<()> {
        let key = self.next_name();
        let mut keyed = Keyed {
            role,
            path,
            key,
            body,
            answer: None,
        };
        let made = self.send_keyed(&keyed);
        let alive = made.is_some();
        keyed.answer = made.map(|made| {
            assert!(!made.replayed);
            made.is(201)
        });
        self.ledger().keyed.push(keyed.clone());
        if alive && self.dice.below(2) == 0 {
            keyed.is_replayed_by(self.send_keyed(&keyed)?);
        }
        alive.then_some(())
    }

    fn send_keyed(&mut self, keyed: &Keyed) -> Option<Reply> {
        let (path, body, key) = (&keyed.path, keyed.body.clone(), Some(keyed.key.as_str()));
        self.call_once(keyed.role, "POST", path, body, key)
    }
}

impl Keyed {
    /// The very first answer again, but for a token, which is shown once.
    pub fn is_replayed_by(&self, again: Reply) {
        assert!(again.replayed, "{}: made twice", self.path);
        let again = again.is(201);
        let Some(mut first) = self.answer.clone() else {
            return;
        };
        if first["token"].is_string() {
            first["token"] = Value::Null;
            first["notice"] = again["notice"].clone();
            assert!(first["notice"].is_string());
        }
        assert_eq!(first, again, "{}", self.path);
    }
}
