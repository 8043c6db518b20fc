//! `custodian custodian-admin` and `override`: the ceremony of two custodians, by commands from keys to a certificate.

use std::sync::atomic::Ordering::SeqCst;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    desk::{Desk, Ended},
    fake::{answer, service_that_says},
    house::House,
};

/// A service with two admins, an application, and two custodians who have proven their keys.
struct Place {
    house: House,
    ada: Desk,
    bob: Desk,
    app: Desk,
    rita: Seat,
    theo: Seat,
}

/// A custodian's machine.
struct Seat {
    desk: Desk,
    id: String,
}

const KEY: [&str; 4] = ["--key", "my.key", "--passphrase-file", "words"];

impl Seat {
    /// Makes a key, is enrolled and activated; `form` is how the signature is handed over. Who signs by Ed25519 signs
    /// the same twice.
    fn enrol(house: &House, [ada, bob]: [&Desk; 2], name: &str, role: &str, form: &str) -> Self {
        let scheme = if form == "json" { "ed25519" } else { "bip340" };
        let own = Desk::at(&house.url, "my.token".into());
        own.write("words", "correct horse battery");
        let public = own.done(&[
            "keygen",
            "--scheme",
            scheme,
            "--out",
            "my.key",
            "--passphrase-file",
            "words",
            "--output",
            "json",
        ]);
        ada.write("public", public);
        let file = format!("{name}.enrolment");
        let enrol = [
            "custodian-admin",
            "enrol",
            "public",
            "--subject",
            name,
            "--role",
            role,
            "--out",
            &file,
        ];
        let made = ada.json(&enrol);
        let id = made["id"].as_str().unwrap().to_owned();
        own.write("enrolment", ada.read(&file));
        let sign = [
            &["sign"],
            &KEY[..],
            &["--yes", "--output", form, "enrolment"],
        ]
        .concat();
        ada.write("proof", own.done(&sign));
        ada.done(&["custodian-admin", "activate", &id, "--signature", "proof"]);
        let approve = ["custodian-admin", "approve", &id];
        let yes = bob.at_terminal(&approve, Some(&[("Type yes:", "yes")]));
        assert_eq!(yes["code"], 0, "{yes}");
        assert!(yes["shown"].as_str().unwrap().contains("fingerprint"));
        let token = format!("{name}.token");
        let create = [
            "principal",
            "create",
            "--name",
            name,
            "--role",
            "custodian",
            "--custodian",
            &id,
            "--token-out",
            &token,
        ];
        let principal = ada.json(&create);
        let principal = principal["id"].as_str().unwrap();
        bob.done(&["principal", "approve", principal, "--yes"]);
        let token = ada.read(&token);
        Self {
            desk: own.owning(&token),
            id,
        }
    }

    fn sign(&self, id: &str, answer: &str) -> Value {
        let sign = [&["override", "sign", id], &KEY[..]].concat();
        self.desk.at_terminal(&sign, Some(&[("Type yes:", answer)]))
    }

    fn sign_unasked(&self, id: &str) -> Ended {
        self.desk
            .run(&[&["override", "sign", id, "--yes"], &KEY[..]].concat())
    }
}

impl Place {
    fn open() -> Self {
        let house = House::open();
        // Custodians look at the clock of their own machine.
        house.seconds.store(Timestamp::now().as_second(), SeqCst);
        let ada = Desk::with(&house.url, &house.ada);
        let bob = Desk::with(&house.url, &house.bob);
        let enrol = |name, role, form| Seat::enrol(&house, [&ada, &bob], name, role, form);
        let (rita, theo) = (
            enrol("rita", "risk_lead", "json"),
            enrol("theo", "security_lead", "table"),
        );
        let app = Desk::with(&house.url, &house.app);
        Self {
            house,
            ada,
            bob,
            app,
            rita,
            theo,
        }
    }

    /// An application asks; answers the override and its id.
    fn ask(&self, why: &str) -> (Value, String) {
        let body = json!({"proposal_id": "p/1&x", "justification": why, "failed_gates": ["risk"]});
        let asked = self.house.post(&self.house.app, "/v1/overrides", body);
        let asked = asked.is(201);
        let id = asked["id"].as_str().unwrap().to_owned();
        (asked, id)
    }

