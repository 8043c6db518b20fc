//! What a build leaves out it refuses with a sentence that says what to build, and all else works: shown on the binary
//! of whatever build runs this. `make features` runs it in every build.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "support/desk.rs"]
mod desk;
#[path = "support/people.rs"]
mod people;
#[path = "support/service.rs"]
mod service;

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use aegis_custodian::{
    crypto::{
        certificate::{Expected, Fault, judge},
        pinned::{Pinned, key_id},
        scheme::{AddressKind, Kind, Network, Scheme, SigningKey},
    },
    words::KeyAlgorithm,
};
use base64ct::{Base64, Encoding};
use people::{Desk, Person, RISK, SECURITY, text};
use serde_json::{Value, json};
use service::{Answer, Service};

const PQC: bool = cfg!(feature = "pqc");
const BIP322: bool = cfg!(feature = "bip322");

/// Every scheme, and whether this build is to have it.
const SCHEMES: [(Kind, bool); 4] = [
    (Kind::Bip340, true),
    (
        Kind::Bip322Simple {
            network: Network::Bitcoin,
            address: AddressKind::P2wpkh,
        },
        BIP322,
    ),
    (Kind::Ed25519, true),
    (Kind::Ed25519MlDsa44, PQC),
];

/// The feature that a scheme needs.
fn needed(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Bip322Simple => "bip322",
        Scheme::Bip340 | Scheme::Ed25519 => "",
        Scheme::Ed25519MlDsa44 => "pqc",
    }
}

/// Asserts a refusal that says by which feature to build.
#[track_caller]
fn names_the_feature(answer: &Answer, status: u16, code: &str, feature: &str) {
    answer.is_refused(status, code);
    let detail = text(&answer.json(), "detail");
    assert!(
        detail.contains(&format!("--features {feature}`")),
        "{detail}"
    );
}

/// Runs the binary to its end.
fn custodian(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
    command.args(arguments).output().unwrap()
}

/// Asserts exit code 1 and a sentence that says by which feature to build.
#[track_caller]
fn ends_naming(output: &Output, feature: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("--features {feature}`")), "{said}");
}

#[test]
fn a_hybrid_dek_is_made_where_pqc_is_built_and_an_aes_dek_everywhere() {
    let service = Service::spawn();
    service.make_dek("plain");
    let sealed = service.post(
        "app",
        "/v1/deks/plain/encrypt",
        json!({"plaintext": "YQ=="}),
    );
    let blob = json!({"ciphertext": sealed.is(200)["ciphertext"]});
    let opened = service.post("app", "/v1/deks/plain/decrypt", blob).is(200);
    assert_eq!(opened["plaintext"], "YQ==");
    let body = json!({"name": "hybrid", "algorithm": "mlkem768-x25519"});
    let made = service.post("operator", "/v1/deks", body);
    match PQC {
        true => drop(made.is(201)),
        false => {
            names_the_feature(&made, 400, "invalid_request", "pqc");
            service
                .get("operator", "/v1/deks/hybrid")
                .is_refused(404, "not_found");
        }
    }
}

#[test]
fn custodians_are_enrolled_by_the_schemes_of_the_build_and_no_other() {
    let service = Service::spawn();
    for (number, (kind, built)) in SCHEMES.into_iter().enumerate() {
        let (scheme, subject) = (kind.scheme(), format!("person-{number}"));
        if built {
            Person::enrol(&service, &subject, RISK, kind);
            continue;
        }
        assert!(SigningKey::generate(kind).is_err());
        let body = json!({"name": subject, "subject": subject, "role": SECURITY,
            "scheme": scheme.name(), "public_key": "AAAA"});
        let refused = service.post("admin", "/v1/admin/custodians", body);
        names_the_feature(&refused, 400, "invalid_request", needed(scheme));
    }
}

