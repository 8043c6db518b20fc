//! Certificates: whatever the bytes are there is a verdict, and what is valid says what two custodians signed.
//!
//! An input is tried as an envelope, as a payload, as a keys file, and as [`changes`] of a good certificate. What is
//! found valid is looked at again without the verifier's own code, as values of `serde_json`.

use std::{collections::BTreeSet, sync::OnceLock};

use aegis_custodian::{
    crypto::certificate::{Expected, Fault, Pinned, verify},
    error::Error,
};
use base64ct::{Base64, Encoding};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use ceremony::{NOW, carrying, countersign};
use changes::Setting;

#[allow(dead_code)] // other tests use the rest of it
#[path = "../../tests/support/ceremony.rs"]
mod ceremony;
mod changes;

/// What the service says on its own word: a thief of its keys can say something else there.
const ITS_OWN_WORD: [&str; 3] = [
    "/predicate/governance/policy_version",
    "/predicate/governance/nonce",
    "/predicate/governance/issued_at",
];

/// The same of each signature: only pins hold the names of people against a thief.
const ITS_WORD_ON_PEOPLE: [&str; 4] = ["/custodian_id", "/role", "/signed_at", "/subject"];

const SIGNATURES: &str = "/predicate/override/signatures";

/// A certificate that is valid, and all that it is judged by.
struct Good {
    envelope: Vec<u8>,
    statement: Value,
    keys: Value,
    pinned: Pinned,
}

/// Made once by `Case::usual()`: signatures have chance in them, and an input is to do the same in each run.
const MADE: [&[u8]; 2] = [
    include_bytes!("../seeds/certificate/envelope"),
    include_bytes!("../seeds/certificate/keys"),
];

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let [envelope, keys] = MADE;
        Good {
            envelope: envelope.to_vec(),
            statement: payload(&parsed(envelope)),
            keys: parsed(keys),
            pinned: Pinned::read(keys).unwrap(),
        }
    })
}

const USUAL: Expected<'static> = Expected {
    at: Timestamp::UNIX_EPOCH,
    message_hash: None,
    environment: None,
    instance: None,
};

fn now() -> Expected<'static> {
    Expected {
        at: NOW.parse().unwrap(),
        ..USUAL
    }
}

pub fn check(input: &[u8]) {
    as_an_envelope(input);
    as_a_payload(input);
    as_keys(input);
    if let Some(setting) = Setting::read(input, good()) {
        as_changes(&setting);
    }
}

fn as_an_envelope(input: &[u8]) {
    let good = good();
    if error(input, &good.pinned, &now()).is_none() {
        looked_at_again(input, &good.keys, &now(), false);
    }
}

/// In the good envelope; and where only the signatures are wrong then, with those of a thief.
fn as_a_payload(body: &[u8]) {
    let good = good();
    let envelope = carrying(&good.envelope, body);
    match error(&envelope, &good.pinned, &now()) {
        None => looked_at_again(&envelope, &good.keys, &now(), false),
        Some(Fault::Ed25519VerifyFailed) => {
            let forged = countersign(body);
            if error(&forged, &good.pinned, &now()).is_none() {
                looked_at_again(&forged, &good.keys, &now(), true);
            }
        }
        Some(fault) => assert!(fault < Fault::Ed25519VerifyFailed, "{fault:?}"),
    }
}

fn as_keys(text: &[u8]) {
    if let Some(pinned) = pinned(text) {
        let good = good();
        if error(&good.envelope, &pinned, &now()).is_none() {
            looked_at_again(&good.envelope, &parsed(text), &now(), false);
        }
    }
}

fn as_changes(setting: &Setting) {
    let Some(pinned) = pinned(setting.keys.to_string().as_bytes()) else {
        assert_ne!(setting.keys, good().keys);
        return;
    };
    let expected = setting.expected();
    match error(&setting.envelope, &pinned, &expected) {
        None => looked_at_again(&setting.envelope, &setting.keys, &expected, setting.thief),
        Some(fault) => assert!(setting.is_changed, "{fault:?} in what is good"),
    }
}

/// The keys, or a refusal that says what to mend.
fn pinned(text: &[u8]) -> Option<Pinned> {
    match Pinned::read(text) {
        Ok(pinned) => Some(pinned),
        Err(error) => {
            let known = matches!(error, Error::Malformed { .. } | Error::Invalid(_));
            assert!(known && !error.to_string().is_empty(), "{error:?}");
            None
        }
    }
}

/// The verdict's one word, after a look at the rest of the verdict.
fn error(envelope: &[u8], pinned: &Pinned, expected: &Expected<'_>) -> Option<Fault> {
    let verdict = verify(envelope, pinned, expected);
    assert_eq!(verdict.valid, verdict.error.is_none());
    assert!(verdict.approval.is_some() || !verdict.valid);
    let expired = verdict.error == Some(Fault::Expired);
    assert_eq!(verdict.as_of_issue.is_some(), expired);
    let said = serde_json::to_value(&verdict).unwrap();
    let word = verdict.error.map(Fault::word);
    assert_eq!(said["error"].as_str(), word);
    verdict.error
}

