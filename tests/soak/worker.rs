//! A client that stays: every verb that uses a key, with DEKs of its own, so that it is known how each is answered.

use serde_json::{Value, json};

use crate::{
    dice::Dice,
    people_at_work::People,
    place::{Counter, Place},
};

/// Items of a batch.
const BATCH: usize = 32;

pub struct Worker<'a> {
    pub desk: Counter<'a>,
    pub dice: Dice,
    pub name: String,
    pub count: u64,
    pub people: People,
    plain: String,
    hybrid: String,
    /// What it got last, so that it can be opened.
    wrapped: Value,
    ciphertext: Value,
    event: Value,
    list: Value,
}

const PLAINTEXT: &str = "YWVnaXM=";

impl<'a> Worker<'a> {
    pub fn new(place: &'a Place, seed: u64, number: usize) -> Self {
        let desk = Counter {
            place,
            agent: place.authority.agent(None),
        };
        let name = format!("worker-{number}");
        let people = People::hire(&desk, &name);
        let mut worker = Self {
            plain: format!("plain-{number}"),
            hybrid: format!("hybrid-{number}"),
            wrapped: Value::Null,
            ciphertext: Value::Null,
            event: Value::Null,
            list: Value::Null,
            dice: Dice::seeded(seed),
            count: 0,
            desk,
            name,
            people,
        };
        for (dek, algorithm) in [
            (&worker.plain, "aes-256-gcm"),
            (&worker.hybrid, "mlkem768-x25519"),
        ] {
            let body = json!({"name": dek, "algorithm": algorithm});
            worker
                .desk
                .ask("operator", "POST", "/v1/deks", &body)
                .is(201);
        }
        worker.wrap();
        worker.encrypt();
        worker.encrypt_event();
        worker.sign_tools();
        worker
    }

    pub fn run(&mut self) {
        while !self.desk.place.tally.is_over() {
            self.step();
        }
    }

    fn step(&mut self) {
        match self.dice.below(40) {
            0..=3 => self.wrap(),
            4..=7 => self.unwrap(),
            8 => self.rewrap_under_the_kek(),
            9 => self.wrap_batch(),
            10..=13 => self.encrypt(),
            14..=17 => self.decrypt(),
            18 => self.encrypt_batch(),
            19 => self.rewrap(),
            20 => self.data_key(),
            21..=23 => self.encrypt_event(),
            24..=26 => self.decrypt_event(),
            27 => self.encrypt_events(),
            28 => self.sign_tools(),
            29 => self.judge_tools(),
            30 => self.change_versions(),
            31 | 32 => self.read_log(),
            33 => self.read_all(),
            34 => self.override_once(),
            35 => self.override_in_vain(),
            36 => self.hire_and_dismiss(),
            37 => self.make_once(),
            _ => self.be_refused(),
        }
    }

    /// The answer, if the token was not away.
    pub fn tell(&self, who: &str, path: &str, body: Value) -> Option<Value> {
        let answer = self.desk.ask(who, "POST", path, &body);
        (answer.status < 300).then(|| answer.json())
    }

    fn wrap(&mut self) {
        let body = json!({"plaintext": PLAINTEXT, "context": {"of": self.name}});
        if let Some(made) = self.tell("app", "/v1/wrap", body) {
            self.wrapped = made["wrapped"].clone();
        }
    }

    fn unwrap(&mut self) {
        let body = json!({"wrapped": self.wrapped, "context": {"of": self.name}});
        let opened = self.tell("app", "/v1/unwrap", body);
        assert!(opened.is_none_or(|opened| opened["plaintext"] == PLAINTEXT));
    }

    fn rewrap_under_the_kek(&mut self) {
        let body = json!({"wrapped": self.wrapped});
        if let Some(moved) = self.tell("operator", "/v1/rewrap", body) {
            self.wrapped = moved["wrapped"].clone();
        }
    }

    fn wrap_batch(&mut self) {
        let items = vec![json!({"plaintext": PLAINTEXT}); BATCH];
        let made = self.tell("app", "/v1/wrap", json!({"items": items}));
        if let Some(made) = made {
            self.tell("app", "/v1/unwrap", made_to_open(&made, "wrapped"));
        }
    }

    fn encrypt(&mut self) {
        let path = format!("/v1/deks/{}/encrypt", self.plain);
        let body = json!({"plaintext": PLAINTEXT});
        if let Some(made) = self.tell("app", &path, body) {
            self.ciphertext = made["ciphertext"].clone();
        }
    }