#[test]
fn an_override_is_requested_where_both_keys_can_countersign_it() {
    let service = Service::spawn();
    let risk = Person::enrol(&service, "ann", RISK, Kind::Bip340);
    let security = Person::enrol(&service, "bob", SECURITY, Kind::Ed25519);
    let asked = service.request("since it is needed", json!({}));
    if !PQC {
        names_the_feature(&asked, 409, "conflict", "pqc");
        let list = service.get("auditor", "/v1/overrides").is(200);
        assert_eq!(list["items"], json!([]));
        return;
    }
    let asked = asked.is(201);
    risk.sign(&service, &asked).is(200);
    assert_eq!(
        security.sign(&service, &asked).is(200)["status"],
        "approved"
    );
}

#[test]
fn every_signing_key_that_the_build_can_make_is_made_and_none_is_called_missing() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let service = Service::start(home.path(), &[]);
        let list = service.get("", "/v1/signing-keys").is(200);
        let kind = |item: &Value| format!("{}/{}", text(item, "purpose"), text(item, "algorithm"));
        let kinds: BTreeSet<_> = list["items"].as_array().unwrap().iter().map(kind).collect();
        let mut wanted = BTreeSet::from(
            ["checkpoint/ed25519", "override/ed25519", "schema/ed25519"].map(str::to_owned),
        );
        if PQC {
            wanted.insert("override/ml-dsa-65".to_owned());
        }
        assert_eq!(kinds, wanted);
        let log = service.log();
        assert!(!log.contains("is missing"), "{log}");
        assert_eq!(log.contains("a signing key is not made"), !PQC, "{log}");
        assert_eq!(service.stop(), Some(0));
    }
}

#[test]
fn tools_are_signed_and_verified_in_every_build_offline_too() {
    let service = Service::spawn();
    let tools = json!({"tools": [{"name": "t", "inputSchema": {}}]});
    let signed = service.post("app", "/v1/mcp/tools/sign", tools).is(200);
    let verdict = service.post("app", "/v1/mcp/tools/verify", signed.clone());
    assert_eq!(verdict.is(200)["valid"], true);
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        fs::write(home.path().join(name), content).unwrap();
        home.path().join(name).to_str().unwrap().to_owned()
    };
    // As a full service answers it, with a key that this build may not know how to use.
    let mut keys = service.get("", "/v1/signing-keys").is(200);
    let lattice = "E".repeat(2603) + "=";
    let bytes = Base64::decode_vec(&lattice).unwrap();
    keys["items"].as_array_mut().unwrap().push(json!({
        "key_id": key_id(KeyAlgorithm::MlDsa65, &bytes), "purpose": "override", "algorithm": "ml-dsa-65",
        "public_key": lattice, "state": "active", "location": "wrapped",
    }));
    let (tools, keys) = (
        file("tools", signed.to_string()),
        file("keys", keys.to_string()),
    );
    let judged = custodian(&["verify", "tools", &tools, "--keys", &keys]);
    assert_eq!(judged.status.code(), Some(0), "{judged:?}");
}

#[test]
fn capabilities_say_what_was_built_and_of_the_rest_why_it_is_not_there() {
    let service = Service::spawn();
    let able = service.get("app", "/v1/capabilities").is(200);
    let names = |list: &Value| -> BTreeSet<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let only = |of: &[(&str, bool)]| -> BTreeSet<String> {
        let built = of.iter().filter(|(_, built)| *built);
        built.map(|(name, _)| (*name).to_owned()).collect()
    };
    let features = [("bip322", BIP322), ("pqc", PQC)];
    assert_eq!(names(&able["build"]["features"]), only(&features));
    let schemes = SCHEMES.map(|(kind, built)| (kind.scheme().name(), built));
    assert_eq!(names(&able["signature_schemes"]), only(&schemes));
    let encryption = [("aes-256-gcm", true), ("mlkem768-x25519", PQC)];
    assert_eq!(names(&able["encryption"]), only(&encryption));
    let more = names(&able["features"]);
    assert_eq!(
        (more.contains("overrides"), more.contains("pii")),
        (PQC, PQC)
    );
    let tables = [
        ("signature_scheme_table", "on"),
        ("encryption_table", "available"),
    ];
    for (table, member) in tables {
        for row in able[table].as_array().unwrap() {
            let said = row["reason"].as_str().unwrap_or_default();
            assert_eq!(row[member] == false, said.contains("--features "), "{row}");
        }
    }
    let countersigning = &able["countersigning"];
    assert_eq!(countersigning["available"], PQC);
    let said = countersigning["reason"].as_str().unwrap_or_default();
    assert_eq!(said.contains("--features pqc`"), !PQC, "{said}");
    assert_eq!(able["schema_signing"]["available"], true);
}

