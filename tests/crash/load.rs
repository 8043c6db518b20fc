//! Clients that do everything at once, and note what was acknowledged to them.

use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    client::{Client, Reply},
    dice::Dice,
    ledger::{Blob, Ledger},
};

/// One life of the service under load.
pub struct Life<'a> {
    pub client: &'a Client,
    pub ledger: &'a Mutex<Ledger>,
    pub database: PathBuf,
    /// Set at the kill: what is begun later was not cut off by it.
    pub dying: AtomicBool,
}

/// One client thread. Each step ends in `None` once the service is dead.
pub struct Worker<'a> {
    pub life: &'a Life<'a>,
    pub dice: Dice,
    /// Unique among all threads of all rounds.
    pub name: String,
    pub count: usize,
}

impl Worker<'_> {
    /// Works until the service dies.
    pub fn run(mut self) {
        while self.step().is_some() {}
    }

    fn step(&mut self) -> Option<()> {
        match self.dice.below(34) {
            0 => self.create_dek(),
            1 => self.rotate(),
            2..=4 => self.encrypt(),
            5 => self.encrypt_batch(),
            6 => self.decrypt(),
            7 => self.data_key(),
            8 => self.rewrap(),
            9 => self.wrap(),
            10 => self.wrap_batch(),
            11 => self.unwrap(),
            12 => self.rewrap_under_the_kek(),
            13 => self.disable(),
            14 => self.enable(),
            15 => self.destroy(),
            16 => self.cancel_destroy(),
            17 => self.create_principal(),
            18 => self.issue_token(),
            19 => self.revoke_token(),
            20 => self.create_person(),
            21 => self.change_grants(),
            22 => self.delete_person(),
            23 => self.make_once(),
            24 => self.rotate_once(),
            25 => self.be_refused(),
            26 => self.rotate_kek(),
            _ => self.sit(),
        }
    }

    fn wrap(&mut self) -> Option<()> {
        let plaintext = base64(&self.next_name());
        let body = json!({"plaintext": plaintext});
        let made = self.call("app", "POST", "/v1/wrap", body)?.is(200);
        self.note_wrapped(&made, plaintext);
        Some(())
    }

    /// One bad item harms no other.
    fn wrap_batch(&mut self) -> Option<()> {
        let plaintexts = [(); 3].map(|()| base64(&self.next_name()));
        let mut items: Vec<_> = plaintexts
            .iter()
            .map(|text| json!({"plaintext": text}))
            .collect();
        items.push(json!({"plaintext": "no base64"}));
        let body = json!({"items": items});
        let made = self.call("app", "POST", "/v1/wrap", body)?.is(200);
        assert_eq!(made["items"][3]["error"]["code"], "invalid_request");
        for (at, plaintext) in plaintexts.into_iter().enumerate() {
            self.note_wrapped(&made["items"][at], plaintext);
        }
        Some(())
    }

    fn unwrap(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.blobs) else {
            return self.wrap();
        };
        let body = json!({"wrapped": known.wrapped});
        let opened = self.call("app", "POST", "/v1/unwrap", body)?.is(200);
        assert_eq!(opened["plaintext"], known.plaintext);
        Some(())
    }

    fn rewrap_under_the_kek(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.blobs) else {
            return self.wrap();
        };
        let body = json!({"wrapped": known.wrapped});
        let made = self.call("operator", "POST", "/v1/rewrap", body)?.is(200);
        self.note_wrapped(&made, known.plaintext);
        Some(())
    }

    /// One at a time: while records are moved there is no other.
    fn rotate_kek(&mut self) -> Option<()> {
        let answer = self.call("operator", "POST", "/v1/kek/rotate", json!({}))?;
        let status = answer.status;
        assert!([202, 409].contains(&status), "{}", answer.body);
        Some(())
    }

    /// Refusals are audited too.
    fn be_refused(&mut self) -> Option<()> {
        let dek = self.pick(|ledger| &ledger.deks)?.name;
        let again = json!({"name": dek, "algorithm": "aes-256-gcm"});
        let damaged = json!({"wrapped": format!("cst1:kek:kek-v1-20260101:{}", "A".repeat(160))});
        let (role, path, body, status) = match self.dice.below(4) {
            0 => ("app", "/v1/deks", again, 403),
            1 => ("operator", "/v1/deks", again, 409),
            2 => ("app", "/v1/unwrap", damaged, 422),
            _ => ("app", "/v1/unwrap", json!({"wrapped": 7}), 400),
        };
        self.call(role, "POST", path, body)?.is(status);
        Some(())
    }

    fn note_wrapped(&self, made: &Value, plaintext: String) {
        let wrapped = text(&made["wrapped"]);
        let mut ledger = self.ledger();
        let life = ledger.life;
        ledger.wraps.add(life);
        ledger.blobs.push(Blob { wrapped, plaintext });
    }

    /// One call whose answer, once it is here, must have its audit entry for ever.
    pub fn call(&mut self, role: &str, method: &str, path: &str, body: Value) -> Option<Reply> {
        self.call_once(role, method, path, body, None)
    }

    /// One call, with an idempotency key if one is given.
    pub fn call_once(
        &mut self,
        role: &str,
        method: &str,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> Option<Reply> {
        let life = self.life;
        self.call_as(life.client.token(role), method, path, body, key)
    }

    /// One call with this bearer token.
    pub fn call_as(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> Option<Reply> {
        let (id, verb) = (self.next_name(), verb(method, path, &body, key));
        let was_alive = !self.life.dying.load(Ordering::SeqCst);
        let reply = self.life.client.send(token, &id, method, path, body, key);
        let mut ledger = self.ledger();
        let counted = ledger.figures.verbs.entry(verb).or_default();
        match &reply {
            Some(_) => counted.0 += 1,
            None => counted.1 += u64::from(was_alive),
        }
        let reply = reply?;
        ledger.requests.push((id, reply.status));
        Some(reply)
    }

    pub fn pick<T: Clone>(&mut self, from: impl Fn(&Ledger) -> &Vec<T>) -> Option<T> {
        let ledger = self.life.ledger.lock().unwrap();
        self.dice.one_of(from(&ledger))
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.life.ledger.lock().unwrap()
    }

    pub fn next_name(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.name, self.count)
    }
}

impl Reply {
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// What a request does, for the figures.
fn verb(method: &str, path: &str, body: &Value, key: Option<&str>) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let steps: Vec<_> = path.split('/').skip(2).collect();
    let what = match steps.as_slice() {
        ["deks", _, "versions", _, verb] | ["deks", _, verb] => format!("DEK {verb}"),
        ["deks"] if body["algorithm"] == "aes-256-gcm" => "DEK create aes-256-gcm".to_owned(),
        ["deks"] => "DEK create mlkem768-x25519".to_owned(),
        ["overrides"] => "override request".to_owned(),
        ["overrides", _, verb] => format!("override {verb}"),
        ["admin", "custodians"] => "custodian enrol".to_owned(),
        ["admin", "custodians", _, verb] => format!("custodian {verb}"),
        [verb] | ["kek", verb] => format!("KEK {verb}"),
        ["admin", _, _, "tokens", ..] => format!("token {method}"),
        ["admin", _, _, "grants"] => "grants PUT".to_owned(),
        _ => format!("principal {method}"),
    };
    let batch = if body["items"].is_null() {
        ""
    } else {
        ", batch"
    };
    let key = key.map_or("", |_| ", idempotency key");
    format!("{what}{batch}{key}")
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

pub fn base64(text: &str) -> String {
    use base64ct::Encoding;
    base64ct::Base64::encode_string(text.as_bytes())
}
