//! An approved override with keys from fixed seeds: what a service and two custodians would make of it.

use std::collections::BTreeSet;

use aegis_custodian::{
    crypto::{
        canonical,
        certificate::{self, Facts, Signed},
        ed25519,
        messages::{Asked, Bound},
        ml_dsa::ParameterSet,
        pinned::key_id,
        scheme::{AddressKind, Kind, Network, SigningKey},
    },
    secret::Plaintext,
    words::{Binding, Environment, Gate, KeyAlgorithm, Lead},
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

pub const ED25519: [u8; 32] = [1; 32];
pub const ML_DSA_65: [u8; 32] = [2; 32];
pub const SCHEMA: [u8; 32] = [3; 32];
const CHECKPOINT: [u8; 32] = [4; 32];

/// When the certificate is looked at.
pub const NOW: &str = "2026-11-23T12:00:00Z";

/// Every kind of key that a custodian may have.
pub const KINDS: [Kind; 5] = [
    Kind::Bip340,
    Kind::Bip322Simple {
        network: Network::Bitcoin,
        address: AddressKind::P2tr,
    },
    Kind::Bip322Simple {
        network: Network::Regtest,
        address: AddressKind::P2wpkh,
    },
    Kind::Ed25519,
    Kind::Ed25519MlDsa44,
];

/// A custodian and its key.
pub struct Person {
    pub id: String,
    pub subject: String,
    pub role: Lead,
    pub key: SigningKey,
}

impl Person {
    pub fn new(number: u8, subject: &str, role: Lead, kind: Kind) -> Self {
        let secret = Plaintext::new(vec![number; kind.secret_bytes()]);
        Self {
            id: format!("00000000-0000-4000-8000-0000000000{number:02x}"),
            subject: subject.to_owned(),
            role,
            key: SigningKey::new(kind, secret).unwrap(),
        }
    }

    /// As a keys file pins it.
    pub fn pin(&self) -> Value {
        json!({
            "id": self.id,
            "role": self.role,
            "subject": self.subject,
            "scheme": self.key.public_key().scheme(),
            "public_key": self.key.public_key().text(),
            "from": "2026-01-01T00:00:00Z",
            "until": null,
        })
    }
}

/// What is approved, by whom and when.
pub struct Case {
    pub override_id: String,
    pub asked: Asked,
    pub environment: Environment,
    pub instance: String,
    pub binding: Binding,
    pub requested_by: String,
    pub on_behalf_of: Option<String>,
    pub issued_at: String,
    pub expires_at: String,
    pub people: [Person; 2],
    pub signed_at: [String; 2],
}

impl Case {
    /// Two custodians sign by these kinds of keys.
    pub fn new(kinds: [Kind; 2]) -> Self {
        let [risk, security] = kinds;
        let gates = BTreeSet::from([Gate::Risk, Gate::Novelty]);
        // Not in NFC, and not in ASCII: everyone must come to the same bytes.
        let why = "caf\u{65}\u{301} \u{1f600} \"quoted\"\n\u{1b}[2J".to_owned();
        Self {
            override_id: "6f9619ff-8b86-4011-b42d-00cf4fc964ff".to_owned(),
            asked: Asked::new("PROP-17".to_owned(), why, gates),
            environment: Environment::Production,
            instance: "custodian-a".to_owned(),
            binding: Binding::Bound,
            requested_by: "pipeline".to_owned(),
            on_behalf_of: Some("jane@example.org".to_owned()),
            issued_at: "2026-11-23T11:00:00.25Z".to_owned(),
            expires_at: "2026-11-24T09:00:00Z".to_owned(),
            people: [
                Person::new(11, "ann@example.org", Lead::Risk, risk),
                Person::new(12, "bob@example.org", Lead::Security, security),
            ],
            signed_at: [
                "2026-11-23T10:00:00Z".to_owned(),
                "2026-11-23T11:00:00.25Z".to_owned(),
            ],
        }
    }

    pub fn usual() -> Self {
        Self::new([Kind::Bip340, Kind::Ed25519])
    }

    pub fn message_hash(&self) -> [u8; 32] {
        self.asked.message_hash().unwrap()
    }

    /// What the custodians sign.
    pub fn m(&self) -> [u8; 32] {
        let bound = Bound {
            environment: self.environment,
            expires_at: &self.expires_at,
            instance: &self.instance,
            message_hash: &hex::encode(self.message_hash()),
            on_behalf_of: self.on_behalf_of.as_deref(),
            override_id: &self.override_id,
            requested_by: &self.requested_by,
        };
        match self.binding {
            Binding::Aegis => self.message_hash(),
            Binding::Bound => bound.signing_hash().unwrap(),
        }
    }

    /// The statement, with the signatures of both over what it says.
    pub fn body(&self) -> Vec<u8> {
        let m = self.m();
        let signatures = self.people.each_ref().map(|one| one.key.sign(&m).unwrap());
        let signed = |at: usize| Signed {
            role: self.people[at].role,
            custodian_id: &self.people[at].id,
            subject: &self.people[at].subject,
            scheme: self.people[at].key.public_key().scheme().name(),
            public_key: self.people[at].key.public_key().text(),
            signature: &signatures[at],
            signed_at: &self.signed_at[at],
        };
        let facts = Facts {
            override_id: &self.override_id,
            asked: &self.asked,
            environment: self.environment,
            instance: &self.instance,
            binding: self.binding,
            requested_by: &self.requested_by,
            on_behalf_of: self.on_behalf_of.as_deref(),
            issued_at: &self.issued_at,
            expires_at: &self.expires_at,
            policy_version: "2026-11",
            nonce: [7; 16],
            signatures: [signed(0), signed(1)],
        };
        facts.body().unwrap()
    }

    pub fn envelope(&self) -> Vec<u8> {
        countersign(&self.body())
    }

    /// The keys of the service, and these two people.
    pub fn keys(&self) -> Value {
        let mut keys = service_keys();
        keys["custodians"] = self.people.iter().map(Person::pin).collect();
        keys
    }
}

/// What the service answers for its keys.
pub fn service_keys() -> Value {
    let ml_dsa_65 = ParameterSet::MlDsa65.public_key(&ML_DSA_65).unwrap();
    let ed25519 = |seed| ed25519::public_key(seed).to_vec();
    let item = |purpose: &str, algorithm: KeyAlgorithm, key: &[u8]| {
        json!({
            "key_id": key_id(algorithm, key),
            "purpose": purpose,
            "algorithm": algorithm,
            "public_key": Base64::encode_string(key),
            "state": "active",
            "location": "token",
        })
    };
    json!({"items": [
        item("override", KeyAlgorithm::Ed25519, &ed25519(&ED25519)),
        item("override", KeyAlgorithm::MlDsa65, &ml_dsa_65),
        item("schema", KeyAlgorithm::Ed25519, &ed25519(&SCHEMA)),
        item("checkpoint", KeyAlgorithm::Ed25519, &ed25519(&CHECKPOINT)),
    ]})
}

/// The envelope of a body, by both keys of the service: what a thief of them can make too.
pub fn countersign(body: &[u8]) -> Vec<u8> {
    countersign_by(&ED25519, body)
}

/// As [`countersign`], by another Ed25519 key.
pub fn countersign_by(seed: &[u8; 32], body: &[u8]) -> Vec<u8> {
    let digest = certificate::digest(body);
    let ed25519_id = key_id(KeyAlgorithm::Ed25519, &ed25519::public_key(seed));
    let set = ParameterSet::MlDsa65;
    let ml_dsa_65_id = key_id(KeyAlgorithm::MlDsa65, &set.public_key(&ML_DSA_65).unwrap());
    let ml_dsa_65 = set.sign(&ML_DSA_65, &digest).unwrap();
    let signatures = [
        (ed25519_id.as_str(), ed25519::sign(seed, &digest).as_slice()),
        (ml_dsa_65_id.as_str(), ml_dsa_65.as_slice()),
    ]
    .map(|(id, signature)| (id, signature.to_vec()));
    let [one, other] = &signatures;
    certificate::envelope(body, [(one.0, &one.1), (other.0, &other.1)]).unwrap()
}

/// The statement with another value at one place, in its canonical form.
pub fn changed(body: &[u8], pointer: &str, value: Value) -> Vec<u8> {
    let mut statement: Value = serde_json::from_slice(body).unwrap();
    *statement.pointer_mut(pointer).expect(pointer) = value;
    canonical::json(&statement).unwrap()
}

/// The envelope with another body and the signatures as they were.
pub fn carrying(envelope: &[u8], body: &[u8]) -> Vec<u8> {
    let mut envelope: Value = serde_json::from_slice(envelope).unwrap();
    envelope["payload"] = Base64::encode_string(body).into();
    serde_json::to_vec(&envelope).unwrap()
}