#[test]
fn the_command_line_takes_the_schemes_of_the_build_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let passphrase = home.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery staple").unwrap();
    let names = SCHEMES.map(|(kind, built)| (kind.scheme().name(), kind.scheme(), built));
    for (name, scheme, built) in names {
        let (out, file) = (home.path().join(name), passphrase.to_str().unwrap());
        let out = out.to_str().unwrap();
        let made = custodian(&[
            "keygen",
            "--scheme",
            name,
            "--out",
            out,
            "--passphrase-file",
            file,
        ]);
        let dir = home.path().join("data");
        let dir = dir.to_str().unwrap();
        let taken = [
            "dev",
            "--data-dir",
            dir,
            "--signature-schemes",
            name,
            "--listen",
            "0.0.0.0:0",
        ];
        let taken = custodian(&taken);
        if built {
            assert_eq!(made.status.code(), Some(0), "{made:?}");
            let said = String::from_utf8_lossy(&taken.stderr).into_owned();
            assert!(said.contains("loopback"), "{said}");
        } else {
            ends_naming(&made, needed(scheme));
            ends_naming(&taken, needed(scheme));
        }
    }
    let help = String::from_utf8(custodian(&["dev", "--help"]).stdout).unwrap();
    let default = help.split("SCHEMES").nth(1).unwrap();
    let default = default.split("[default: ").nth(1).unwrap();
    let default: BTreeSet<_> = default.split(']').next().unwrap().split(',').collect();
    let built = names.iter().filter(|(_, _, built)| *built);
    assert_eq!(default, built.map(|(name, _, _)| *name).collect());
}

#[test]
fn a_certificate_is_judged_where_pqc_is_built_and_nowhere_called_invalid_for_want_of_it() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = home.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, keys) = (file("certificate", "{}"), file("keys", r#"{"items":[]}"#));
    let judged = custodian(&["verify", "certificate", &certificate, "--keys", &keys]);
    let service = Service::spawn();
    let asked = service.post("app", "/v1/overrides/verify", json!({"certificate": {}}));
    if PQC {
        assert_eq!(judged.status.code(), Some(3), "{judged:?}");
        assert_eq!(asked.is(200)["valid"], false);
    } else {
        ends_naming(&judged, "pqc");
        assert!(judged.stdout.is_empty());
        names_the_feature(&asked, 409, "conflict", "pqc");
    }
}

#[test]
fn what_this_build_cannot_read_in_a_certificate_is_not_called_wrong() {
    let pinned = Pinned::read(br#"{"items":[]}"#).unwrap();
    let expected = |at: &str| Expected {
        at: at.parse().unwrap(),
        message_hash: None,
        environment: None,
        instance: None,
    };
    if !PQC {
        let why = judge(b"{}", &pinned, &expected(ceremony::NOW)).unwrap_err();
        assert!(why.to_string().contains("--features pqc`"), "{why}");
        return;
    }
    let pinned = Pinned::read(ceremony::service_keys().to_string().as_bytes()).unwrap();
    let body = ceremony::Case::usual().body();
    let scheme = "/predicate/override/signatures/0/scheme";
    let envelope = ceremony::countersign(&ceremony::changed(&body, scheme, "bip322-simple".into()));
    // In its time, and past it, when it is also judged as of its issue.
    for at in [ceremony::NOW, "2026-12-23T12:00:00Z"] {
        let judged = judge(&envelope, &pinned, &expected(at));
        if BIP322 {
            let verdict = judged.unwrap();
            let of_issue = verdict.as_of_issue.and_then(|issue| issue.error);
            let wrong = Some(Fault::CustodianSignatureInvalid);
            assert!([verdict.error, of_issue].contains(&wrong));
        } else {
            let why = judged.unwrap_err().to_string();
            assert!(why.contains("--features bip322`"), "{why}");
        }
    }
}
