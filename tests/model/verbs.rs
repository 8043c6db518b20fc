//! What callers ask for, and the request that says so.

use serde_json::{Map, Value, json};

use crate::things::Bound;

/// How whole a given blob is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sound {
    Intact,
    /// It reads as a blob of a version that is there, but does not open.
    Damaged,
    /// Of a `kek` blob: only what rewrap does not open is damaged.
    PayloadDamaged,
    /// It is no blob, or of a version or DEK that never was.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Seal {
    /// As it is sent: base64, or not.
    pub plaintext: String,
    pub refused: Option<(u16, &'static str)>,
    pub context: Bound,
}

#[derive(Clone, Debug)]
pub struct Open {
    pub text: String,
    /// The number of the known blob that it is or was made from.
    pub blob: Option<usize>,
    pub sound: Sound,
    pub context: Bound,
}

#[derive(Clone, Debug)]
pub enum Items<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    Disable,
    Enable,
    Destroy,
    Cancel,
}

#[derive(Clone, Debug)]
pub struct NewPerson {
    pub name: Option<String>,
    pub subject: String,
    pub roles: Vec<&'static str>,
    pub grants: Option<Vec<String>>,
    pub scope: Option<String>,
    pub expires: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub enum Verb {
    CreateDek {
        name: String,
        algorithm: &'static str,
        key: Option<String>,
    },
    Show {
        name: String,
    },
    List,
    Rotate {
        name: String,
        key: Option<String>,
    },
    Change {
        what: Change,
        name: String,
        version: String,
        sound: bool,
    },
    Encrypt {
        name: String,
        items: Items<Seal>,
    },
    Decrypt {
        name: String,
        items: Items<Open>,
    },
    Rewrap {
        name: String,
        items: Items<Open>,
    },
    DataKey {
        name: String,
        bytes: u64,
        context: Bound,
        shown: bool,
    },
    PublicKey {
        name: String,
        version: Option<String>,
    },
    Wrap {
        items: Items<Seal>,
    },
    Unwrap {
        items: Items<Open>,
    },
    KekRewrap {
        items: Items<Open>,
    },
    CreatePerson {
        new: NewPerson,
        key: Option<String>,
    },
    ShowPerson {
        id: String,
    },
    DeletePerson {
        id: String,
    },
    Grant {
        id: String,
        grants: Vec<String>,
    },
    IssueToken {
        id: String,
        expires: Option<&'static str>,
        key: Option<String>,
    },
    RevokeToken {
        id: String,
        token: String,
    },
}

/// A row of the contract's tables: action in the audit log (empty: none), roles.
pub type Row = (&'static str, &'static [&'static str]);

impl Verb {
    #[rustfmt::skip] // one row, one verb
    pub fn row(&self) -> Row {
        match self {
            Self::CreateDek { .. } => ("dek.create", &["operator"]),
            Self::Show { .. } | Self::List | Self::PublicKey { .. } => ("", &["app", "auditor", "operator"]),
            Self::Rotate { .. } => ("dek.rotate", &["operator"]),
            Self::Change { what: Change::Disable, .. } => ("dek.disable", &["operator"]),
            Self::Change { what: Change::Enable, .. } => ("dek.enable", &["operator"]),
            Self::Change { what: Change::Destroy, .. } => ("dek.destroy", &["operator"]),
            Self::Change { what: Change::Cancel, .. } => ("dek.cancel_destroy", &["operator"]),
            Self::Encrypt { .. } => ("dek.encrypt", &["app"]),
            Self::Decrypt { .. } => ("dek.decrypt", &["app"]),
            Self::Rewrap { .. } => ("dek.rewrap", &["app", "operator"]),
            Self::DataKey { .. } => ("dek.data_key", &["app"]),
            Self::Wrap { .. } => ("kek.wrap", &["app"]),
            Self::Unwrap { .. } => ("kek.unwrap", &["app"]),
            Self::KekRewrap { .. } => ("kek.rewrap", &["app", "operator"]),
            Self::CreatePerson { .. } => ("principal.create", &["admin"]),
            Self::ShowPerson { .. } => ("", &["admin"]),
            Self::DeletePerson { .. } => ("principal.delete", &["admin"]),
            Self::Grant { .. } => ("grants.change", &["admin"]),
            Self::IssueToken { .. } => ("token.create", &["admin"]),
            Self::RevokeToken { .. } => ("token.revoke", &["admin"]),
        }
    }

    /// What the figures call it.
    pub fn kind(&self) -> String {
        match (self.row().0, self) {
            ("", Self::Show { .. }) => "dek.show".to_owned(),
            ("", Self::List) => "dek.list".to_owned(),
            ("", Self::PublicKey { .. }) => "dek.public_key".to_owned(),
            ("", _) => "principal.show".to_owned(),
            (action, _) => action.to_owned(),
        }
    }

    pub fn key(&self) -> Option<&str> {
        match self {
            Self::CreateDek { key, .. } | Self::Rotate { key, .. } => key.as_deref(),
            Self::CreatePerson { key, .. } | Self::IssueToken { key, .. } => key.as_deref(),
            _ => None,
        }
    }

    pub fn method(&self) -> &'static str {
        match self {
            Self::Show { .. } | Self::List | Self::PublicKey { .. } | Self::ShowPerson { .. } => {
                "GET"
            }
            Self::DeletePerson { .. } | Self::RevokeToken { .. } => "DELETE",
            Self::Grant { .. } => "PUT",
            _ => "POST",
        }
    }

    pub fn path(&self) -> String {
        let people = "/v1/admin/principals";
        match self {
            Self::CreateDek { .. } => "/v1/deks".to_owned(),
            Self::List => "/v1/deks?limit=500".to_owned(),
            Self::Show { name } => format!("/v1/deks/{name}"),
            Self::Rotate { name, .. } => format!("/v1/deks/{name}/rotate"),
            Self::Change {
                what,
                name,
                version,
                ..
            } => {
                let verb = match what {
                    Change::Disable => "disable",
                    Change::Enable => "enable",
                    Change::Destroy => "destroy",
                    Change::Cancel => "cancel-destroy",
                };
                format!("/v1/deks/{name}/versions/{version}/{verb}")
            }
            Self::Encrypt { name, .. } => format!("/v1/deks/{name}/encrypt"),
            Self::Decrypt { name, .. } => format!("/v1/deks/{name}/decrypt"),
            Self::Rewrap { name, .. } => format!("/v1/deks/{name}/rewrap"),
            Self::DataKey { name, shown, .. } => {
                let query = if *shown { "" } else { "?plaintext=false" };
                format!("/v1/deks/{name}/data-key{query}")
            }
            Self::PublicKey { name, version } => {
                let query = version
                    .as_ref()
                    .map(|version| format!("?version={version}"));
                format!("/v1/deks/{name}/public-key{}", query.unwrap_or_default())
            }
            Self::Wrap { .. } => "/v1/wrap".to_owned(),
            Self::Unwrap { .. } => "/v1/unwrap".to_owned(),
            Self::KekRewrap { .. } => "/v1/rewrap".to_owned(),
            Self::CreatePerson { .. } => people.to_owned(),
            Self::ShowPerson { id } | Self::DeletePerson { id } => format!("{people}/{id}"),
            Self::Grant { id, .. } => format!("{people}/{id}/grants"),
            Self::IssueToken { id, .. } => format!("{people}/{id}/tokens"),
            Self::RevokeToken { id, token } => format!("{people}/{id}/tokens/{token}"),
        }
    }

    pub fn body(&self) -> String {
        match self {
            Self::CreateDek {
                name, algorithm, ..
            } => json!({"name": name, "algorithm": algorithm}),
            Self::Rotate { .. } => json!({}),
            Self::Change {
                what: Change::Destroy,
                name,
                version,
                sound,
            } => {
                let version = if *sound {
                    version.as_str()
                } else {
                    "dek-v1-20000101"
                };
                json!({"confirm": format!("{name}/{version}")})
            }
            Self::Change { sound, .. } => {
                if *sound {
                    json!({})
                } else {
                    json!({"x": 1})
                }
            }
            Self::Encrypt { items, .. } | Self::Wrap { items } => items.json(Seal::json),
            Self::Decrypt { items, .. } | Self::Rewrap { items, .. } => {
                items.json(|item| item.json("ciphertext", true))
            }
            Self::Unwrap { items } => items.json(|item| item.json("wrapped", true)),
            Self::KekRewrap { items } => items.json(|item| item.json("wrapped", false)),
            Self::DataKey { bytes, context, .. } => with(*context, json!({"bytes": bytes})),
            Self::CreatePerson { new, .. } => new.json(),
            Self::Grant { grants, .. } => json!({"deks": grants}),
            Self::IssueToken {
                expires: Some(expires),
                ..
            } => json!({"expires_in": expires}),
            Self::IssueToken { .. } => json!({}),
            _ => return String::new(),
        }
        .to_string()
    }
}

fn with(context: Bound, mut body: Value) -> Value {
    if let Some(context) = context.json() {
        body["context"] = context;
    }
    body
}

impl<T> Items<T> {
    fn json(&self, one: impl Fn(&T) -> Value) -> Value {
        match self {
            Self::One(item) => one(item),
            Self::Many(items) => {
                let numbered = items.iter().enumerate().map(|(at, item)| {
                    let mut item = one(item);
                    item["reference"] = json!(at.to_string());
                    item
                });
                json!({"items": numbered.collect::<Vec<_>>()})
            }
        }
    }
}

impl Seal {
    fn json(&self) -> Value {
        with(self.context, json!({"plaintext": self.plaintext}))
    }
}

impl Open {
    fn json(&self, field: &str, bound: bool) -> Value {
        let body = Value::Object(Map::from_iter([(field.to_owned(), json!(self.text))]));
        if bound {
            with(self.context, body)
        } else {
            body
        }
    }
}

impl NewPerson {
    fn json(&self) -> Value {
        let mut body = json!({"subject": self.subject, "roles": self.roles});
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        if let Some(grants) = &self.grants {
            body["grants"] = json!({"deks": grants});
        }
        if let Some(scope) = &self.scope {
            body["wrap_scope"] = json!(scope);
        }
        if let Some(expires) = self.expires {
            body["expires_in"] = json!(expires);
        }
        body
    }
}
