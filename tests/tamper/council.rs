//! Custodians in every state, and overrides in every status but expired, which takes a minute ([`crate::approvals`]).

use aegis_custodian::crypto::scheme::{AddressKind, Kind, Network, SigningKey};
use serde_json::{Value, json};

use crate::{
    people::{Desk, Person, RISK, SECURITY, enrol, prove, text},
    service::Service,
};

/// What the probes use. Overrides are as they were when they were requested.
pub struct Council {
    /// Active, a risk lead.
    pub rita: Person,
    /// Active, a security lead.
    pub theo: Person,
    /// Suspended, a risk lead.
    pub sue: Person,
    /// Revoked, a security lead.
    pub rex: Person,
    /// Has not proven its key.
    pub waiting: String,
    /// Cannot prove it any more, and the proof that would have been right.
    pub void: (String, String),
    pub pending: Value,
    /// Signed by theo; a signature of sue is void.
    pub partial: Value,
    pub approved: Value,
    /// By rita.
    pub rejected: Value,
    pub withdrawn: Value,
    /// For rita, who may not sign it.
    pub own: Value,
}

pub const WALLET: Kind = Kind::Bip322Simple {
    network: Network::Bitcoin,
    address: AddressKind::P2wpkh,
};

impl Council {
    pub fn meet(service: &Service) -> Self {
        let rita = Person::enrol(service, "rita", RISK, Kind::Bip340);
        let theo = Person::enrol(service, "theo", SECURITY, Kind::Ed25519);
        let sue = Person::enrol(service, "sue", RISK, Kind::Ed25519);
        let rex = Person::enrol(service, "rex", SECURITY, WALLET);
        rex.change(service, "revoke").is(200);
        let [pending, partial, approved, rejected, withdrawn] =
            ["pending", "partial", "approved", "rejected", "withdrawn"]
                .map(|why| service.request(why, json!({})).is(201));
        let own = json!({"on_behalf_of": "rita", "environment": "staging"});
        let own = service.request("own", own).is(201);
        sue.sign(service, &partial).is(200);
        sue.change(service, "suspend").is(200);
        theo.sign(service, &partial).is(200);
        rita.sign(service, &approved).is(200);
        theo.sign(service, &approved).is(200);
        rita.reject(service, &rejected, "too early").is(200);
        let withdraw = format!("/v1/overrides/{}/withdraw", text(&withdrawn, "id"));
        service.post("app", &withdraw, json!({})).is(200);
        Self {
            waiting: enrolled(service, "waiting").0,
            void: void(service),
            rita,
            theo,
            sue,
            rex,
            pending,
            partial,
            approved,
            rejected,
            withdrawn,
            own,
        }
    }
}

/// Its id, and the proof that it holds its key.
fn enrolled(service: &Service, subject: &str) -> (String, String) {
    let key = SigningKey::generate(Kind::Ed25519).unwrap();
    let made = enrol(service, subject, SECURITY, &key).is(201);
    (text(&made, "id"), prove(&key, &made))
}

fn void(service: &Service) -> (String, String) {
    let (id, proof) = enrolled(service, "void");
    let path = format!("/v1/admin/custodians/{id}/activate");
    for _ in 0..5 {
        let wrong = service.post("admin", &path, json!({"signature": "AAAA"}));
        wrong.is_refused(422, "bad_signature");
    }
    (id, proof)
}
