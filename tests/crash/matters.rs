//! What takes two admins, and what can be called off, step by step: each step is a request, and a kill leaves it done
//! or not done.

use std::sync::Arc;

use aegis_custodian::crypto::scheme::SigningKey;
use serde_json::{Value, json};

use super::{load::text, people::prove};

/// An app, a custodian, or a DEK version, and how far it is.
#[derive(Clone)]
pub struct Matter {
    pub kind: Kind,
    /// Of the principal or the custodian; of a DEK its name.
    id: String,
    /// Steps that were acknowledged, after that in which it was made.
    pub step: usize,
    /// The next one was asked for and not answered.
    pub asked: bool,
    /// The admin who proposes, and the one who approves.
    admins: [&'static str; 2],
    /// Bearer tokens; the second is not known if its answer never came.
    pub tokens: Vec<String>,
    /// The second token's id, or the version's name.
    other: String,
}

#[derive(Clone)]
pub enum Kind {
    App,
    Custodian(Arc<SigningKey>, Value),
    Dek,
}

/// Whose turn it is, and what is sent.
pub struct Turn {
    pub who: &'static str,
    pub method: &'static str,
    pub path: String,
    pub body: Value,
}

/// Steps before those that come again and again.
const APP: usize = 4;
const CUSTODIAN: usize = 3;

impl Matter {
    /// How one is made that is called so.
    pub fn creation(kind: &Kind, name: &str, lead: &str) -> (&'static str, Value) {
        match kind {
            Kind::App => (
                "/v1/admin/principals",
                json!({"name": name, "subject": name, "roles": ["app"]}),
            ),
            Kind::Custodian(key, _) => {
                let public = key.public_key();
                let body = json!({"name": name, "subject": name, "role": lead,
                    "scheme": public.scheme().name(), "public_key": public.text()});
                ("/v1/admin/custodians", body)
            }
            Kind::Dek => (
                "/v1/deks",
                json!({"name": name, "algorithm": "aes-256-gcm"}),
            ),
        }
    }

    /// Of what was answered then.
    pub fn made(kind: Kind, admins: [&'static str; 2], made: Value) -> Self {
        let (id, other) = match kind {
            Kind::App | Kind::Custodian(..) => (text(&made["id"]), String::new()),
            Kind::Dek => (text(&made["name"]), text(&made["current"])),
        };
        let kind = match kind {
            Kind::Custodian(key, _) => Kind::Custodian(key, made.clone()),
            Kind::App => Kind::App,
            Kind::Dek => Kind::Dek,
        };
        Self {
            kind,
            id,
            step: 0,
            asked: false,
            admins,
            tokens: made["token"]
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .collect(),
            other,
        }
    }

    pub fn turn(&self) -> Turn {
        let (id, other) = (&self.id, &self.other);
        let [proposes, approves] = self.admins;
        let app = format!("/v1/admin/principals/{id}");
        let custodian = format!("/v1/admin/custodians/{id}");
        let version = format!("/v1/deks/{id}/versions/{other}");
        let because = json!({"reason": "a test"});
        let (who, path, body) = match (&self.kind, self.step) {
            (Kind::App, 0) => (approves, format!("{app}/approve"), json!({})),
            (Kind::App, 1) => (proposes, format!("{app}/tokens"), json!({})),
            (Kind::App, 2) => (approves, format!("{app}/tokens/{other}/approve"), json!({})),
            (Kind::App, step) if step % 2 == 1 => (proposes, format!("{app}/grants"), grants(step)),
            (Kind::App, step) => (approves, format!("{app}/grants/approve"), grants(step - 1)),
            (Kind::Custodian(key, made), 0) => {
                let proof = json!({"signature": prove(key, made)});
                (proposes, format!("{custodian}/activate"), proof)
            }
            (Kind::Custodian(..), step) => match step % 3 {
                1 => (approves, format!("{custodian}/approve"), json!({})),
                2 => (proposes, format!("{custodian}/suspend"), because),
                _ => (proposes, format!("{custodian}/reinstate"), because),
            },
            (Kind::Dek, 0) => ("operator", format!("/v1/deks/{id}/rotate"), json!({})),
            (Kind::Dek, step) if step % 2 == 1 => {
                let confirm = json!({"confirm": format!("{id}/{other}")});
                ("operator", format!("{version}/destroy"), confirm)
            }
            (Kind::Dek, _) => ("operator", format!("{version}/cancel-destroy"), json!({})),
        };
        let method = match path.ends_with("/grants") {
            true => "PUT",
            false => "POST",
        };
        Turn {
            who,
            method,
            path,
            body,
        }
    }

    /// The step was answered.
    pub fn is_done(&mut self, answer: &Value) {
        if matches!(self.kind, Kind::App) && self.step == 1 {
            self.other = text(&answer["id"]);
            self.tokens.push(text(&answer["token"]));
        }
        self.step += 1;
        self.asked = false;
    }

    /// Who may look at it, and where.
    pub fn place(&self) -> (&'static str, String) {
        let id = &self.id;
        match self.kind {
            Kind::App => (self.admins[0], format!("/v1/admin/principals/{id}")),
            Kind::Custodian(..) => (self.admins[0], format!("/v1/custodians/{id}")),
            Kind::Dek => ("operator", format!("/v1/deks/{id}")),
        }
    }

    /// After a kill: whatever was asked for is done whole, or not at all.
    pub fn settle(&mut self, shown: &Value) {
        if self.asked && self.is_at(self.step + 1, shown) {
            if matches!(self.kind, Kind::App) && self.step == 1 {
                self.other = text(&shown["tokens"][1]["id"]);
            }
            self.step += 1;
        }
        self.asked = false;
        assert!(
            self.is_at(self.step, shown),
            "not at {}: {shown}",
            self.step
        );
    }

    /// Which of its tokens open the door.
    pub fn opens(&self) -> [bool; 2] {
        [self.step >= 1, self.step >= 3]
    }

    fn is_at(&self, step: usize, shown: &Value) -> bool {
        match self.kind {
            Kind::App => {
                let second = [Value::Null, json!("pending"), json!("active")];
                let second = &second[step.saturating_sub(1).min(2)];
                let (pending, current) = match step {
                    ..APP => (Value::Null, json!([])),
                    step if step % 2 == 0 => (grants(step - 1)["deks"].clone(), before(step)),
                    step => (Value::Null, grants(step - 2)["deks"].clone()),
                };
                shown["status"] == ["pending", "active"][step.min(1)]
                    && shown["tokens"][1]["status"] == *second
                    && shown["grants"]["deks"] == current
                    && shown["pending_grants"]["deks"] == pending
            }
            Kind::Custodian(..) => {
                let status = match step {
                    ..CUSTODIAN => ["pending", "pending", "active"][step],
                    step => ["suspended", "pending", "active"][step % 3],
                };
                let history = shown["history"].as_array().unwrap();
                shown["status"] == status && history.len() == step + 1
            }
            Kind::Dek => {
                let versions = shown["versions"].as_array().unwrap();
                let state = match step {
                    ..2 => "enabled",
                    step => ["pending_destruction", "enabled"][step % 2],
                };
                versions.len() == step.min(1) + 1 && versions[0]["state"] == state
            }
        }
    }
}

/// Those that are proposed at this step.
fn grants(step: usize) -> Value {
    json!({"deks": [format!("granted-{step}")]})
}

/// Those in force while others are proposed.
fn before(step: usize) -> Value {
    match step {
        APP => json!([]),
        step => grants(step - 3)["deks"].clone(),
    }
}
