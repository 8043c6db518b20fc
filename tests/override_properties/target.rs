//! The service that is played against, over real HTTP.

use std::{fs, path::PathBuf};

use aegis_custodian::custodian::{Quorum, Rules};
use serde_json::{Value, json};

use crate::{
    house::{House, RULES},
    people::{self, Desk, text},
    service::{Answer, eventually},
    softhsm,
    steps::Call,
    world::App,
};
use aegis_custodian::duration::Period;

pub struct Target {
    pub house: House,
    pub two_admins: bool,
    auditor: String,
}

impl Target {
    pub fn open(quorum: Quorum) -> Self {
        let house = House::ruled(Rules {
            admin_quorum: quorum,
            token_lifetime: Period::days(3650),
            ..RULES
        });
        let (_, auditor) = house.auditor();
        Self {
            house,
            two_admins: quorum == Quorum::Two,
            auditor,
        }
    }

    pub fn send(&self, call: &Call) -> Answer {
        self.house.post(&call.token, &call.path, call.body.clone())
    }

    /// Whatever an auditor may see.
    pub fn see(&self, path: &str) -> Value {
        self.look(&self.auditor, path)
    }

    pub fn certificate(&self, id: &str) -> Answer {
        let path = format!("/v1/overrides/{id}/certificate");
        self.house.get(&self.auditor, &path)
    }

    /// An application of that subject.
    pub fn app(&self, subject: &str) -> App {
        let name = format!("application {subject}");
        let body = json!({"name": name, "subject": subject, "roles": ["app"]});
        let made = self.tell(&self.admin(), "/v1/admin/principals", body);
        let made = made.is(201);
        if let Some(second) = self.second() {
            let path = format!("/v1/admin/principals/{}/approve", text(&made, "id"));
            self.tell(&second, &path, json!({})).is(200);
        }
        App {
            subject: subject.to_owned(),
            token: text(&made, "token"),
        }
    }

    /// A principal that acts for a custodian; a person may have several, one for each enrolment.
    pub fn principal(&self, subject: &str, custodian: &str) -> String {
        people::principal_named(self, custodian, subject, custodian)
    }

    pub fn away(&self) {
        fs::rename(tokens(), softhsm::home().join("away")).unwrap();
    }

    pub fn back(&self) {
        let _none = fs::remove_dir_all(tokens());
        fs::rename(softhsm::home().join("away"), tokens()).unwrap();
        // Asked, since readiness may not have noticed that it was away.
        let body = json!({"plaintext": "YQ=="});
        eventually("the token is used again", || {
            let wrapped = self.house.post(&self.house.app, "/v1/wrap", body.clone());
            wrapped.status == 200
        });
    }

    /// Every audit entry.
    pub fn log(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={}", all.len());
            match self.see(&path)["items"].take() {
                Value::Array(items) if !items.is_empty() => all.extend(items),
                _ => return all,
            }
        }
    }
}

fn tokens() -> PathBuf {
    softhsm::home().join("tokens")
}

impl Desk for Target {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.house.call(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.house.ada.clone()
    }

    fn app(&self) -> String {
        self.house.app.clone()
    }

    fn second(&self) -> Option<String> {
        self.two_admins.then(|| self.house.bob.clone())
    }
}
