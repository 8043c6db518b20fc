//! Clients that do everything at once, and the ledger of what was acknowledged to them.

use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::{
    client::{Client, Reply},
    dice::Dice,
};

/// What was acknowledged: an answer came, whole.
#[derive(Default)]
pub struct Ledger {
    /// Request ids that must be in the audit log, and the status of their answers.
    pub requests: Vec<(String, u16)>,
    /// DEK and version.
    pub versions: Vec<(String, String)>,
    pub ciphertexts: Vec<Ciphertext>,
    /// Blob and plaintext.
    pub blobs: Vec<(String, String)>,
    pub tokens: Vec<Token>,
    /// Tokens whose revocation was acknowledged.
    pub revoked: Vec<String>,
}

#[derive(Clone)]
pub struct Ciphertext {
    pub dek: String,
    pub blob: String,
    pub plaintext: String,
}

#[derive(Clone)]
pub struct Token {
    pub principal: String,
    /// `None` for the one that came with its principal.
    pub id: Option<String>,
    pub text: String,
}

/// One client thread. Each step ends in `None` once the service is dead.
pub struct Worker<'a> {
    pub client: &'a Client,
    pub ledger: &'a Mutex<Ledger>,
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
        match self.dice.below(16) {
            0 => self.create_dek(),
            1 => self.rotate(),
            2..=4 => self.encrypt(),
            5 | 6 => self.decrypt(),
            7 | 8 => self.wrap(),
            9 | 10 => self.unwrap(),
            11 => self.create_principal(),
            12 => self.issue_token(),
            13 => self.revoke_token(),
            _ => self.be_refused(),
        }
    }

    fn create_dek(&mut self) -> Option<()> {
        let name = self.next_name();
        let body = json!({"name": name, "algorithm": "aes-256-gcm"});
        let made = self.call("operator", "POST", "/v1/deks", body)?.is(201);
        self.ledger().versions.push((name, text(&made["current"])));
        Some(())
    }

    fn rotate(&mut self) -> Option<()> {
        let (dek, _) = self.pick(|ledger| &ledger.versions)?;
        let path = format!("/v1/deks/{dek}/rotate");
        let made = self.call("operator", "POST", &path, json!({}))?.is(201);
        self.ledger().versions.push((dek, text(&made["version"])));
        Some(())
    }

    fn encrypt(&mut self) -> Option<()> {
        let (dek, _) = self.pick(|ledger| &ledger.versions)?;
        let plaintext = base64(&self.next_name());
        let path = format!("/v1/deks/{dek}/encrypt");
        let body = json!({"plaintext": plaintext, "context": {"dek": dek}});
        let made = self.call("app", "POST", &path, body)?.is(200);
        let blob = text(&made["ciphertext"]);
        let made = Ciphertext {
            dek,
            blob,
            plaintext,
        };
        self.ledger().ciphertexts.push(made);
        Some(())
    }

    fn decrypt(&mut self) -> Option<()> {
        let Some(known) = self.pick(|ledger| &ledger.ciphertexts) else {
            return self.encrypt();
        };
        let path = format!("/v1/deks/{}/decrypt", known.dek);
        let body = json!({"ciphertext": known.blob, "context": {"dek": known.dek}});
        let opened = self.call("app", "POST", &path, body)?.is(200);
        assert_eq!(opened["plaintext"], known.plaintext);
        Some(())
    }

    fn wrap(&mut self) -> Option<()> {
        let plaintext = base64(&self.next_name());
        let body = json!({"plaintext": plaintext});
        let made = self.call("app", "POST", "/v1/wrap", body)?.is(200);
        let blob = text(&made["wrapped"]);
        self.ledger().blobs.push((blob, plaintext));
        Some(())
    }

    fn unwrap(&mut self) -> Option<()> {
        let Some((blob, plaintext)) = self.pick(|ledger| &ledger.blobs) else {
            return self.wrap();
        };
        let body = json!({"wrapped": blob});
        let opened = self.call("app", "POST", "/v1/unwrap", body)?.is(200);
        assert_eq!(opened["plaintext"], plaintext);
        Some(())
    }

    fn create_principal(&mut self) -> Option<()> {
        let name = self.next_name();
        let body = json!({"name": name, "subject": name, "roles": ["auditor"]});
        let made = self.call("admin", "POST", "/v1/admin/principals", body)?;
        let made = made.is(201);
        let token = Token {
            principal: text(&made["id"]),
            id: None,
            text: text(&made["token"]),
        };
        self.ledger().tokens.push(token);
        Some(())
    }

    fn issue_token(&mut self) -> Option<()> {
        let Some(Token { principal, .. }) = self.pick(|ledger| &ledger.tokens) else {
            return self.create_principal();
        };
        let path = format!("/v1/admin/principals/{principal}/tokens");
        let made = self.call("admin", "POST", &path, json!({}))?.is(201);
        let token = Token {
            principal,
            id: Some(text(&made["id"])),
            text: text(&made["token"]),
        };
        self.ledger().tokens.push(token);
        Some(())
    }

    /// From the moment of asking until the answer nobody knows whether the token works.
    fn revoke_token(&mut self) -> Option<()> {
        let Some(token) = self.take_revocable() else {
            return self.issue_token();
        };
        let (principal, id) = (&token.principal, token.id.as_ref()?);
        let path = format!("/v1/admin/principals/{principal}/tokens/{id}");
        self.call("admin", "DELETE", &path, Value::Null)?.is(204);
        self.ledger().revoked.push(token.text);
        Some(())
    }

    /// Refusals are audited too.
    fn be_refused(&mut self) -> Option<()> {
        let (dek, _) = self.pick(|ledger| &ledger.versions)?;
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
    fn call(&mut self, role: &str, method: &str, path: &str, body: Value) -> Option<Reply> {
        let id = self.next_name();
        let token = self.client.token(role);
        let reply = self.client.send(token, &id, method, path, body)?;
        self.ledger().requests.push((id, reply.status));
        Some(reply)
    }

    fn take_revocable(&mut self) -> Option<Token> {
        let mut ledger = self.ledger.lock().unwrap();
        let issued = |token: &Token| token.id.is_some();
        let place = ledger.tokens.iter().position(issued)?;
        Some(ledger.tokens.swap_remove(place))
    }

    fn pick<T: Clone>(&mut self, from: impl Fn(&Ledger) -> &Vec<T>) -> Option<T> {
        let ledger = self.ledger.lock().unwrap();
        self.dice.one_of(from(&ledger))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    fn next_name(&mut self) -> String {
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

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn base64(text: &str) -> String {
    use base64ct::Encoding;
    base64ct::Base64::encode_string(text.as_bytes())
}
