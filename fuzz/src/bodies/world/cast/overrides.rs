//! Overrides in every status, the signatures that would move them on, and a certificate in its parts.

use aegis_custodian::crypto::messages::Rejection;
use base64ct::{Base64, Encoding};
use serde_json::Value;

use super::{
    Names, Tell,
    custodians::{Signer, Signers},
    text,
};

const OVERRIDES: &str = "/v1/overrides";

/// Why an override of the seeds is rejected; its signature is over this.
const REASON: &str = "too early";

/// An override as it was answered.
struct Open(Value);

impl Open {
    fn request(tell: Tell<'_>, about: &str, more: &str) -> Self {
        let body = format!(
            r#"{{"proposal_id":"{about}","justification":"it has to be","failed_gates":["risk"]{more}}}"#
        );
        Self(tell("app", &format!("POST {OVERRIDES}"), &body))
    }

    fn id(&self) -> String {
        text(&self.0, "id")
    }

    /// What custodians sign: this scheme signs the hash as it is.
    fn signature(&self, by: &Signer) -> String {
        let message = self.0["signing"]["ed25519"]["message_to_sign"].as_str();
        let mut bytes = [0; 32];
        Base64::decode(message.unwrap(), &mut bytes).unwrap();
        by.sign(&bytes)
    }

    fn rejection(&self, by: &Signer) -> String {
        let message = Rejection {
            custodian_id: &by.id,
            override_id: &self.id(),
            reason: REASON,
        };
        by.sign(&message.message().unwrap())
    }

    fn sign(&self, tell: Tell<'_>, by: &Signer) -> Value {
        let (id, signature) = (&by.id, self.signature(by));
        let body = format!(r#"{{"custodian_id":"{id}","signature":"{signature}"}}"#);
        self.tell(tell, &by.token, "signatures", &body)
    }

    fn reject(&self, tell: Tell<'_>, by: &Signer) -> Value {
        let (id, signature) = (&by.id, self.rejection(by));
        let body =
            format!(r#"{{"custodian_id":"{id}","reason":"{REASON}","signature":"{signature}"}}"#);
        self.tell(tell, &by.token, "reject", &body)
    }

    fn tell(&self, tell: Tell<'_>, who: &str, verb: &str, body: &str) -> Value {
        tell(who, &format!("POST {OVERRIDES}/{}/{verb}", self.id()), body)
    }
}

/// One whose time is over by now, if this was the day before; and who would have signed it.
pub(super) fn expired(tell: Tell<'_>) -> impl FnOnce(&Signers) -> Names {
    let expired = Open::request(tell, "expired", r#","expires_in":"1m""#);
    move |signers| {
        vec![
            ("{expired}", expired.id()),
            ("{expired-signature}", expired.signature(&signers.custodian)),
        ]
    }
}

/// One in every other status. The caller `custodian` has signed none but `{signed}` and `{approved}`.
pub(super) fn every(tell: Tell<'_>, signers: &Signers) -> Names {
    let (custodian, security) = (&signers.custodian, &signers.security);
    let [pending, partial, signed, approved, rejected, withdrawn] = [
        "pending",
        "partial",
        "signed",
        "approved",
        "rejected",
        "withdrawn",
    ]
    .map(|about| Open::request(tell, about, ""));
    let own = Open::request(tell, "own", r#","on_behalf_of":"custodian""#);
    partial.sign(tell, security);
    signed.sign(tell, custodian);
    for signer in [security, custodian] {
        approved.sign(tell, signer);
    }
    rejected.reject(tell, security);
    withdrawn.tell(tell, "app", "withdraw", "");
    let signatures = vec![
        ("{signature}", pending.signature(custodian)),
        ("{others-signature}", pending.signature(security)),
        (
            "{suspended-signature}",
            pending.signature(&signers.suspended),
        ),
        ("{rejection}", pending.rejection(custodian)),
        ("{second-signature}", partial.signature(custodian)),
        ("{first-signature}", signed.signature(custodian)),
        ("{late-rejection}", signed.rejection(custodian)),
        ("{own-signature}", own.signature(custodian)),
    ];
    let ids = vec![
        ("{override}", pending.id()),
        ("{partial}", partial.id()),
        ("{signed}", signed.id()),
        ("{approved}", approved.id()),
        ("{rejected}", rejected.id()),
        ("{withdrawn}", withdrawn.id()),
        ("{own}", own.id()),
    ];
    let certificate = format!("GET {OVERRIDES}/{}/certificate", approved.id());
    [ids, signatures, parts(&tell("app", &certificate, ""))].concat()
}

/// What an envelope is put together of.
fn parts(envelope: &Value) -> Names {
    let signature = |at: usize, member: &str| text(&envelope["signatures"][at], member);
    vec![
        ("{payload}", text(envelope, "payload")),
        ("{ed25519-id}", signature(0, "keyid")),
        ("{ed25519-sig}", signature(0, "sig")),
        ("{ml-dsa-id}", signature(1, "keyid")),
        ("{ml-dsa-sig}", signature(1, "sig")),
    ]
}
