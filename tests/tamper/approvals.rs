//! What somebody who writes into the database would most like: an approval that two people did not give.

use std::{thread, time::Duration};

use aegis_custodian::crypto::scheme::{Kind, SigningKey};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    council::Council,
    every_column::Log,
    file::{self, never_failed, number, run},
    people::{Desk, Person, RISK, SECURITY, text},
    service::{Answer, Service, eventually},
    whole_rows::is_named,
};

/// Longer than the service takes to come round to what is due.
const SOME_ROUNDS: Duration = Duration::from_millis(2500);

fn scene() -> (TempDir, Service, Council, Connection) {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let council = Council::meet(&service);
    let file = file::open(home.path());
    (home, service, council, file)
}

fn show(service: &Service, of: &Value) -> Answer {
    service.get("app", &format!("/v1/overrides/{}", text(of, "id")))
}

fn certificate(service: &Service, of: &Value) -> Answer {
    let path = format!("/v1/overrides/{}/certificate", text(of, "id"));
    service.get("app", &path)
}

/// As whoever reads the file would name it.
fn is(of: &Value) -> String {
    format!("id = '{}'", text(of, "id"))
}

#[test]
fn a_custodian_that_is_active_by_hand_only_signs_nothing() {
    let (_home, service, council, file) = scene();
    for (who, was) in [(&council.sue, "suspended"), (&council.rex, "revoked")] {
        let whose = format!("WHERE id = '{}'", who.id);
        run(
            &file,
            &format!("UPDATE custodians SET state = 'active' {whose}"),
        );
        let refused = who.sign(&service, &council.pending);
        refused.is_refused(422, "integrity_failure");
        let refused = who.reject(&service, &council.pending, "no");
        refused.is_refused(422, "integrity_failure");
        run(
            &file,
            &format!("UPDATE custodians SET state = '{was}' {whose}"),
        );
        who.sign(&service, &council.pending)
            .is_refused(409, "conflict");
    }
    assert_eq!(service.status(&council.pending), "pending");
    never_failed(&service);
}

#[test]
fn another_key_in_the_place_of_a_custodians_signs_nothing() {
    let (_home, service, council, file) = scene();
    let Person { id, token, .. } = &council.rita;
    let thief = Person {
        id: id.clone(),
        token: token.clone(),
        key: SigningKey::generate(Kind::Bip340).unwrap(),
    };
    let key = |key: &SigningKey| {
        let (text, print) = (key.public_key().text(), key.public_key().fingerprint());
        format!(
            "UPDATE custodians SET public_key = '{text}', fingerprint = '{print}' WHERE id = '{id}'"
        )
    };
    run(&file, &key(&thief.key));
    for of in [&council.pending, &council.partial] {
        thief
            .sign(&service, of)
            .is_refused(422, "integrity_failure");
    }
    thread::sleep(SOME_ROUNDS);
    run(&file, &key(&council.rita.key));
    thief
        .sign(&service, &council.partial)
        .is_refused(422, "bad_signature");
    assert_eq!(service.status(&council.partial), "partial");
    let approved = council.rita.sign(&service, &council.partial).is(200);
    assert_eq!(approved["status"], "approved");
    never_failed(&service);
}

#[test]
fn a_signature_called_valid_again_or_copied_approves_nothing() {
    let (_home, service, council, file) = scene();
    let of = text(&council.partial, "id");
    let whose = format!("WHERE override_id = '{of}' AND lead = '{RISK}'");
    let state = |state| format!("UPDATE override_signatures SET state = '{state}' {whose}");
    let copy = format!(
        "INSERT INTO override_signatures SELECT 100, '{of}', lead, custodian_id, signature, 'valid', signed_at, mac
         FROM override_signatures WHERE override_id = '{}' AND lead = '{RISK}'",
        text(&council.approved, "id")
    );
    let taken_out = "DELETE FROM override_signatures WHERE seq = 100".to_owned();
    for (attack, back) in [(state("valid"), state("void")), (copy, taken_out)] {
        run(&file, &attack);
        thread::sleep(SOME_ROUNDS);
        show(&service, &council.partial).is_refused(422, "integrity_failure");
        certificate(&service, &council.partial).is_refused(422, "integrity_failure");
        let again = council.theo.sign(&service, &council.partial);
        again.is_refused(422, "integrity_failure");
        run(&file, &back);
        assert_eq!(service.status(&council.partial), "partial");
    }
    certificate(&service, &council.partial).is_refused(409, "conflict");
    never_failed(&service);
}

#[test]
fn an_override_called_approved_by_hand_has_no_certificate() {
    let (_home, service, council, file) = scene();
    let theirs = format!(
        "(SELECT certificate FROM overrides WHERE {})",
        is(&council.approved)
    );
    for of in [&council.pending, &council.partial] {
        for mac in [
            "mac".to_owned(),
            "zeroblob(32)".to_owned(),
            theirs.replace("certificate", "mac"),
        ] {
            let sql = format!(
                "UPDATE overrides SET state = 'approved', closed_at = created_at, certificate = {theirs}, mac = {mac}
                 WHERE {}",
                is(of)
            );
            run(&file, &sql);
            certificate(&service, of).is_refused(422, "integrity_failure");
            show(&service, of).is_refused(422, "integrity_failure");
            service
                .get("auditor", "/v1/overrides?status=approved")
                .is_refused(422, "integrity_failure");
        }
    }
    certificate(&service, &council.approved).is(200);
    never_failed(&service);
}