    fn status(&self, id: &str) -> String {
        let now = self.app.json(&["override", "show", id]);
        now["status"].as_str().unwrap().to_owned()
    }
}

#[test]
fn two_custodians_sign_at_their_own_machines_and_the_certificate_verifies_offline() {
    let place = Place::open();
    let (_, id) = place.ask("yesterday's model \u{202e}");
    let listed = place.app.json(&[
        "override",
        "list",
        "--proposal-id",
        "p/1&x",
        "--status",
        "pending",
    ]);
    assert_eq!(listed["items"][0]["id"], id.as_str());
    let none = place
        .app
        .json(&["override", "list", "--proposal-id", "p/1"]);
    assert_eq!(none["items"], json!([]));

    let no = place.rita.sign(&id, "no");
    assert_eq!(no["code"], 1, "{no}");
    assert_eq!(place.status(&id), "pending");
    let yes = place.rita.sign(&id, "yes");
    assert_eq!(yes["code"], 0, "{yes}");
    let shown = yes["shown"].as_str().unwrap();
    for said in ["p/1&x", "\\u{202e}", "house-app", "signing hash"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(!shown.contains('\u{202e}'), "{shown}");
    assert_eq!(place.status(&id), "partial");
    let certificate = ["override", "certificate", &id, "--out", "certificate.json"];
    place.app.refused(&certificate, "conflict");
    assert!(!place.app.path("certificate.json").exists());
    assert_eq!(place.theo.sign_unasked(&id).code, 0);
    assert_eq!(place.status(&id), "approved");
    // What is approved is not signed again, and nothing is replaced.
    assert_eq!(place.theo.sign_unasked(&id).code, 1);
    place.app.done(&certificate);
    assert_eq!(place.app.run(&certificate).code, 1);
    place.app.done(&["signing-keys", "--out", "keys.json"]);
    let verify = [
        "verify",
        "certificate",
        "certificate.json",
        "--keys",
        "keys.json",
    ];
    place.app.done(&verify);
    let show = place.app.done(&["override", "show", &id]);
    assert!(show.contains("by rita (risk_lead) at"), "{show}");
    assert!(place.app.done(&["override", "list"]).contains("rita, theo"));
}

#[test]
fn an_override_is_rejected_by_a_signature_or_withdrawn_by_its_requester() {
    let place = Place::open();
    let (_, id) = place.ask("one");
    let reject = [
        "override",
        "reject",
        &id,
        "--reason",
        "Not\nnow.",
        "--custodian",
        &place.rita.id,
    ];
    let reject = [&reject, &KEY[..]].concat();
    let yes = place
        .rita
        .desk
        .at_terminal(&reject, Some(&[("Type yes:", "yes")]));
    assert_eq!(yes["code"], 0, "{yes}");
    assert!(
        yes["shown"]
            .as_str()
            .unwrap()
            .contains("REJECTED WITH | Not")
    );
    let show = place.app.done(&["override", "show", &id]);
    assert!(
        show.contains("rejected by   | ") && show.contains("because       | Not"),
        "{show}"
    );

    let (_, id) = place.ask("two");
    let withdraw = ["override", "withdraw", &id];
    let no = place.app.at_terminal(&withdraw, Some(&[("Type yes:", "")]));
    assert_eq!(
        (&no["code"], &*place.status(&id)),
        (&json!(1), "pending"),
        "{no}"
    );
    place.app.done(&[&withdraw[..], &["--yes"]].concat());
    assert_eq!(place.status(&id), "withdrawn");
    place
        .app
        .refused(&["override", "withdraw", &id, "--yes"], "conflict");
}

#[test]
fn a_custodian_is_suspended_reinstated_and_ended() {
    let place = Place::open();
    let (_, id) = place.ask("one");
    let rita = place.rita.id.as_str();
    assert_eq!(place.rita.sign_unasked(&id).code, 0);
    let because = ["--reason", "lost her key?"];
    place
        .ada
        .done(&[&["custodian-admin", "suspend", rita], &because[..]].concat());
    assert_eq!(place.status(&id), "pending");
    let nobody = place.rita.sign_unasked(&id);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(nobody.error.contains("no active custodian"), "{nobody:?}");
    place
        .ada
        .done(&[&["custodian-admin", "reinstate", rita], &because[..]].concat());
    place
        .bob
        .done(&["custodian-admin", "approve", rita, "--yes"]);
    let revoke = [&["custodian-admin", "revoke", rita], &because[..]].concat();
    let no = place.ada.at_terminal(&revoke, Some(&[("Type yes:", "y")]));
    assert_eq!(no["code"], 1, "{no}");
    let table = place.ada.done(&["custodian-admin", "list"]);
    assert!(!table.contains("revoked"), "{table}");
    place.ada.done(&[&revoke[..], &["--yes"]].concat());
    let shown = place.ada.done(&["custodian-admin", "show", rita]);
    for said in ["status        | revoked", "lost her key?", "key proven"] {
        assert!(shown.contains(said), "{shown}");
    }
}

#[test]
fn a_service_that_shows_something_else_than_it_wants_signed_gets_no_signature() {
    let place = Place::open();
    let (asked, id) = place.ask("one");
    let (other, _) = place.ask("two");
    let mut changed = asked.clone();
    changed["justification"] = "harmless".into();
    for lie in [changed, other] {
        let (url, served) = service_that_says(vec![answer("200 OK", "", &lie.to_string())]);
        let sign = [
            "override",
            "sign",
            &id,
            "--yes",
            "--url",
            &url,
            "--custodian",
            &place.rita.id,
        ];
        let ended = place.rita.desk.run(&[&sign, &KEY[..]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(
            ended.error.contains("tell your auditor") || ended.error.contains("Tell your auditor")
        );
        assert_eq!(served.join().unwrap().len(), 1);
    }
    assert_eq!(place.status(&id), "pending");
}

#[test]
fn a_signature_whose_answer_was_lost_counts_once() {
    let place = Place::open();
    let (asked, id) = place.ask("one");
    assert_eq!(place.rita.sign_unasked(&id).code, 0);
    let signed = place.app.json(&["override", "show", &id]);
    let conflict = json!({"code": "conflict", "detail": "signed already", "request_id": "r"});
    let conflict = || answer("409 Conflict", "", &conflict.to_string());
    let fine = |body: &Value| answer("200 OK", "", &body.to_string());
    let rita = place.rita.id.as_str();
    for (now, code) in [(&signed, 0), (&asked, 2)] {
        let answers = vec![fine(&asked), String::new(), conflict(), fine(now)];
        let (url, served) = service_that_says(answers);
        let sign = [
            "override",
            "sign",
            &id,
            "--yes",
            "--url",
            &url,
            "--custodian",
            rita,
        ];
        let ended = place.rita.desk.run(&[&sign, &KEY[..]].concat());
        assert_eq!(ended.code, code, "{ended:?}");
        assert_eq!(served.join().unwrap().len(), 4);
    }
}

#[test]
fn what_is_no_key_and_what_is_no_signature_is_not_sent() {
    let house = House::open();
    let ada = Desk::with(&house.url, &house.ada);
    for (name, text) in [
        ("empty", ""),
        ("words", "scheme bip340"),
        (
            "more",
            r#"{"scheme":"bip340","public_key":"AA==","secret":"AA=="}"#,
        ),
    ] {
        ada.write(name, text);
        let enrol = [
            "custodian-admin",
            "enrol",
            name,
            "--subject",
            "rita",
            "--role",
            "risk_lead",
        ];
        let ended = ada.run(&[&enrol[..], &["--out", "enrolment"]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(
            ended.error.contains("custodian pubkey --output json"),
            "{ended:?}"
        );
        assert!(!ada.path("enrolment").exists());
        let id = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
        let ended = ada.run(&["custodian-admin", "activate", id, "--signature", name]);
        assert_eq!(ended.code, 1, "{ended:?}");
    }
    assert_eq!(ada.json(&["custodian-admin", "list"])["items"], json!([]));
}
