//! A service with rows of every kind: principals active and deleted, tokens live, expired and revoked, DEK versions
//! enabled, disabled and destroyed, replies, audit entries, custodians and overrides.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    council::Council,
    service::{Principal, Service},
};

/// What the probes use.
pub struct Sample {
    pub two: Principal,
    pub metrics: Principal,
    /// A principal that was deleted, and its token.
    pub gone: Principal,
    /// Tokens of `two`: of a token that was revoked its id too.
    pub revoked: (String, String),
    pub expired: String,
    pub endless: String,
    pub blobs: Vec<Blob>,
    /// What `app` wrapped in its scope.
    pub wrapped: String,
    pub council: Council,
}

/// What one DEK version encrypted.
pub struct Blob {
    pub dek: &'static str,
    pub version: String,
    pub ciphertext: String,
}

/// Every DEK, its algorithm and how many versions it has.
pub const DEKS: [(&str, &str, usize); 4] = [
    ("alpha", "aes-256-gcm", 3),
    ("beta", "aes-256-gcm", 2),
    ("gamma", "mlkem768-x25519", 2),
    ("delta", "mlkem768-x25519", 1),
];

pub const PLAINTEXT: &str = "c2VjcmV0";

impl Sample {
    pub fn fill(service: &Service) -> Self {
        let blobs: Vec<Blob> = DEKS.iter().flat_map(|dek| grown(service, dek)).collect();
        let state = |at: usize, what: &str| {
            let Blob { dek, version, .. } = &blobs[at];
            let path = format!("/v1/deks/{dek}/versions/{version}/{what}");
            let confirm = json!({"confirm": format!("{dek}/{version}")});
            let body = if what == "destroy" {
                confirm
            } else {
                json!({})
            };
            service.post("operator", &path, body).is(200);
        };
        state(0, "destroy");
        state(1, "disable");
        let two = keyed_principal(service);
        let gone = service.principal("gone", &["app"], &json!({"grants": {"deks": ["*"]}}));
        let path = format!("/v1/admin/principals/{}", gone.id);
        service.call("admin", "DELETE", &path, None).is(204);
        let metrics = service.principal("figures", &["metrics"], &json!({}));
        let revoked = issued(service, &two, "1d");
        let path = format!("/v1/admin/principals/{}/tokens/{}", two.id, revoked.0);
        service.call("admin", "DELETE", &path, None).is(204);
        let expired = issued(service, &two, "1s").1;
        let endless = issued(service, &two, "never").1;
        thread::sleep(Duration::from_millis(1100));
        let wrapped = service.post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}));
        let wrapped = text(&wrapped.is(200), "wrapped");
        Self {
            two,
            metrics,
            gone,
            revoked,
            expired,
            endless,
            blobs,
            wrapped,
            council: Council::meet(service),
        }
    }
}

/// The body of the request that made this DEK, under an idempotency key of its name.
pub fn making(name: &str, algorithm: &str) -> String {
    json!({"name": name, "algorithm": algorithm, "rotation_period": "90d"}).to_string()
}

/// The body of the request that made `two`.
pub const TWO: &str = r#"{"name":"two","subject":"two","roles":["app"],"grants":{"deks":["beta"]},"wrap_scope":"two","client_cert_sha256":"1111111111111111111111111111111111111111111111111111111111111111"}"#;

fn grown(
    service: &Service,
    (name, algorithm, versions): &(&'static str, &str, usize),
) -> Vec<Blob> {
    let (token, body) = (service.token("operator"), making(name, algorithm));
    let key = [("idempotency-key", *name)];
    service
        .send(&token, "POST", "/v1/deks", &key, &body)
        .is(201);
    let version = |number: usize| {
        if number > 0 {
            let path = format!("/v1/deks/{name}/rotate");
            service.post("operator", &path, json!({})).is(201);
        }
        let path = format!("/v1/deks/{name}/encrypt");
        let made = service.post("app", &path, json!({"plaintext": plaintext(name, number)}));
        let made = made.is(200);
        Blob {
            dek: name,
            version: text(&made, "version"),
            ciphertext: text(&made, "ciphertext"),
        }
    };
    (0..*versions).map(version).collect()
}

/// Another one for each version: a wrong one is found out.
fn plaintext(name: &str, number: usize) -> String {
    let letters = name.as_bytes()[0].to_ascii_uppercase() as char;
    format!("{letters}{number}AA")
}

fn keyed_principal(service: &Service) -> Principal {
    let key = [("idempotency-key", "two")];
    let path = "/v1/admin/principals";
    let made = service.send(&service.token("admin"), "POST", path, &key, TWO);
    let made = made.is(201);
    Principal {
        id: text(&made, "id"),
        token: text(&made, "token"),
    }
}

fn issued(service: &Service, whose: &Principal, lives: &str) -> (String, String) {
    let path = format!("/v1/admin/principals/{}/tokens", whose.id);
    let made = service.post("admin", &path, json!({"expires_in": lives}));
    let made = made.is(201);
    (text(&made, "id"), text(&made, "token"))
}

pub fn text(of: &Value, field: &str) -> String {
    of[field].as_str().unwrap().to_owned()
}
