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
    ledger::Ledger,
};

/// One life of the service under load.
pub struct Life<'a> {
    pub client: &'a Client,
    pub ledger: &'a Mutex<Ledger>,
    pub database: PathBuf,
    /// To whom backups are sealed.
    pub recipient: &'a str,
    /// Nobody takes a backup any more.
    pub backed_up: AtomicBool,
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
        match self.dice.below(48) {
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
            12 => self.unwrap_batch(),
            13 => self.rewrap_under_the_kek(),
            14 => self.disable(),
            15 => self.enable(),
            16 => self.destroy(),
            17 => self.cancel_destroy(),
            18 => self.create_principal(),
            19 => self.issue_token(),
            20 => self.revoke_token(),
            21 => self.create_person(),
            22 => self.change_grants(),
            23 => self.delete_person(),
            24 => self.make_once(),
            25 => self.rotate_once(),
            26 => self.be_refused(),
            27 => self.seldom(),
            28 => self.retire(),
            29 => self.restore(),
            30 => self.encrypt_event(),
            31 => self.encrypt_events(),
            32 => self.decrypt_event(),
            33 => self.sign_tools(),
            34 => self.judge_tools(),
            35 => self.judge_certificate(),
            36 => self.read_log(),
            37 => self.read_public_key(),
            38 => self.back_up(),
            _ => self.sit(),
        }
    }

    /// What keeps all others waiting, and what only waits itself.
    fn seldom(&mut self) -> Option<()> {
        match self.dice.below(8) {
            0..=3 => self.rotate_kek(),
            4 => self.reconnect(),
            5 => self.ask_to_destroy(),
            _ => self.request_for_a_minute(),
        }
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
        let send = || self.life.client.send(token, &id, method, path, body, key);
        let reply = self.counted(verb, send)?;
        self.ledger().requests.push((id, reply.status));
        Some(reply)
    }

    /// One call that changes nothing and so has no audit entry.
    pub fn ask(&mut self, role: &str, method: &str, path: &str, body: Value) -> Option<Reply> {
        let (client, verb) = (self.life.client, verb(method, path, &body, None));
        let token = client.token(role);
        self.counted(verb, || {
            client.send(token, "check", method, path, body, None)
        })
    }

    /// As [`Worker::ask`], and it is answered.
    pub fn look(&mut self, role: &str, method: &str, path: &str, body: Value) -> Option<Value> {
        Some(self.ask(role, method, path, body)?.is(200))
    }

    /// One audited call that is answered by bytes.
    pub fn download(&mut self, role: &str, path: &str, body: Value) -> Option<Vec<u8>> {
        let (client, id) = (self.life.client, self.next_name());
        let token = client.token(role);
        let verb = verb("POST", path, &body, None);
        let bytes = self.counted(verb, || client.download(token, &id, path, body))?;
        self.ledger().requests.push((id, 200));
        Some(bytes)
    }

    /// Whether the answer came, for the figures.
    fn counted<T>(&self, verb: String, send: impl FnOnce() -> Option<T>) -> Option<T> {
        let was_alive = !self.life.dying.load(Ordering::SeqCst);
        let reply = send();
        let mut ledger = self.ledger();
        let counted = ledger.figures.verbs.entry(verb).or_default();
        match &reply {
            Some(_) => counted.0 += 1,
            None => counted.1 += u64::from(was_alive),
        }
        reply
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
        ["pii", verb] => format!("event {verb}"),
        ["mcp", "tools", verb] => format!("tools {verb}"),
        ["audit", "proof", what] => format!("log {what} proof"),
        ["audit", what] => format!("log {what}"),
        ["backup"] => "backup".to_owned(),
        ["overrides"] => "override request".to_owned(),
        ["overrides", "verify"] => "certificate verify".to_owned(),
        ["overrides", _, verb] => format!("override {verb}"),
        ["admin", "custodians"] => "custodian enrol".to_owned(),
        ["admin", "custodians", _, verb] => format!("custodian {verb}"),
        [verb] | ["kek", verb] => format!("KEK {verb}"),
        ["kek", "versions", _, verb @ ..] => format!("KEK {}", verb.join(" ")),
        ["admin", _, _, "tokens", ..] => format!("token {method}"),
        ["admin", _, _, "grants"] => "grants PUT".to_owned(),
        _ => format!("principal {method}"),
    };
    let batch = match body["items"].is_array() || body["events"].is_array() {
        true => ", batch",
        false => "",
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
