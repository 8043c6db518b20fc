//! Every route of this version, written down from api.md and not from the code: who may, and a sound body.

use serde_json::{Value, json};

#[path = "world.rs"]
mod world;

pub use world::World;

/// One operation. `body` is empty where none is taken; `{id}`, `{token}` and `{dek}` are filled in by [`World`].
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub roles: &'static [&'static str],
    pub body: &'static str,
}

const fn route(
    method: &'static str,
    path: &'static str,
    roles: &'static [&'static str],
    body: &'static str,
) -> Route {
    Route {
        method,
        path,
        roles,
        body,
    }
}

pub const ALL_ROLES: [&str; 6] = [
    "admin",
    "operator",
    "app",
    "auditor",
    "metrics",
    "custodian",
];

const AUDITOR: &[&str] = &["auditor"];
const ADMIN: &[&str] = &["admin"];
const CUSTODIAN: &[&str] = &["custodian"];
const SEES_CUSTODIANS: &[&str] = &["admin", "auditor", "custodian"];
const SEES_OVERRIDES: &[&str] = &["app", "auditor", "custodian"];
const REASON: &str = r#"{"reason":"a test"}"#;
const SIGNATURE: &str = r#"{"custodian_id":"{custodian}","signature":"AAAA"}"#;
const APP: &[&str] = &["app"];
const OPERATOR: &[&str] = &["operator"];
const SEES_KEK: &[&str] = &["operator", "auditor"];
const BACKUP: &str =
    r#"{"recipients":["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"]}"#;
const CONFIRM_KEK: &str = r#"{"confirm":"{kek}"}"#;
const SEAL: &str = r#"{"plaintext":"c2VjcmV0","context":{"a":"b"},"reference":"r"}"#;

/// What needs no token.
pub const OPEN: [&str; 4] = [
    "/v1/health/live",
    "/v1/health/ready",
    "/openapi.json",
    "/v1/signing-keys",
];

