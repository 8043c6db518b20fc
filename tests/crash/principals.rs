//! Admins who make principals, give and revoke tokens, change grants and delete.

use serde_json::{Value, json};

use super::{
    ledger::{Person, Token, Wish},
    load::{Worker, text},
};

impl Worker<'_> {
    pub fn create_principal(&mut self) -> Option<()> {
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

    pub fn issue_token(&mut self) -> Option<()> {
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
    pub fn revoke_token(&mut self) -> Option<()> {
        let Some(token) = self.take_revocable() else {
            return self.issue_token();
        };
        let (principal, id) = (&token.principal, token.id.as_ref()?);
        let path = format!("/v1/admin/principals/{principal}/tokens/{id}");
        self.call("admin", "DELETE", &path, Value::Null)?.is(204);
        self.ledger().revoked.push(token.text);
        Some(())
    }

    pub fn create_person(&mut self) -> Option<()> {
        let name = self.next_name();
        let body =
            json!({"name": name, "subject": name, "roles": ["app"], "grants": {"deks": [name]}});
        let made = self.call("admin", "POST", "/v1/admin/principals", body)?;
        let made = made.is(201);
        let person = Person {
            token: text(&made["token"]),
            grants: vec![name],
            asked: None,
            gone: false,
        };
        self.ledger().people.insert(text(&made["id"]), person);
        Some(())
    }

    pub fn change_grants(&mut self) -> Option<()> {
        let grants = vec![self.next_name(), "payroll-*".to_owned()];
        let Some(id) = self.take_person(Wish::Grants(grants.clone())) else {
            return self.create_person();
        };
        let path = format!("/v1/admin/principals/{id}/grants");
        let body = json!({"deks": grants});
        let changed = self.call("admin", "PUT", &path, body)?.is(200);
        assert_eq!(changed["grants"]["deks"], json!(grants));
        self.settle(&id, |person| person.grants = grants);
        Some(())
    }

    pub fn delete_person(&mut self) -> Option<()> {
        let Some(id) = self.take_person(Wish::Deletion) else {
            return self.create_person();
        };
        let path = format!("/v1/admin/principals/{id}");
        self.call("admin", "DELETE", &path, Value::Null)?.is(204);
        self.settle(&id, |person| person.gone = true);
        Some(())
    }

    fn take_revocable(&mut self) -> Option<Token> {
        let mut ledger = self.ledger();
        let issued = |token: &Token| token.id.is_some();
        let place = ledger.tokens.iter().position(issued)?;
        Some(ledger.tokens.swap_remove(place))
    }

    /// A live principal that nobody else changes.
    fn take_person(&mut self, wish: Wish) -> Option<String> {
        let mut ledger = self.life.ledger.lock().unwrap();
        let free = ledger.people.iter();
        let free = free.filter(|(_, person)| !person.gone && person.asked.is_none());
        let free: Vec<_> = free.map(|(id, _)| id.clone()).collect();
        let id = self.dice.one_of(&free)?;
        ledger.people.get_mut(&id)?.asked = Some(wish);
        Some(id)
    }

    fn settle(&self, id: &str, done: impl FnOnce(&mut Person)) {
        let mut ledger = self.ledger();
        let person = ledger.people.get_mut(id).unwrap();
        person.asked = None;
        done(person);
    }
}
