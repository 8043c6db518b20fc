//! People for overrides: custodians with keys of their own, enrolled over REST as a user would.

use aegis_custodian::crypto::{
    messages::{Enrolment, Rejection},
    scheme::{AddressKind, Kind, Network, SigningKey},
};
use serde_json::{Value, json};

use crate::service::Answer;

/// Every kind of key that a custodian can have.
pub const KINDS: [Kind; 5] = [
    Kind::Bip340,
    Kind::Ed25519,
    Kind::Ed25519MlDsa44,
    address(AddressKind::P2tr),
    address(AddressKind::P2wpkh),
];

const fn address(address: AddressKind) -> Kind {
    Kind::Bip322Simple {
        network: Network::Bitcoin,
        address,
    }
}

pub const RISK: &str = "risk_lead";
pub const SECURITY: &str = "security_lead";

/// A service that can be asked.
pub trait Desk {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer;
    fn admin(&self) -> String;
    fn app(&self) -> String;
    /// The admin who approves, where it takes two.
    fn second(&self) -> Option<String>;

    fn tell(&self, token: &str, path: &str, body: Value) -> Answer {
        self.ask(token, "POST", path, &body)
    }

    fn look(&self, token: &str, path: &str) -> Value {
        self.ask(token, "GET", path, &Value::Null).is(200)
    }

    /// Requests an override by `app`.
    fn request(&self, justification: &str, more: Value) -> Answer {
        let mut body = json!({"proposal_id": "p-1", "justification": justification, "failed_gates": ["risk", "novelty"]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.tell(&self.app(), "/v1/overrides", body)
    }

    /// What an override is now, as `app` sees it.
    fn status(&self, of: &Value) -> String {
        let path = format!("/v1/overrides/{}", text(of, "id"));
        text(&self.look(&self.app(), &path), "status")
    }
}

/// A custodian with its key and its principal's bearer token.
pub struct Person {
    pub id: String,
    pub token: String,
    pub key: SigningKey,
}

impl Person {
    /// Enrolled, proven, approved, and with a principal.
    pub fn enrol(desk: &dyn Desk, name: &str, role: &str, kind: Kind) -> Self {
        let key = SigningKey::generate(kind).unwrap();
        let made = enrol(desk, name, role, &key).is(201);
        let id = text(&made, "id");
        let proof = json!({"signature": prove(&key, &made)});
        let path = format!("/v1/admin/custodians/{id}");
        desk.tell(&desk.admin(), &format!("{path}/activate"), proof)
            .is(200);
        if let Some(second) = desk.second() {
            desk.tell(&second, &format!("{path}/approve"), json!({}))
                .is(200);
        }
        let token = principal(desk, name, &id);
        Self { id, token, key }
    }

    /// The signature over an override, as it is posted.
    pub fn signature(&self, of: &Value) -> String {
        let hash: [u8; 32] = hex::decode(text(of, "signing_hash"))
            .unwrap()
            .try_into()
            .unwrap();
        self.key.sign(&hash).unwrap()
    }

    pub fn sign(&self, desk: &dyn Desk, of: &Value) -> Answer {
        self.post_signature(desk, of, &self.signature(of))
    }

    pub fn post_signature(&self, desk: &dyn Desk, of: &Value, signature: &str) -> Answer {
        let path = format!("/v1/overrides/{}/signatures", text(of, "id"));
        let body = json!({"custodian_id": self.id, "signature": signature});
        desk.tell(&self.token, &path, body)
    }

    pub fn reject(&self, desk: &dyn Desk, of: &Value, reason: &str) -> Answer {
        let id = text(of, "id");
        let message = Rejection {
            custodian_id: &self.id,
            override_id: &id,
            reason,
        };
        let signature = self.key.sign(&message.message().unwrap()).unwrap();
        let body = json!({"custodian_id": self.id, "reason": reason, "signature": signature});
        desk.tell(&self.token, &format!("/v1/overrides/{id}/reject"), body)
    }

    /// What the admin does to it: `suspend`, `reinstate`, `revoke`.
    pub fn change(&self, desk: &dyn Desk, verb: &str) -> Answer {
        let path = format!("/v1/admin/custodians/{}/{verb}", self.id);
        desk.tell(&desk.admin(), &path, json!({"reason": "a test"}))
    }
}

/// Enrols a key; answers what the service said.
pub fn enrol(desk: &dyn Desk, subject: &str, role: &str, key: &SigningKey) -> Answer {
    let public = key.public_key();
    let body = json!({"name": subject, "subject": subject, "role": role,
        "scheme": public.scheme().name(), "public_key": public.text()});
    desk.tell(&desk.admin(), "/v1/admin/custodians", body)
}

/// The proof for the challenge of an enrolment.
pub fn prove(key: &SigningKey, enrolled: &Value) -> String {
    let of = |field| enrolled[field].as_str().unwrap();
    let message = Enrolment {
        challenge: of("challenge"),
        custodian_id: of("id"),
        instance: of("instance"),
        public_key: of("public_key"),
        role: of("role"),
        scheme: of("scheme"),
        subject: of("subject"),
    };
    key.sign(&message.message().unwrap()).unwrap()
}

/// A principal that acts for a custodian; answers its token.
pub fn principal(desk: &dyn Desk, subject: &str, custodian: &str) -> String {
    principal_named(desk, &format!("custodian {subject}"), subject, custodian)
}

/// As [`principal`], of this name: a person who is enrolled again has another one.
pub fn principal_named(desk: &dyn Desk, name: &str, subject: &str, custodian: &str) -> String {
    let body = json!({"name": name, "subject": subject, "roles": ["custodian"], "custodian_id": custodian});
    let made = desk
        .tell(&desk.admin(), "/v1/admin/principals", body)
        .is(201);
    if let Some(second) = desk.second() {
        let path = format!("/v1/admin/principals/{}/approve", text(&made, "id"));
        desk.tell(&second, &path, json!({})).is(200);
    }
    text(&made, "token")
}

pub fn text(of: &Value, field: &str) -> String {
    let found = of[field].as_str();
    found
        .unwrap_or_else(|| panic!("{field} in {of}"))
        .to_owned()
}
