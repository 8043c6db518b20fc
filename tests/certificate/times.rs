//! When a certificate holds: judged as of any time, and past its time as of its issue too.

use aegis_custodian::crypto::certificate::{Expected, Fault, Verdict, verify};
use serde_json::{Value, json};

use super::{
    ceremony::{Case, NOW, countersign},
    changed, fault, now, pinned,
};

fn as_of(at: &str, body: &[u8], keys: &Value) -> Verdict {
    let expected = Expected {
        at: at.parse().unwrap(),
        ..now()
    };
    verify(&countersign(body), &pinned(keys), &expected)
}

#[test]
fn it_holds_from_its_issue_until_it_expires() {
    let case = Case::usual();
    let (body, keys) = (case.body(), case.keys());
    for (at, wanted) in [
        ("2026-11-23T10:55:00.2Z", Some(Fault::SignedOutsideWindow)),
        ("2026-11-23T10:56:00Z", None), // clocks differ by some minutes
        ("2026-11-23T11:00:00.25Z", None),
        (NOW, None),
        ("2026-11-24T08:59:59.999999999Z", None),
        ("2026-11-24T09:00:00Z", Some(Fault::Expired)),
        ("2099-01-01T00:00:00Z", Some(Fault::Expired)),
    ] {
        let verdict = as_of(at, &body, &keys);
        assert_eq!(verdict.error, wanted, "{at}");
        assert_eq!(verdict.valid, wanted.is_none());
    }
}

#[test]
fn past_its_time_it_says_whether_it_was_valid_when_it_was_issued() {
    let case = Case::usual();
    let (body, keys) = (case.body(), case.keys());
    assert!(as_of(NOW, &body, &keys).as_of_issue.is_none());
    let late = "2030-01-01T00:00:00Z";
    let verdict = serde_json::to_value(as_of(late, &body, &keys)).unwrap();
    assert_eq!(
        (&verdict["valid"], &verdict["error"]),
        (&json!(false), &json!("AttestationExpired"))
    );
    let issue = json!({"at": case.issued_at, "valid": true, "error": null});
    assert_eq!(verdict["as_of_issue"], issue);
    let forged = changed(&body, "/predicate/override/justification", json!("x"));
    let verdict = as_of(late, &forged, &keys);
    assert_eq!(
        verdict.as_of_issue.unwrap().error,
        Some(Fault::HashMismatch)
    );
    let forged = changed(&body, "/predicate/governance/issued_at", json!("x"));
    let verdict = as_of(late, &forged, &keys);
    assert_eq!(
        verdict.as_of_issue.unwrap().error,
        Some(Fault::StatementShapeInvalid)
    );
}

#[test]
fn one_issued_after_it_expired_never_held() {
    let mut case = Case::usual();
    case.issued_at = case.expires_at.clone();
    for at in [NOW, "2026-11-24T08:59:00Z"] {
        let verdict = as_of(at, &case.body(), &case.keys());
        assert_eq!(verdict.error, Some(Fault::SignedOutsideWindow), "{at}");
    }
    let verdict = as_of("2030-01-01T00:00:00Z", &case.body(), &case.keys());
    assert_eq!(verdict.as_of_issue.unwrap().error, Some(Fault::Expired));
}

#[test]
fn an_expiry_is_a_time_in_utc_or_none() {
    let case = Case::usual();
    for bad in [
        "",
        "2026-11-24",
        "2026-11-24T09:00:00",
        "2026-11-24T09:00:00+00:00",
        "2026-11-24T09:00:00z",
        "2026-11-31T09:00:00Z",
    ] {
        let forged = changed(&case.body(), "/predicate/governance/expires_at", json!(bad));
        assert_eq!(
            fault(&countersign(&forged), &case.keys()),
            Some(Fault::ExpiresAtMalformed),
            "{bad}"
        );
    }
}

#[test]
fn a_pinned_custodian_signs_within_its_time() {
    let case = Case::usual();
    let envelope = case.envelope();
    let word = |from: &str, until: Value| {
        let mut keys = case.keys();
        keys["custodians"][0]["from"] = json!(from);
        keys["custodians"][0]["until"] = until;
        fault(&envelope, &keys)
    };
    let signed = "2026-11-23T10:00:00Z";
    assert_eq!(word(signed, json!("2026-11-23T10:00:00.1Z")), None);
    assert_eq!(word(signed, json!(null)), None);
    let outside = Some(Fault::SignedOutsideWindow);
    assert_eq!(word("2026-11-23T10:00:00.1Z", json!(null)), outside);
    assert_eq!(word("2026-01-01T00:00:00Z", json!(signed)), outside);
}
