//! What an answer about people and their tokens must say, and what the model knows from then on.

use serde_json::{Value, json};

use crate::{
    game::At,
    learn::text,
    predict::DAY,
    things::{Person, Token},
    verbs::{NewPerson, Verb},
    world::World,
};

impl World {
    pub fn people_changed(&mut self, at: &At<'_>, body: &Value) {
        match at.verb {
            Verb::CreatePerson { new, .. } => self.person_made(at, new, body),
            Verb::ShowPerson { id } => {
                let person = &self.people[self.live(id).unwrap()];
                at.holds(
                    body["name"] == json!(person.name) && body["subject"] == json!(person.subject),
                    "somebody else",
                    body,
                );
                at.holds(
                    body["grants"]["deks"] == json!(person.grants),
                    "other grants",
                    body,
                );
                at.holds(
                    body["wrap_scope"] == json!(person.scope) && body["status"] == "active",
                    "another scope",
                    body,
                );
                at.holds(!body.to_string().contains("cst_"), "a token is shown", body);
            }
            Verb::DeletePerson { id } => {
                let at = self.live(id).unwrap();
                self.people[at].deleted = true;
            }
            Verb::Grant { id, grants } => {
                at.holds(
                    body["grants"]["deks"] == json!(grants),
                    "other grants",
                    body,
                );
                let at = self.live(id).unwrap();
                self.people[at].grants.clone_from(grants);
            }
            Verb::IssueToken { id, expires, .. } => {
                let token = self.token(at, *expires, &body["id"], &body["token"]);
                at.holds(
                    body["expires_at"].is_null() == token.expires.is_none(),
                    "another end",
                    body,
                );
                let at = self.live(id).unwrap();
                self.people[at].tokens.push(token);
            }
            Verb::RevokeToken { id, token } => {
                let at = self.live(id).unwrap();
                let mut tokens = self.people[at].tokens.iter_mut();
                tokens.find(|own| own.id == *token).unwrap().revoked = true;
            }
            other => panic!("nothing to learn from {other:?}"),
        }
    }

    fn person_made(&mut self, at: &At<'_>, new: &NewPerson, body: &Value) {
        let id = text(&body["id"]);
        let grants = new.grants.clone().unwrap_or_default();
        let scope = new.scope.clone().unwrap_or_else(|| id.clone());
        at.holds(
            body["grants"]["deks"] == json!(grants),
            "other grants",
            body,
        );
        at.holds(body["wrap_scope"] == json!(scope), "another scope", body);
        let token = self.token(at, new.expires, &body["tokens"][0]["id"], &body["token"]);
        self.people.push(Person {
            id,
            name: new.name.clone().unwrap(),
            subject: new.subject.to_ascii_lowercase(),
            roles: new.roles.clone(),
            grants,
            scope,
            tokens: vec![token],
            deleted: false,
            fixed: false,
        });
    }

    fn token(&self, at: &At<'_>, expires: Option<&str>, id: &Value, token: &Value) -> Token {
        let period = match expires {
            None => Some(self.lifetime),
            Some("never") => None,
            Some("2h") => Some(2 * 60 * 60),
            Some("30d") => Some(30 * DAY),
            Some("1d") => Some(DAY),
            Some(other) => panic!("{other}"),
        };
        at.holds(text(token).starts_with("cst_"), "no token", token);
        Token {
            id: text(id),
            text: text(token),
            expires: period.map(|period| self.now + period),
            revoked: false,
        }
    }
}
