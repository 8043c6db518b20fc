//! Operators who rotate the KEK and take old versions of it out of use and back: one at a time each, so that its state
//! is known.

use serde_json::{Value, json};

use super::{
    ledger::{Blob, Kek},
    load::{Worker, base64, text},
};

impl Worker<'_> {
    pub fn wrap(&mut self) -> Option<()> {
        let plaintext = base64(&self.next_name());
        let body = json!({"plaintext": plaintext});
        let made = self.call("app", "POST", "/v1/wrap", body)?.is(200);
        self.note_wrapped(&made, plaintext);
        Some(())
    }

    /// One bad item harms no other.
    pub fn wrap_batch(&mut self) -> Option<()> {
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

    pub fn unwrap(&mut self) -> Option<()> {
        let Some((known, was)) = self.pick_blob() else {
            return self.wrap();
        };
        let body = json!({"wrapped": known.wrapped});
        let opened = self.call("app", "POST", "/v1/unwrap", body)?;
        if opened.status == 200 {
            assert_eq!(opened.body["plaintext"], known.plaintext);
        }
        self.is_explained_by_kek(&known.kek, &was, opened.status);
        Some(())
    }

    /// Each item is answered by the state of its own version.
    pub fn unwrap_batch(&mut self) -> Option<()> {
        let known: Vec<_> = (0..4).filter_map(|_| self.pick_blob()).collect();
        if known.is_empty() {
            return self.wrap_batch();
        }
        let item = |(blob, _): &(Blob, Kek)| json!({"wrapped": blob.wrapped});
        let items: Vec<_> = known.iter().map(item).collect();
        let body = json!({"items": items});
        let opened = self.call("app", "POST", "/v1/unwrap", body)?.is(200);
        for ((blob, was), item) in known.iter().zip(opened["items"].as_array().unwrap()) {
            let status = match item["error"]["status"].as_u64() {
                Some(status) => status as u16,
                None => 200,
            };
            if status == 200 {
                assert_eq!(item["plaintext"], blob.plaintext);
            }
            self.is_explained_by_kek(&blob.kek, was, status);
        }
        Some(())
    }

    pub fn rewrap_under_the_kek(&mut self) -> Option<()> {
        let Some((known, was)) = self.pick_blob() else {
            return self.wrap();
        };
        let body = json!({"wrapped": known.wrapped});
        let made = self.call("operator", "POST", "/v1/rewrap", body)?;
        self.is_explained_by_kek(&known.kek, &was, made.status);
        if made.status == 200 {
            self.note_wrapped(&made.body, known.plaintext);
        }
        Some(())
    }

    /// One at a time: while records are moved there is no other.
    pub fn rotate_kek(&mut self) -> Option<()> {
        let answer = self.call("operator", "POST", "/v1/kek/rotate", json!({}))?;
        if answer.status == 409 {
            return Some(());
        }
        let job = answer.is(202);
        let kek = text(&job["kek"]);
        let mut ledger = self.ledger();
        ledger.keks.entry(kek.clone()).or_default();
        ledger.jobs.insert(text(&job["id"]), kek);
        Some(())
    }

    /// Refused for the version that wraps, and while records are moved.
    pub fn retire(&mut self) -> Option<()> {
        let Some(kek) = self.take_kek(true) else {
            return self.rotate_kek();
        };
        let body = json!({"confirm": kek});
        self.change_kek(&kek, "retire", body, true)
    }

    pub fn restore(&mut self) -> Option<()> {
        match self.take_kek(false) {
            Some(kek) => self.change_kek(&kek, "restore", json!({}), false),
            None => self.retire(),
        }
    }

    /// Before its thirty days are over, no version's key is deleted.
    pub fn ask_to_destroy(&mut self) -> Option<()> {
        let keks: Vec<_> = self.ledger().keks.keys().cloned().collect();
        let Some(kek) = self.dice.one_of(&keks) else {
            return self.wrap();
        };
        let verb = ["destroy", "destroy/approve"][self.dice.below(2)];
        let path = format!("/v1/kek/versions/{kek}/{verb}");
        let body = json!({"confirm": kek});
        self.call("operator", "POST", &path, body)?.is(409);
        Some(())
    }

    /// Whoever asks for the token meanwhile waits.
    pub fn reconnect(&mut self) -> Option<()> {
        let path = "/v1/kek/reconnect";
        self.call("operator", "POST", path, json!({}))?.is(200);
        Some(())
    }

    fn change_kek(&mut self, kek: &str, verb: &str, body: Value, retired: bool) -> Option<()> {
        let path = format!("/v1/kek/versions/{kek}/{verb}");
        let changed = self.call("operator", "POST", &path, body)?;
        let mut ledger = self.ledger();
        let known = ledger.keks.get_mut(kek).unwrap();
        known.asked = None;
        if retired && changed.status == 409 {
            return Some(());
        }
        known.retired = retired;
        let shown = changed.is(200);
        assert_eq!(shown["state"] == "retired", retired, "{shown}");
        Some(())
    }

    /// A version that nobody else changes.
    fn take_kek(&mut self, retire: bool) -> Option<String> {
        let mut ledger = self.life.ledger.lock().unwrap();
        let free = ledger.keks.iter();
        let free = free.filter(|(_, kek)| kek.retired != retire && kek.asked.is_none());
        let free: Vec<_> = free.map(|(version, _)| version.clone()).collect();
        let kek = self.dice.one_of(&free)?;
        let known = ledger.keks.get_mut(&kek)?;
        known.asked = Some(retire);
        known.changes += 1;
        Some(kek)
    }

    /// A blob, and how its version was just then.
    fn pick_blob(&mut self) -> Option<(Blob, Kek)> {
        let ledger = self.life.ledger.lock().unwrap();
        let blob = self.dice.one_of(&ledger.blobs)?;
        let was = ledger.keks[&blob.kek].clone();
        Some((blob, was))
    }

    /// Checks an answer against the state of the version that it opened, unless that was just being changed.
    fn is_explained_by_kek(&self, kek: &str, was: &Kek, status: u16) {
        let is = self.ledger().keks[kek].clone();
        let changed = was.asked.is_some() || is.asked.is_some() || was.changes != is.changes;
        assert!(
            changed || status == is.answers().0,
            "{kek} is {is:?} and answers {status}"
        );
    }

    fn note_wrapped(&self, made: &Value, plaintext: String) {
        let (wrapped, kek) = (text(&made["wrapped"]), text(&made["kek"]));
        let mut ledger = self.ledger();
        let life = ledger.life;
        ledger.wraps.add(life);
        ledger.keks.entry(kek.clone()).or_default();
        ledger.blobs.push(Blob {
            kek,
            wrapped,
            plaintext,
        });
    }
}
