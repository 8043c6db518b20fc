//! The envelope (DSSE 1.0): a payload, the bytes that are signed for it, and two signatures.

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::fault::Fault;
use crate::{
    error::Error,
    json::{self, Object},
    words::KeyAlgorithm,
};

/// The type of the payload: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The domain of what both keys sign, as AEGIS has it.
const DOMAIN: &str = "aegis-attestation-v1";

/// One of the two signatures of an envelope.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The algorithm, a colon, and the beginning of the key's hash.
    pub(super) keyid: String,
    /// Standard base64.
    pub(super) sig: String,
}

/// An envelope as it was read: two signatures that are not verified, and not even decoded.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) body: Vec<u8>,
    pub(super) ed25519: Entry,
    pub(super) ml_dsa_65: Entry,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "payloadType")]
    payload_type: &'a str,
    payload: String,
    signatures: [Entry; 2],
}

/// What an envelope has, before it is known whether each part is what it must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: Box<RawValue>,
    signatures: Box<RawValue>,
}

/// What both keys of the service sign: SHA-256 over a domain and the pre-authentication encoding of `body`.
#[must_use]
pub fn digest(body: &[u8]) -> [u8; 32] {
    let (kind, length) = (PAYLOAD_TYPE.len(), body.len());
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(format!("DSSEv1 {kind} {PAYLOAD_TYPE} {length} "));
    hash.update(body);
    hash.finalize().into()
}

/// The envelope of `body` in JSON: signatures as `(keyid, raw bytes)`, Ed25519 first.
///
/// # Errors
/// [`Error::Internal`] if it cannot be said in JSON.
pub fn envelope(body: &[u8], signatures: [(&str, &[u8]); 2]) -> Result<Vec<u8>, Error> {
    let entry = |(keyid, sig): (&str, &[u8])| Entry {
        keyid: keyid.to_owned(),
        sig: Base64::encode_string(sig),
    };
    let written = Written {
        payload_type: PAYLOAD_TYPE,
        payload: Base64::encode_string(body),
        signatures: signatures.map(entry),
    };
    serde_json::to_vec(&written).map_err(|error| Error::Internal {
        what: "writing an envelope",
        source: Some(error.into()),
    })
}

impl Envelope {
    /// Reads an envelope: no member too many, none twice, one signature of each kind, in either order.
    pub(super) fn read(text: &[u8]) -> Result<Self, Fault> {
        let parts: Parts = json::read(text).map_err(|_| Fault::PayloadTypeMismatch)?;
        if parts.payload_type != PAYLOAD_TYPE {
            return Err(Fault::PayloadTypeMismatch);
        }
        let (ed25519, ml_dsa_65) =
            pair(parts.signatures.get()).ok_or(Fault::SignatureSetIncomplete)?;
        Ok(Self {
            body: decode(parts.payload.get()).ok_or(Fault::PayloadDecodeFailed)?,
            ed25519,
            ml_dsa_65,
        })
    }
}

fn decode(payload: &str) -> Option<Vec<u8>> {
    let text: String = serde_json::from_str(payload).ok()?;
    Base64::decode_vec(&text).ok()
}

/// The Ed25519 and the ML-DSA-65 signature, if these are the two that there are.
fn pair(signatures: &str) -> Option<(Entry, Entry)> {
    let entries: Vec<Object<Entry>> = serde_json::from_str(signatures).ok()?;
    let [Object(one), Object(other)] = <[_; 2]>::try_from(entries).ok()?;
    let is = |entry: &Entry, algorithm: KeyAlgorithm| {
        let rest = entry.keyid.strip_prefix(algorithm.name());
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let are = |first: &Entry, second: &Entry| {
        is(first, KeyAlgorithm::Ed25519) && is(second, KeyAlgorithm::MlDsa65)
    };
    if are(&one, &other) {
        return Some((one, other));
    }
    are(&other, &one).then_some((other, one))
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Fault, digest, envelope};

    // Python: hashlib.sha256(b"aegis-attestation-v1" + b"DSSEv1 28 application/vnd.in-toto+json 2 {}")
    #[test]
    fn both_keys_sign_the_pre_authentication_encoding_under_the_domain_of_aegis() {
        let wanted = "9c122f4bfdc7751c9b33ba47b02fea7e";
        assert!(hex::encode(digest(b"{}")).starts_with(wanted));
    }

    fn fault(text: &str) -> Fault {
        Envelope::read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read_in_either_order_of_signatures() {
        let ed25519 = ("ed25519:00", b"e".as_slice());
        let ml_dsa_65 = ("ml-dsa-65:00", b"m".as_slice());
        for order in [[ed25519, ml_dsa_65], [ml_dsa_65, ed25519]] {
            let read = Envelope::read(&envelope(b"{}", order).unwrap()).unwrap();
            assert_eq!(read.body, b"{}");
            assert_eq!((&*read.ed25519.sig, &*read.ml_dsa_65.sig), ("ZQ==", "bQ=="));
        }
    }

    #[test]
    fn what_is_no_envelope_is_of_no_payload_type() {
        let written =
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[]}"#;
        assert_eq!(fault(written), Fault::SignatureSetIncomplete);
        for bad in [
            "",
            "[]",
            "{}",
            &written.replace("in-toto", "in-tot"),
            &written.replace("[]", "[],\"x\":1"),
            &written.replace("[]", "[],\"payload\":\"\""),
            &written.replace("\"payload\":\"\",", ""),
        ] {
            assert_eq!(fault(bad), Fault::PayloadTypeMismatch, "{bad}");
        }
    }

    #[test]
    fn two_signatures_are_one_of_each_kind() {
        let sets = |signatures: &str| {
            fault(&format!(
                r#"{{"payloadType":"application/vnd.in-toto+json","payload":1,"signatures":{signatures}}}"#
            ))
        };
        let one = r#"{"keyid":"ed25519:00","sig":""}"#;
        let other = r#"{"keyid":"ml-dsa-65:00","sig":""}"#;
        for bad in [
            "null".to_owned(),
            format!("[{one}]"),
            format!("[{one},{one}]"),
            format!("[{other},{other}]"),
            format!("[{one},{other},{one}]"),
            format!("[{one},{}]", other.replace("ml-dsa-65:", "ml-dsa-650:")),
            format!("[{one},{}]", other.replace("\"sig\":\"\"", "\"sig\":null")),
            format!("[{one},{}]", other.replace("\"sig\"", "\"x\":1,\"sig\"")),
            format!("[{one},[\"ml-dsa-65:00\",\"\"]]"),
        ] {
            assert_eq!(sets(&bad), Fault::SignatureSetIncomplete, "{bad}");
        }
        assert_eq!(
            sets(&format!("[{one},{other}]")),
            Fault::PayloadDecodeFailed
        );
    }

    #[test]
    fn a_payload_has_one_text_only() {
        let signatures = r#"[{"keyid":"ed25519:","sig":""},{"keyid":"ml-dsa-65:","sig":""}]"#;
        for bad in [
            "\u{212a}g==",
            "e30",
            "e31=",
            "e30==",
            "e30=\\n",
            "e-0=",
            " e30=",
        ] {
            let text = format!(
                r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{bad}","signatures":{signatures}}}"#
            );
            assert_eq!(fault(&text), Fault::PayloadDecodeFailed, "{bad}");
        }
    }
}