#[test]
fn a_certificate_is_handed_out_as_it_was_written_or_not_at_all() {
    let (home, service, council, file) = scene();
    let approved = &council.approved;
    let written = certificate(&service, approved).is(200);
    let set = |to: &str| {
        format!(
            "UPDATE overrides SET certificate = {to} WHERE {}",
            is(approved)
        )
    };
    for to in [
        "certificate || ' '",
        "replace(certificate, 'ed25519:', 'ed25518:')",
        "'{}'",
        "NULL",
    ] {
        run(&file, &set(to));
        certificate(&service, approved).is_refused(422, "integrity_failure");
        run(&file, &set(&format!("'{written}'")));
        // Another order of members is another text.
        certificate(&service, approved).is_refused(422, "integrity_failure");
    }
    file::drop_cleanly(service);
    let again = Service::start(home.path(), &[]);
    certificate(&again, approved).is_refused(422, "integrity_failure");
    let body = json!({"certificate": written});
    let verdict = again.post("auditor", "/v1/overrides/verify", body).is(200);
    assert_eq!(verdict["valid"], true, "the true one is as good as ever");
    never_failed(&again);
}

#[test]
fn an_expired_override_is_not_revived() {
    let (_home, service, council, file) = scene();
    let asked = service
        .request("quick", json!({"expires_in": "1m"}))
        .is(201);
    council.theo.sign(&service, &asked).is(200);
    thread::sleep(Duration::from_secs(61));
    eventually("expired", || service.status(&asked) == "expired");
    let state = |state, closed_at| {
        format!(
            "UPDATE overrides SET state = '{state}', closed_at = {closed_at} WHERE {}",
            is(&asked)
        )
    };
    let later = format!(
        "UPDATE overrides SET expires_at = expires_at + 86400000000 WHERE {}",
        is(&asked)
    );
    eventually("written down", || {
        let sql = format!(
            "SELECT closed_at IS NOT NULL FROM overrides WHERE {}",
            is(&asked)
        );
        number(&file, &sql) == 1
    });
    for sql in [state("partial", "NULL"), later] {
        run(&file, &sql);
        let refused = council.rita.sign(&service, &asked);
        refused.is_refused(422, "integrity_failure");
    }
    never_failed(&service);
}

#[test]
fn rows_about_overrides_that_are_taken_out_are_missed() {
    let (_home, service, council, file) = scene();
    let log = Log::from_here(&service);
    let row = |table: &str, whose: &str| {
        number(
            &file,
            &format!("SELECT rowid FROM {table} WHERE {whose} LIMIT 1"),
        )
    };
    let (approved, partial) = (text(&council.approved, "id"), text(&council.partial, "id"));
    let of_rex = format!("custodian_id = '{}'", council.rex.id);
    let missed = [
        ("overrides", row("overrides", &is(&council.approved))),
        (
            "override_signatures",
            row("override_signatures", &format!("override_id = '{partial}'")),
        ),
        (
            "custodians",
            row("custodians", &format!("id = '{}'", council.sue.id)),
        ),
        ("custodian_keys", row("custodian_keys", &of_rex)),
        ("principals", row("principals", &of_rex)),
    ];
    for sql in [
        format!(
            "DELETE FROM override_signatures WHERE override_id = '{approved}' AND lead = '{SECURITY}'"
        ),
        format!("DELETE FROM overrides WHERE id = '{partial}'"),
        format!(
            "DELETE FROM custodian_keys WHERE custodian_id = '{}'",
            council.sue.id
        ),
        format!("DELETE FROM custodians WHERE id = '{}'", council.rex.id),
    ] {
        run(&file, &sql);
    }
    for (table, row) in missed {
        is_named(&log, table, row);
    }
    show(&service, &council.approved).is_refused(422, "integrity_failure");
    certificate(&service, &council.approved).is_refused(422, "integrity_failure");
    never_failed(&service);
}

#[test]
fn the_key_of_a_revoked_custodian_is_missed_when_its_forms_are_taken_out() {
    let (_home, service, council, file) = scene();
    let log = Log::from_here(&service);
    let rex = number(
        &file,
        &format!(
            "SELECT rowid FROM custodians WHERE id = '{}'",
            council.rex.id
        ),
    );
    run(
        &file,
        &format!(
            "DELETE FROM custodian_keys WHERE custodian_id = '{}'",
            council.rex.id
        ),
    );
    is_named(&log, "custodians", rex);
    never_failed(&service);
}

#[test]
fn a_damaged_override_keeps_no_other_from_its_countersignature() {
    let (_home, service, council, file) = scene();
    let unsure = "UPDATE signing_keys SET created_at = created_at + 1 WHERE purpose = 'override'";
    run(&file, unsure);
    let complete = ["one", "two"].map(|why| {
        let asked = service.request(why, json!({})).is(201);
        council.rita.sign(&service, &asked).is(200);
        let second = council.theo.sign(&service, &asked);
        second.is_refused(503, "kek_unavailable");
        assert_eq!(service.status(&asked), "partial");
        asked
    });
    let [damaged, other] = &complete;
    let damage = format!(
        "UPDATE overrides SET proposal_id = 'p-2' WHERE {}",
        is(damaged)
    );
    run(&file, &damage);
    run(&file, &unsure.replace('+', "-"));
    eventually("approved", || service.status(other) == "approved");
    show(&service, damaged).is_refused(422, "integrity_failure");
    run(&file, &damage.replace("p-2", "p-1"));
    eventually("approved too", || service.status(damaged) == "approved");
    never_failed(&service);
}