/// What needs a token: api.md sections 2 to 12.
pub const GUARDED: [Route; 64] = [
    route("GET", "/v1/capabilities", &ALL_ROLES, ""),
    route("GET", "/metrics", &["auditor", "metrics"], ""),
    route(
        "POST",
        "/v1/admin/principals",
        ADMIN,
        r#"{"name":"n","subject":"s","roles":["app"],"grants":{"deks":["a-*"]},"wrap_scope":"w","expires_in":"1h"}"#,
    ),
    route("GET", "/v1/admin/principals", ADMIN, ""),
    route("GET", "/v1/admin/principals/{id}", ADMIN, ""),
    route("DELETE", "/v1/admin/principals/{id}", ADMIN, ""),
    route("POST", "/v1/admin/principals/{id}/approve", ADMIN, "{}"),
    route(
        "PUT",
        "/v1/admin/principals/{id}/grants",
        ADMIN,
        r#"{"deks":["a"]}"#,
    ),
    route(
        "POST",
        "/v1/admin/principals/{id}/grants/approve",
        ADMIN,
        r#"{"deks":["a"]}"#,
    ),
    route(
        "POST",
        "/v1/admin/principals/{id}/tokens",
        ADMIN,
        r#"{"expires_in":"1h"}"#,
    ),
    route(
        "POST",
        "/v1/admin/principals/{id}/tokens/{token}/approve",
        ADMIN,
        "{}",
    ),
    route(
        "DELETE",
        "/v1/admin/principals/{id}/tokens/{token}",
        ADMIN,
        "",
    ),
    route(
        "POST",
        "/v1/admin/custodians",
        ADMIN,
        r#"{"name":"n","subject":"s","role":"risk_lead","scheme":"ed25519","public_key":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}"#,
    ),
    route(
        "POST",
        "/v1/admin/custodians/{custodian}/activate",
        ADMIN,
        r#"{"signature":"AAAA"}"#,
    ),
    route(
        "POST",
        "/v1/admin/custodians/{custodian}/approve",
        ADMIN,
        "{}",
    ),
    route(
        "POST",
        "/v1/admin/custodians/{custodian}/suspend",
        ADMIN,
        REASON,
    ),
    route(
        "POST",
        "/v1/admin/custodians/{custodian}/reinstate",
        ADMIN,
        REASON,
    ),
    route(
        "POST",
        "/v1/admin/custodians/{custodian}/revoke",
        ADMIN,
        REASON,
    ),
    route("GET", "/v1/custodians", SEES_CUSTODIANS, ""),
    route("GET", "/v1/custodians/{custodian}", SEES_CUSTODIANS, ""),
    route("POST", "/v1/wrap", APP, SEAL),
    route(
        "POST",
        "/v1/unwrap",
        APP,
        r#"{"wrapped":"cst1:kek:x","context":{"a":"b"},"reference":"r"}"#,
    ),
    route(
        "POST",
        "/v1/rewrap",
        &["app", "operator"],
        r#"{"wrapped":"cst1:kek:x","reference":"r"}"#,
    ),
    route("POST", "/v1/kek/reconnect", OPERATOR, "{}"),
    route(
        "POST",
        "/v1/deks",
        OPERATOR,
        r#"{"name":"{dek}","algorithm":"aes-256-gcm","rotation_period":"90d"}"#,
    ),
    route("GET", "/v1/deks", &["operator", "app", "auditor"], ""),
    route("GET", "/v1/deks/{dek}", &["operator", "app", "auditor"], ""),
    route("POST", "/v1/deks/{dek}/rotate", OPERATOR, "{}"),
    route("POST", "/v1/deks/{dek}/encrypt", APP, SEAL),
    route(
        "POST",
        "/v1/deks/{dek}/decrypt",
        APP,
        r#"{"ciphertext":"cst1:dek:x","context":{"a":"b"},"reference":"r"}"#,
    ),
    route(
        "POST",
        "/v1/deks/{dek}/rewrap",
        &["app", "operator"],
        r#"{"ciphertext":"cst1:dek:x","context":{"a":"b"},"reference":"r"}"#,
    ),
    route(
        "POST",
        "/v1/deks/{dek}/data-key",
        APP,
        r#"{"bytes":32,"context":{"a":"b"}}"#,
    ),
    route(
        "GET",
        "/v1/deks/{dek}/public-key",
        &["operator", "app", "auditor"],
        "",
    ),
    route(
        "POST",
        "/v1/deks/{dek}/versions/{version}/disable",
        OPERATOR,
        "{}",
    ),
    route(
        "POST",
        "/v1/deks/{dek}/versions/{version}/enable",
        OPERATOR,
        "{}",
    ),
    route(
        "POST",
        "/v1/deks/{dek}/versions/{version}/destroy",
        OPERATOR,
        r#"{"confirm":"{dek}/{version}"}"#,
    ),
    route(
        "POST",
        "/v1/deks/{dek}/versions/{version}/cancel-destroy",
        OPERATOR,
        "{}",
    ),
    route(
        "POST",
        "/v1/overrides",
        APP,
        r#"{"proposal_id":"p","justification":"j","failed_gates":["risk"],"environment":"staging","expires_in":"1h","on_behalf_of":"h"}"#,
    ),
    route("GET", "/v1/overrides", SEES_OVERRIDES, ""),
    route(
        "POST",
        "/v1/overrides/verify",
        &ALL_ROLES,
        r#"{"certificate":{},"expected_environment":"staging"}"#,
    ),
    route("GET", "/v1/overrides/{override}", SEES_OVERRIDES, ""),
    route(
        "POST",
        "/v1/overrides/{override}/signatures",
        CUSTODIAN,
        SIGNATURE,
    ),
    route(
        "POST",
        "/v1/overrides/{override}/reject",
        CUSTODIAN,
        r#"{"custodian_id":"{custodian}","reason":"no","signature":"AAAA"}"#,
    ),
    route("POST", "/v1/overrides/{override}/withdraw", APP, "{}"),
    route(
        "GET",
        "/v1/overrides/{override}/certificate",
        SEES_OVERRIDES,
        "",
    ),
    route(
        "POST",
        "/v1/pii/encrypt",
        APP,
        r#"{"dek":"{dek}","event":{"actor_id":1},"already_encrypted":"keep"}"#,
    ),
    route(
        "POST",
        "/v1/pii/decrypt",
        APP,
        r#"{"event":{"actor_id":1},"fields":["actor_id"],"not_encrypted":"keep"}"#,
    ),
    route(
        "POST",
        "/v1/mcp/tools/sign",
        APP,
        r#"{"tools":[{"name":"add"}],"server":"app","expires_in":"1h"}"#,
    ),
    route(
        "POST",
        "/v1/mcp/tools/verify",
        &["app", "auditor"],
        r#"{"tools":[{"name":"add"}],"_meta":{},"expected_server":"app","partial":false}"#,
    ),
    route("GET", "/v1/kek", SEES_KEK, ""),
    route("POST", "/v1/kek/rotate", OPERATOR, "{}"),
    route(
        "POST",
        "/v1/kek/versions/{kek}/retire",
        OPERATOR,
        CONFIRM_KEK,
    ),
    route("POST", "/v1/kek/versions/{kek}/restore", OPERATOR, "{}"),
    route(
        "POST",
        "/v1/kek/versions/{kek}/destroy",
        OPERATOR,
        CONFIRM_KEK,
    ),
    route(
        "POST",
        "/v1/kek/versions/{kek}/destroy/approve",
        OPERATOR,
        CONFIRM_KEK,
    ),
    route("GET", "/v1/jobs", SEES_KEK, ""),
    route("GET", "/v1/jobs/{job}", SEES_KEK, ""),
    route("POST", "/v1/backup", OPERATOR, BACKUP),
    route("GET", "/v1/audit/entries", AUDITOR, ""),
    route("GET", "/v1/audit/checkpoint", AUDITOR, ""),
    route("GET", "/v1/audit/proof/inclusion", AUDITOR, ""),
    route("GET", "/v1/audit/proof/consistency", AUDITOR, ""),
    route("GET", "/v1/audit/tile/{tile}", AUDITOR, ""),
    route("POST", "/v1/audit/verify", AUDITOR, "{}"),
];

impl Route {
    /// Some role that may.
    pub fn allowed(&self) -> &'static str {
        self.roles[0]
    }

    /// Some role that may not.
    pub fn forbidden(&self) -> Option<&'static str> {
        ALL_ROLES
            .into_iter()
            .find(|role| !self.roles.contains(role))
    }

    /// Bytes: events are larger once they are encrypted.
    pub fn largest_body(&self) -> usize {
        let mebibytes = if self.path.starts_with("/v1/pii/") {
            8
        } else {
            1
        };
        mebibytes * 1024 * 1024
    }

    pub fn takes_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// The sound body's fields.
    pub fn fields(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(self.body).unwrap();
        body.as_object().unwrap().keys().cloned().collect()
    }

    /// The sound body with one field replaced or added.
    pub fn with(&self, field: &str, value: &Value) -> String {
        let mut body: Value = serde_json::from_str(self.body).unwrap();
        body[field] = value.clone();
        body.to_string()
    }
}

/// Values of every JSON type that no field of this version takes.
pub fn wrong_types() -> Vec<Value> {
    vec![
        json!(7),
        json!(true),
        json!([7]),
        json!({"a": 1}),
        json!(1.5),
    ]
}
