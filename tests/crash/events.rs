//! Apps that encrypt what is personal in events, decrypt it, and have their tools signed.

use serde_json::{Value, json};

use super::{
    ledger::{Dek, Event},
    load::{Worker, text},
};

const ENCRYPT: &str = "/v1/pii/encrypt";
const DECRYPT: &str = "/v1/pii/decrypt";

impl Worker<'_> {
    pub fn encrypt_event(&mut self) -> Option<()> {
        let Some(dek) = self.pick_hybrid() else {
            return self.create_dek();
        };
        let plain = self.new_event();
        let body = json!({"dek": dek, "event": plain});
        let made = self.use_newest("app", &dek, ENCRYPT, body)?;
        if made.status == 200 {
            self.note_event(&dek, &made.body, plain);
        }
        Some(())
    }

    pub fn encrypt_events(&mut self) -> Option<()> {
        let Some(dek) = self.pick_hybrid() else {
            return self.create_dek();
        };
        let plain = [(); 3].map(|()| self.new_event());
        let body = json!({"dek": dek, "events": plain});
        let made = self.use_newest("app", &dek, ENCRYPT, body)?;
        for (at, plain) in plain.into_iter().enumerate() {
            let item = &made.body["items"][at];
            // A disabled version refuses each item.
            if item["event"].is_object() {
                self.note_event(&dek, item, plain);
            }
        }
        Some(())
    }

    pub fn decrypt_event(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.events) else {
            return self.encrypt_event();
        };
        let was = self.ledger().version(&known.of).clone();
        let body = json!({"event": known.sealed});
        let opened = self.call("app", "POST", DECRYPT, body)?;
        if opened.status == 200 {
            assert_eq!(opened.body["event"], known.plain);
        }
        self.is_explained(&known.of, &was, opened.status);
        Some(())
    }

    pub fn sign_tools(&mut self) -> Option<()> {
        let server = self.next_name();
        let tools = json!([{"name": "pay", "description": server}, {"name": "add"}]);
        let body = json!({"tools": tools, "server": server, "expires_in": "365d"});
        let path = "/v1/mcp/tools/sign";
        let signed = self.call("app", "POST", path, body)?.is(200);
        assert_eq!(signed["tools"], tools);
        self.ledger().lists.push(signed);
        Some(())
    }

    pub fn judge_tools(&mut self) -> Option<()> {
        let Some(list) = self.pick(|ledger| &ledger.lists) else {
            return self.sign_tools();
        };
        let verdict = self.look("app", "POST", "/v1/mcp/tools/verify", list)?;
        assert_eq!(verdict["valid"], true, "{verdict}");
        Some(())
    }

    fn new_event(&mut self) -> Value {
        let name = self.next_name();
        json!({"actor_id": name, "at": {"client_ip": ["192.0.2.1", self.count], "size": 1.5}})
    }

    pub fn pick_hybrid(&mut self) -> Option<String> {
        let ledger = self.life.ledger.lock().unwrap();
        let hybrid: Vec<&Dek> = ledger.deks.iter().filter(|dek| dek.hybrid).collect();
        self.dice.one_of(&hybrid).map(|dek| dek.name.clone())
    }

    fn note_event(&self, dek: &str, made: &Value, plain: Value) {
        let of = (dek.to_owned(), text(&made["version"]));
        let mut ledger = self.ledger();
        ledger.version(&of);
        ledger.events.push(Event {
            of,
            sealed: made["event"].clone(),
            plain,
        });
    }
}
