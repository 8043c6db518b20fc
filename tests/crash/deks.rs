//! What apps and operators do with DEKs while others change their versions.

use serde_json::{Value, json};

use super::{
    client::Reply,
    ledger::{Ciphertext, Dek, Name, Version},
    load::{Worker, base64, text},
};

impl Worker<'_> {
    pub fn create_dek(&mut self) -> Option<()> {
        let (name, hybrid) = (self.next_name(), self.dice.below(2) == 0);
        let algorithm = match hybrid {
            true => "mlkem768-x25519",
            false => "aes-256-gcm",
        };
        let body = json!({"name": name, "algorithm": algorithm});
        let made = self.call("operator", "POST", "/v1/deks", body)?.is(201);
        let mut ledger = self.ledger();
        ledger.version(&(name.clone(), text(&made["current"])));
        ledger.deks.push(Dek { name, hybrid });
        Some(())
    }

    pub fn rotate(&mut self) -> Option<()> {
        let dek = self.pick(|ledger| &ledger.deks)?.name;
        let path = format!("/v1/deks/{dek}/rotate");
        let made = self.call("operator", "POST", &path, json!({}))?.is(201);
        self.ledger().version(&(dek, text(&made["version"])));
        Some(())
    }

    /// The first encryption of a life under a version reserves a block.
    pub fn encrypt(&mut self) -> Option<()> {
        let dek = self.pick(|ledger| &ledger.deks)?.name;
        let plaintext = base64(&self.next_name());
        let body = json!({"plaintext": plaintext, "context": {"dek": dek}});
        let path = format!("/v1/deks/{dek}/encrypt");
        let made = self.use_newest("app", &dek, &path, body)?;
        if made.status == 200 {
            self.note_encrypted(&dek, &made.body, plaintext);
        }
        Some(())
    }

    /// One bad item harms no other.
    pub fn encrypt_batch(&mut self) -> Option<()> {
        let dek = self.pick(|ledger| &ledger.deks)?.name;
        let plaintexts = [(); 3].map(|()| base64(&self.next_name()));
        let item = |text| json!({"plaintext": text, "context": {"dek": dek}});
        let mut items: Vec<_> = plaintexts.iter().map(item).collect();
        items.push(json!({"plaintext": "no base64"}));
        let body = json!({"items": items});
        let path = format!("/v1/deks/{dek}/encrypt");
        let made = self.use_newest("app", &dek, &path, body)?;
        if made.status != 200 {
            return Some(());
        }
        assert_eq!(made.body["items"][3]["error"]["code"], "invalid_request");
        for (at, plaintext) in plaintexts.into_iter().enumerate() {
            let item = &made.body["items"][at];
            // A disabled version refuses each item.
            if item["error"].is_null() {
                self.note_encrypted(&dek, item, plaintext);
            }
        }
        Some(())
    }

    pub fn data_key(&mut self) -> Option<()> {
        let dek = self.pick(|ledger| &ledger.deks)?;
        let body = json!({"bytes": 32, "context": {"dek": dek.name}});
        let path = format!("/v1/deks/{}/data-key", dek.name);
        if dek.hybrid {
            self.call("app", "POST", &path, body)?.is(409);
            return Some(());
        }
        let made = self.use_newest("app", &dek.name, &path, body)?;
        if made.status == 200 {
            let plaintext = text(&made.body["plaintext"]);
            self.note_encrypted(&dek.name, &made.body, plaintext);
        }
        Some(())
    }

    /// Opens under the version of the blob, encrypts under the newest.
    pub fn rewrap(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.ciphertexts) else {
            return self.encrypt();
        };
        let was = self.ledger().version(&known.of).clone();
        let path = format!("/v1/deks/{}/rewrap", known.of.0);
        let made = self.use_newest("operator", &known.of.0, &path, opening(&known))?;
        match made.status {
            200 => self.note_encrypted(&known.of.0, &made.body, known.plaintext),
            status if made.quiet => self.is_explained(&known.of, &was, status),
            status => assert!([409, 410].contains(&status), "{}", made.body),
        }
        Some(())
    }

    pub fn decrypt(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.ciphertexts) else {
            return self.encrypt();
        };
        let was = self.ledger().version(&known.of).clone();
        let path = format!("/v1/deks/{}/decrypt", known.of.0);
        let opened = self.call("app", "POST", &path, opening(&known))?;
        if opened.status == 200 {
            assert_eq!(opened.body["plaintext"], known.plaintext);
        }
        self.is_explained(&known.of, &was, opened.status);
        Some(())
    }

    /// Uses the newest version; only a change of a version explains a refusal.
    pub fn use_newest(&mut self, role: &str, dek: &str, path: &str, body: Value) -> Option<Used> {
        let before = self.ledger().calm(dek);
        let Reply { status, body, .. } = self.call(role, "POST", path, body)?;
        let quiet = before.0 && before == self.ledger().calm(dek);
        // A rewrap may also be refused for the version that it opens.
        let wanted: &[u16] = match quiet && !path.ends_with("/rewrap") {
            true => &[200],
            false => &[200, 409, 410],
        };
        assert!(wanted.contains(&status), "{path}: {status} {body}");
        Some(Used {
            status,
            body,
            quiet,
        })
    }

    /// Checks an answer against the state of the version that it opened, unless that was just being changed.
    pub fn is_explained(&self, of: &Name, was: &Version, status: u16) {
        let mut ledger = self.ledger();
        let is = ledger.version(of);
        let changed = was.asked.is_some() || is.asked.is_some() || was.changes != is.changes;
        assert!(
            changed || status == is.state.answers().0,
            "{of:?} is {:?} and answers {status}",
            is.state
        );
    }

    fn note_encrypted(&self, dek: &str, made: &Value, plaintext: String) {
        let of = (dek.to_owned(), text(&made["version"]));
        let blob = text(&made["ciphertext"]);
        let mut ledger = self.ledger();
        let life = ledger.life;
        ledger.version(&of).encryptions.add(life);
        let made = Ciphertext {
            of,
            blob,
            plaintext,
        };
        ledger.ciphertexts.push(made);
    }
}

/// An answer, and whether nobody changed a version of the DEK meanwhile.
pub struct Used {
    pub status: u16,
    pub body: Value,
    quiet: bool,
}

fn opening(known: &Ciphertext) -> Value {
    json!({"ciphertext": known.blob, "context": {"dek": known.of.0}})
}