    fn decrypt(&mut self) {
        let path = format!("/v1/deks/{}/decrypt", self.plain);
        let body = json!({"ciphertext": self.ciphertext});
        let opened = self.tell("app", &path, body);
        assert!(opened.is_none_or(|opened| opened["plaintext"] == PLAINTEXT));
    }

    fn encrypt_batch(&mut self) {
        let path = format!("/v1/deks/{}", self.plain);
        let items = vec![json!({"plaintext": PLAINTEXT}); BATCH];
        let made = self.tell("app", &format!("{path}/encrypt"), json!({"items": items}));
        if let Some(made) = made {
            let body = made_to_open(&made, "ciphertext");
            self.tell("app", &format!("{path}/decrypt"), body);
        }
    }

    fn rewrap(&mut self) {
        let path = format!("/v1/deks/{}/rewrap", self.plain);
        let body = json!({"ciphertext": self.ciphertext});
        if let Some(moved) = self.tell("operator", &path, body) {
            self.ciphertext = moved["ciphertext"].clone();
        }
    }

    fn data_key(&mut self) {
        let path = format!("/v1/deks/{}/data-key", self.plain);
        self.tell("app", &path, json!({"bytes": 32}));
    }

    fn encrypt_event(&mut self) {
        let body = json!({"dek": self.hybrid, "event": self.new_event()});
        if let Some(made) = self.tell("app", "/v1/pii/encrypt", body) {
            self.event = made["event"].clone();
        }
    }

    fn decrypt_event(&mut self) {
        let body = json!({"event": self.event});
        let opened = self.tell("app", "/v1/pii/decrypt", body);
        assert!(opened.is_none_or(|opened| opened["event"]["actor_id"] == self.name));
    }

    fn encrypt_events(&mut self) {
        let events = vec![self.new_event(); BATCH];
        let body = json!({"dek": self.hybrid, "events": events});
        self.tell("app", "/v1/pii/encrypt", body);
    }

    fn new_event(&self) -> Value {
        json!({"actor_id": self.name, "at": {"client_ip": "192.0.2.1", "size": 1.5}})
    }

    fn sign_tools(&mut self) {
        let tools = json!([{"name": "pay"}, {"name": "add", "description": "Adds."}]);
        let body = json!({"tools": tools, "server": self.name});
        if let Some(signed) = self.tell("app", "/v1/mcp/tools/sign", body) {
            self.list = signed;
        }
    }

    fn judge_tools(&mut self) {
        let verdict = self.tell("app", "/v1/mcp/tools/verify", self.list.clone());
        assert!(verdict.is_none_or(|verdict| verdict["valid"] == true));
    }

    /// The first version is out of use for a while; what is kept was made under the newest.
    fn change_versions(&mut self) {
        let path = format!("/v1/deks/{}", self.plain);
        if self
            .tell("operator", &format!("{path}/rotate"), json!({}))
            .is_none()
        {
            return;
        }
        self.rewrap();
        let shown = self
            .desk
            .ask("operator", "GET", &path, &Value::Null)
            .is(200);
        let first = shown["versions"][0]["version"].as_str().unwrap();
        if self
            .ciphertext
            .as_str()
            .is_some_and(|text| text.contains(first))
        {
            return; // the token went away meanwhile
        }
        for verb in ["disable", "enable"] {
            let path = format!("{path}/versions/{first}/{verb}");
            self.tell("operator", &path, json!({}));
        }
    }

    fn be_refused(&mut self) {
        let place = self.desk.place;
        let damaged = json!({"wrapped": format!("cst1:kek:kek-v1-20260101:{}", "A".repeat(160))});
        let (who, path, body) = match self.dice.below(3) {
            0 => ("app", "/v1/kek/rotate", json!({})),
            1 => ("app", "/v1/unwrap", damaged),
            _ => (
                "operator",
                "/v1/deks",
                json!({"name": self.plain, "algorithm": "aes-256-gcm"}),
            ),
        };
        // Not measured: a refusal is what is asked for.
        let answer = place.told(who, "POST", path, body);
        place.tally.count(answer.status);
        assert!([403, 409, 422, 503].contains(&answer.status), "{answer:?}");
    }
}

/// What a batch made, as a batch to be opened.
fn made_to_open(made: &Value, name: &str) -> Value {
    let items = made["items"].as_array().unwrap().iter();
    let items: Vec<_> = items.map(|item| json!({name: item[name]})).collect();
    json!({"items": items})
}
