//! Certificates before the verifier of PyPI's `aegis-governance`, and before a check of every hash and signature by
//! Python's `cryptography`, `coincurve` and `rfc8785`.

use aegis_custodian::{
    crypto::{
        certificate::{Expected, Fault, Pinned, verify},
        scheme::Kind,
    },
    words::{Binding, Environment},
};
use serde_json::{Value, json};

use super::{
    ceremony::{Case, KINDS, NOW, carrying, changed, countersign, service_keys},
    independently,
    table::table,
};

/// A certificate, and what each verifier expects of it.
struct Job {
    name: String,
    envelope: Vec<u8>,
    message_hash: String,
    environment: &'static str,
    at: &'static str,
}

impl Job {
    fn new(name: &str, case: &Case, envelope: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            envelope,
            message_hash: hex::encode(case.message_hash()),
            environment: case.environment.name(),
            at: NOW,
        }
    }

    /// Our word, with only the keys of the service pinned, as AEGIS has it.
    fn ours(&self) -> Option<Fault> {
        let pinned = Pinned::read(service_keys().to_string().as_bytes()).unwrap();
        let expected = Expected {
            at: self.at.parse().unwrap(),
            message_hash: Some(&self.message_hash),
            environment: Some(self.environment),
            instance: None,
        };
        verify(&self.envelope, &pinned, &expected).error
    }
}

/// The words of AEGIS's verifier.
fn theirs(jobs: &[Job]) -> Vec<Option<String>> {
    let jobs = jobs.iter().map(|job| {
        let envelope: Value = serde_json::from_slice(&job.envelope).unwrap();
        json!({"envelope": envelope, "message_hash": job.message_hash, "environment": job.environment, "at": job.at})
    });
    let given = json!({"keys": service_keys(), "judge": jobs.collect::<Value>()});
    let judged = independently("certificate.py", &given)["judged"].take();
    serde_json::from_value(judged).unwrap()
}

/// Each certificate with the words of both, theirs first.
fn words(jobs: Vec<Job>) -> Vec<(Job, Option<String>, Option<String>)> {
    let theirs = theirs(&jobs);
    let judged = jobs.into_iter().zip(theirs).map(|(job, theirs)| {
        let ours = job.ours().map(|fault| fault.word().to_owned());
        (job, theirs, ours)
    });
    judged.collect()
}

fn say_the_same(jobs: Vec<Job>, wanted: &[Option<Fault>]) {
    assert_eq!(jobs.len(), wanted.len());
    for ((job, theirs, ours), wanted) in words(jobs).into_iter().zip(wanted) {
        assert_eq!(ours.as_deref(), wanted.map(Fault::word), "{}", job.name);
        assert_eq!(theirs, ours, "{}", job.name);
    }
}

#[test]
fn the_verifier_of_aegis_says_valid_whatever_the_schemes_the_binding_and_the_place() {
    let mut cases: Vec<Case> = KINDS.map(|kind| Case::new([kind, Kind::Ed25519])).into();
    for environment in Environment::ALL {
        let mut case = Case::usual();
        case.environment = *environment;
        case.binding = Binding::Aegis;
        case.on_behalf_of = None;
        cases.push(case);
    }
    let jobs: Vec<Job> = cases
        .iter()
        .map(|case| Job::new("valid", case, case.envelope()))
        .collect();
    let valid = vec![None; jobs.len()];
    say_the_same(jobs, &valid);
}

#[test]
fn every_hash_and_signature_is_as_python_has_it() {
    let mut cases = [
        Case::new([Kind::Bip340, Kind::Ed25519]),
        Case::new([Kind::Ed25519MlDsa44, Kind::Bip340]),
    ];
    cases[1].binding = Binding::Aegis;
    cases[1].on_behalf_of = None;
    let envelopes = cases
        .iter()
        .map(|case| serde_json::from_slice::<Value>(&case.envelope()).unwrap());
    let given = json!({"keys": service_keys(), "check": envelopes.collect::<Value>()});
    let checked = independently("certificate.py", &given)["checked"].take();
    for (case, checked) in cases.iter().zip(checked.as_array().unwrap()) {
        let schemes = case
            .people
            .each_ref()
            .map(|one| one.key.public_key().scheme().name());
        let wanted = json!({
            "message_hash": hex::encode(case.message_hash()),
            "signing_hash": hex::encode(case.m()),
            "verified": schemes,
        });
        assert_eq!(*checked, wanted);
    }
}