/// What the verifier found valid is: the good statement, but for what a thief may say, by two people, by pinned keys,
/// as it was expected, and in time.
fn looked_at_again(envelope: &[u8], keys: &Value, expected: &Expected<'_>, thief: bool) {
    let envelope = parsed(envelope);
    let mut statement = payload(&envelope);
    by_two_people(&statement);
    by_pinned_keys(&statement, keys);
    was_expected(&statement, expected);
    in_time(&statement, expected.at);
    if !thief {
        assert_eq!(signatures(&envelope), signatures(&parsed(MADE[0])));
        assert_eq!(statement, good().statement);
    }
    // Which of the two stands first is the thief's word too.
    let list = statement.pointer_mut(SIGNATURES).unwrap();
    let list = list.as_array_mut().unwrap();
    list.sort_by_key(|signer| text(signer, "/scheme").to_owned());
    let mut differ = changes::differences(&good().statement, &statement);
    differ.retain(|place| !is_the_services_word(place));
    assert!(differ.is_empty(), "valid, and differs at {differ:?}");
}

fn is_the_services_word(place: &str) -> bool {
    let of_people = place
        .strip_prefix(SIGNATURES)
        .and_then(|rest| rest.get(2..));
    ITS_OWN_WORD.contains(&place)
        || of_people.is_some_and(|member| ITS_WORD_ON_PEOPLE.contains(&member))
}

fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

/// The statement, which has one form in bytes: its keys are ASCII and its numbers small, so that here RFC 8785 is what
/// `serde_json` writes.
fn payload(envelope: &Value) -> Value {
    let body = Base64::decode_vec(text(envelope, "/payload")).unwrap();
    let statement: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(serde_json::to_vec(&statement).unwrap(), body);
    let body = String::from_utf8(body).unwrap();
    assert!(unicode_normalization::is_nfc(&body));
    statement
}

/// Both signatures, in one order.
fn signatures(envelope: &Value) -> Vec<String> {
    let list = envelope["signatures"].as_array().unwrap();
    let mut texts: Vec<_> = list.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

fn was_expected(statement: &Value, expected: &Expected<'_>) {
    let hash = text(statement, "/subject/0/digest/sha256");
    let same = |wanted: &str| wanted.trim().to_lowercase() == hash;
    assert!(expected.message_hash.is_none_or(same));
    let environment = text(statement, "/predicate/governance/environment");
    let same = |wanted: &str| wanted.trim() == environment;
    assert!(expected.environment.is_none_or(same));
    let instance = text(statement, "/predicate/override/instance");
    assert!(expected.instance.is_none_or(|wanted| wanted == instance));
}

/// Signed, then issued, then looked at (by a clock that may be five minutes slow), then expired.
fn in_time(statement: &Value, at: Timestamp) {
    let of = |value, place| -> Timestamp { text(value, place).parse().unwrap() };
    let issued_at = of(statement, "/predicate/governance/issued_at");
    let expires_at = of(statement, "/predicate/governance/expires_at");
    let mut signed = signers(statement).iter();
    assert!(signed.all(|signer| of(signer, "/signed_at") <= issued_at));
    assert!(at < expires_at && issued_at < expires_at);
    assert!(issued_at.duration_since(at) <= SignedDuration::from_mins(5));
}

fn signers(statement: &Value) -> &[Value] {
    statement.pointer(SIGNATURES).unwrap().as_array().unwrap()
}

/// One in each role, of different names, neither of them who asked.
fn by_two_people(statement: &Value) {
    let each = |member: &str| -> BTreeSet<String> {
        let texts = signers(statement).iter().map(|signer| text(signer, member));
        texts.map(str::to_lowercase).collect()
    };
    let roles: Vec<_> = each("/role").into_iter().collect();
    assert_eq!(roles, ["risk_lead", "security_lead"]);
    assert_eq!(signers(statement).len(), 2);
    let mut all = each("/subject");
    for asked in ["requested_by", "on_behalf_of"] {
        let asked = &statement["predicate"]["override"][asked];
        all.extend(asked.as_str().map(str::to_lowercase));
    }
    assert_eq!((each("/custodian_id").len(), all.len()), (2, 4));
}

/// Both keys of the service are pinned for overrides; if people are pinned, both signers are.
fn by_pinned_keys(statement: &Value, keys: &Value) {
    for wanted in &good().keys["items"].as_array().unwrap()[..2] {
        let same = |item: &&Value| {
            let members = ["key_id", "purpose", "algorithm", "public_key"];
            members.iter().all(|member| item[member] == wanted[member])
                && item["state"] != "revoked"
        };
        let items = keys["items"].as_array().unwrap();
        assert!(items.iter().any(|item| same(&item)), "{keys}");
    }
    let Some(people) = keys.get("custodians").and_then(Value::as_array) else {
        return;
    };
    for signer in signers(statement) {
        assert!(people.iter().any(|one| is_pin(one, signer)), "{keys}");
    }
}

fn is_pin(one: &Value, signer: &Value) -> bool {
    let signed_at: Timestamp = text(signer, "/signed_at").parse().unwrap();
    let from: Timestamp = text(one, "/from").parse().unwrap();
    let until = one.get("until").and_then(Value::as_str);
    let until = until.map(|until| until.parse::<Timestamp>().unwrap());
    let members = ["role", "scheme", "public_key"];
    one["id"] == signer["custodian_id"]
        && members.iter().all(|member| one[member] == signer[member])
        && text(one, "/subject").to_lowercase() == text(signer, "/subject").to_lowercase()
        && from <= signed_at
        && until.is_none_or(|until| signed_at < until)
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    let found = value.pointer(place).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {place} of {value}"))
}
