//! Custodians in every state, and what they sign with keys that are always the same.

use aegis_custodian::{
    crypto::{
        messages::{Enrolment, MESSAGE_BYTES},
        scheme::{AddressKind, Kind, Network, SigningKey},
    },
    secret::Plaintext,
};
use serde_json::Value;

use super::{Names, Tell, text};

const CUSTODIANS: &str = "/v1/admin/custodians";

const RISK: &str = "risk_lead";
const SECURITY: &str = "security_lead";

/// A custodian whose key is here.
pub(super) struct Signer {
    pub(super) id: String,
    pub(super) key: SigningKey,
    /// The bearer token of its principal.
    pub(super) token: String,
}

/// Those who sign: the two who call, and the lead of the other role.
pub(super) struct Signers {
    pub(super) custodian: Signer,
    pub(super) security: Signer,
    pub(super) suspended: Signer,
}

impl Signer {
    pub(super) fn sign(&self, message: &[u8; MESSAGE_BYTES]) -> String {
        self.key.sign(message).unwrap()
    }

    /// Active, with a principal of its own.
    fn acting(tell: Tell<'_>, subject: &str, lead: &str, kind: Kind) -> Self {
        let (id, key, proof) = enrol(tell, subject, lead, kind);
        activate(tell, &id, &proof);
        change(tell, &id, "second", "approve", "");
        let body = format!(
            r#"{{"name":"{subject}","subject":"{subject}","roles":["custodian"],"custodian_id":"{id}"}}"#
        );
        let made = tell("admin", "POST /v1/admin/principals", &body);
        let approve = format!("POST /v1/admin/principals/{}/approve", text(&made, "id"));
        tell("second", &approve, "");
        let token = text(&made, "token");
        Self { id, key, token }
    }
}

impl Signers {
    pub(super) fn enrol(tell: Tell<'_>) -> Self {
        let suspended = Signer::acting(tell, "suspended", RISK, Kind::Ed25519);
        change(tell, &suspended.id, "admin", "suspend", BECAUSE);
        Self {
            custodian: Signer::acting(tell, "custodian", RISK, Kind::Bip340),
            security: Signer::acting(tell, "security", SECURITY, Kind::Ed25519MlDsa44),
            suspended,
        }
    }

    pub(super) fn names(&self) -> Names {
        vec![
            ("{custodian}", self.custodian.id.clone()),
            ("{security}", self.security.id.clone()),
            ("{suspended}", self.suspended.id.clone()),
        ]
    }

    /// By the names of those who call.
    pub(super) fn tokens(self) -> [(&'static str, String); 2] {
        [
            ("custodian", self.custodian.token),
            ("suspended", self.suspended.token),
        ]
    }
}

const BECAUSE: &str = r#"{"reason":"to be so"}"#;

/// One whose challenge is too old by now, if this was the day before.
pub(super) fn stale(tell: Tell<'_>) -> Names {
    let (id, _, proof) = enrol(tell, "stale", RISK, Kind::Bip340);
    vec![("{stale}", id), ("{stale-proof}", proof)]
}

/// One of every other kind: they wait for something, or it is too late for them.
pub(super) fn waiting(tell: Tell<'_>) -> Names {
    let address = Kind::Bip322Simple {
        network: Network::Bitcoin,
        address: AddressKind::P2wpkh,
    };
    let (enrolled, _, enrolled_proof) = enrol(tell, "enrolled", SECURITY, Kind::Bip340);
    let (vouched, _, vouched_proof) = enrol(tell, "vouched", RISK, address);
    change(tell, &vouched, "second", "approve", "");
    let (proven, _, proof) = enrol(tell, "proven", SECURITY, Kind::Ed25519);
    activate(tell, &proven, &proof);
    let returning = Signer::acting(tell, "returning", RISK, Kind::Ed25519).id;
    let revoked = Signer::acting(tell, "revoked", SECURITY, address).id;
    for (id, verb) in [
        (&returning, "suspend"),
        (&returning, "reinstate"),
        (&revoked, "revoke"),
    ] {
        change(tell, id, "admin", verb, BECAUSE);
    }
    vec![
        ("{enrolled}", enrolled),
        ("{enrolled-proof}", enrolled_proof),
        ("{vouched}", vouched),
        ("{vouched-proof}", vouched_proof),
        ("{proven}", proven),
        ("{returning}", returning),
        ("{revoked}", revoked),
    ]
}

/// Enrols a subject; answers the id, the key and the proof that it is held.
fn enrol(tell: Tell<'_>, subject: &str, lead: &str, kind: Kind) -> (String, SigningKey, String) {
    let key = key(subject, kind);
    let (scheme, public) = (kind.scheme().name(), key.public_key().text());
    let body = format!(
        r#"{{"name":"{subject}","subject":"{subject}","role":"{lead}","scheme":"{scheme}","public_key":"{public}"}}"#
    );
    let enrolled = tell("admin", &format!("POST {CUSTODIANS}"), &body);
    let proof = prove(&key, &enrolled);
    (text(&enrolled, "id"), key, proof)
}

/// Always the same key for a subject; no two subjects have the same first four letters.
fn key(subject: &str, kind: Kind) -> SigningKey {
    let letters = subject.bytes().take(4).cycle();
    let secret = letters.take(kind.secret_bytes()).collect();
    SigningKey::new(kind, Plaintext::new(secret)).unwrap()
}

fn prove(key: &SigningKey, enrolled: &Value) -> String {
    let of = |member: &str| enrolled[member].as_str().unwrap();
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

fn activate(tell: Tell<'_>, id: &str, proof: &str) {
    let body = format!(r#"{{"signature":"{proof}"}}"#);
    change(tell, id, "admin", "activate", &body);
}

fn change(tell: Tell<'_>, id: &str, who: &str, verb: &str, body: &str) {
    tell(who, &format!("POST {CUSTODIANS}/{id}/{verb}"), body);
}