#[test]
fn a_changed_value_has_the_same_word_in_both() {
    let case = Case::usual();
    let (body, envelope) = (case.body(), case.envelope());
    let jobs: Vec<Job> = table()
        .into_iter()
        .map(|(pointer, value, _)| {
            let name = format!("{pointer} {value}");
            Job::new(
                &name,
                &case,
                carrying(&envelope, &changed(&body, pointer, value)),
            )
        })
        .collect();
    let broken = vec![Some(Fault::Ed25519VerifyFailed); jobs.len()];
    say_the_same(jobs, &broken);
}

#[test]
fn a_changed_envelope_has_the_same_word_in_both() {
    let case = Case::usual();
    let envelope: Value = serde_json::from_slice(&case.envelope()).unwrap();
    let mut other = Case::usual();
    other.override_id = "6f9619ff-8b86-4011-b42d-00cf4fc96400".to_owned();
    let other: Value = serde_json::from_slice(&other.envelope()).unwrap();
    let twice = String::from_utf8(case.body()).unwrap();
    let twice = twice.replacen('{', "{\"_type\":\"\",", 1);
    let base64 = |bytes: &[u8]| {
        use base64ct::{Base64, Encoding};
        Value::from(Base64::encode_string(bytes))
    };
    let rows = [
        (
            "/payloadType",
            json!("text/plain"),
            Fault::PayloadTypeMismatch,
        ),
        ("/signatures", json!([]), Fault::SignatureSetIncomplete),
        (
            "/signatures/1",
            envelope["signatures"][0].clone(),
            Fault::SignatureSetIncomplete,
        ),
        (
            "/signatures/0/keyid",
            json!("rsa:00"),
            Fault::SignatureSetIncomplete,
        ),
        ("/payload", json!("%"), Fault::PayloadDecodeFailed),
        ("/payload", base64(b"{"), Fault::PayloadJsonInvalid),
        ("/payload", base64(b"{ }"), Fault::CanonicalBytesMismatch),
        (
            "/payload",
            base64(twice.as_bytes()),
            Fault::CanonicalBytesMismatch,
        ),
        (
            "/payload",
            base64("\"e\u{301}\"".as_bytes()),
            Fault::CanonicalBytesMismatch,
        ),
        ("/payload", base64(b"[]"), Fault::StatementShapeInvalid),
        (
            "/payload",
            base64(br#"{"subject":[1]}"#),
            Fault::StatementShapeInvalid,
        ),
        (
            "/signatures/0/sig",
            json!("%"),
            Fault::Ed25519SigDecodeFailed,
        ),
        (
            "/signatures/0/sig",
            other["signatures"][0]["sig"].clone(),
            Fault::Ed25519VerifyFailed,
        ),
        ("/signatures/0/sig", json!(""), Fault::Ed25519VerifyFailed),
        ("/signatures/1/sig", json!("%"), Fault::MldsaSigDecodeFailed),
        (
            "/signatures/1/sig",
            other["signatures"][1]["sig"].clone(),
            Fault::MldsaVerifyFailed,
        ),
        ("/signatures/1/sig", json!("AAAA"), Fault::MldsaVerifyFailed),
    ];
    let (jobs, wanted) = rows
        .into_iter()
        .map(|(pointer, value, wanted)| {
            let mut changed = envelope.clone();
            *changed.pointer_mut(pointer).unwrap() = value;
            let job = Job::new(pointer, &case, serde_json::to_vec(&changed).unwrap());
            (job, Some(wanted))
        })
        .collect::<(Vec<_>, Vec<_>)>();
    say_the_same(jobs, &wanted);
}

#[test]
fn what_is_expected_and_when_is_compared_alike() {
    let case = Case::usual();
    let job = || Job::new("", &case, case.envelope());
    let (mut digest, mut environment) = (job(), job());
    digest.message_hash = "0".repeat(64);
    environment.environment = "staging";
    let (mut last, mut late) = (job(), job());
    last.at = "2026-11-24T08:59:59.999999Z";
    late.at = "2026-11-24T09:00:00Z";
    let empty = Job::new(
        "",
        &case,
        countersign(&changed(&case.body(), "/subject", json!([]))),
    );
    let wanted = [
        Some(Fault::DigestMismatch),
        Some(Fault::EnvironmentMismatch),
        None,
        Some(Fault::Expired),
        Some(Fault::SubjectMissing),
    ];
    say_the_same(vec![digest, environment, last, late, empty], &wanted);
}

#[test]
fn what_the_service_itself_signs_is_never_valid_here_and_refused_there() {
    let case = Case::usual();
    let body = case.body();
    let jobs = table().into_iter().map(|(pointer, value, _)| {
        let name = format!("{pointer} {value}");
        Job::new(&name, &case, countersign(&changed(&body, pointer, value)))
    });
    let mut refused_there = 0;
    for (job, theirs, ours) in words(jobs.collect()) {
        refused_there += usize::from(theirs.is_some());
        assert!(
            theirs.is_none() || theirs == ours,
            "{}: {theirs:?} {ours:?}",
            job.name
        );
    }
    // Digest, environment (twice) and an expiry without its zone: the rest AEGIS does not look at.
    assert_eq!(refused_there, 4);
}

#[test]
fn an_expiry_of_any_precision_is_read_alike() {
    let jobs = ["", ".5", ".25", ".125", ".123456", ".123456789"].map(|fraction| {
        let mut case = Case::usual();
        case.expires_at = format!("2026-11-24T09:00:00{fraction}Z");
        Job::new(fraction, &case, case.envelope())
    });
    say_the_same(jobs.into(), &[None; 6]);
}

/// Where this verifier is stricter: it names what the other lets through, or sees something before it.
#[test]
fn nothing_is_taken_here_that_is_refused_there() {
    let case = Case::usual();
    let (body, envelope) = (case.body(), case.envelope());
    let parsed: Value = serde_json::from_slice(&envelope).unwrap();
    let keyed = envelope_with(
        &parsed,
        "/signatures/0/keyid",
        json!("ed25519:0000000000000000"),
    );
    let sig = parsed["signatures"][0]["sig"].as_str().unwrap();
    let (kept, last) = sig.trim_end_matches('=').split_at(85);
    let lenient = format!("{kept}{}==", char::from(last.as_bytes()[0] + 1));
    let lenient = envelope_with(&parsed, "/signatures/0/sig", json!(lenient));
    let mut more: Value = serde_json::from_slice(&body).unwrap();
    more["predicate"]["more"] = json!(1);
    let more = countersign(&aegis_custodian::crypto::canonical::json(&more).unwrap());
    let zone = countersign(&changed(
        &body,
        "/predicate/governance/expires_at",
        json!("2026-11-24T09:00:00+00:00"),
    ));
    let rows = [
        ("a keyid of no key", keyed, Fault::Ed25519VerifyFailed, None),
        (
            "bits after the end of base64",
            lenient,
            Fault::Ed25519SigDecodeFailed,
            None,
        ),
        (
            "a member too many",
            more,
            Fault::StatementShapeInvalid,
            None,
        ),
        ("a time without Z", zone, Fault::ExpiresAtMalformed, None),
        (
            "a number beyond RFC 8785",
            carrying(&envelope, b"9007199254740993"),
            Fault::CanonicalBytesMismatch,
            Some("raises IntegerDomainError"),
        ),
        (
            "half of a surrogate pair",
            carrying(&envelope, br#""\ud800""#),
            Fault::PayloadJsonInvalid,
            Some("raises CanonicalizationError"),
        ),
    ];
    let (jobs, wanted) = rows
        .into_iter()
        .map(|(name, envelope, ours, theirs)| (Job::new(name, &case, envelope), (ours, theirs)))
        .collect::<(Vec<_>, Vec<_>)>();
    for ((job, theirs, ours), (our_word, their_word)) in words(jobs).into_iter().zip(wanted) {
        assert_eq!(ours.as_deref(), Some(our_word.word()), "{}", job.name);
        assert_eq!(theirs.as_deref(), their_word, "{}", job.name);
    }
}

fn envelope_with(envelope: &Value, pointer: &str, value: Value) -> Vec<u8> {
    let mut changed = envelope.clone();
    *changed.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec(&changed).unwrap()
}
