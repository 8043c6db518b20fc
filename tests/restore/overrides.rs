//! Overrides after a restore: what was decided since the backup is decided, and nothing is decided twice.

use std::fs;

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    people::{Desk, Person, RISK, SECURITY, text},
    scene::Scene,
};

fn people(scene: &Scene) -> (Person, Person) {
    (
        Person::enrol(scene, "rita", RISK, Kind::Ed25519),
        Person::enrol(scene, "theo", SECURITY, Kind::Bip340),
    )
}

fn certificate(scene: &Scene, of: &Value) -> crate::service::Answer {
    let path = format!("/v1/overrides/{}/certificate", text(of, "id"));
    scene.get("auditor", &path)
}

#[test]
fn an_override_that_was_approved_since_is_not_approved_again_and_its_signatures_are_worth_nothing()
{
    let mut scene = Scene::new();
    let (rita, theo) = people(&scene);
    let asked = scene.request("go", json!({})).is(201);
    rita.sign(&scene, &asked).is(200);
    scene.backup("b");
    assert_eq!(theo.sign(&scene, &asked).is(200)["status"], "approved");
    let signed = certificate(&scene, &asked).is(200);
    fs::write(scene.site.path("certificate"), signed.to_string()).unwrap();
    scene.come_back();
    assert_eq!(scene.status(&asked), "approved");
    certificate(&scene, &asked).is_refused(409, "conflict");
    for person in [&rita, &theo] {
        person.sign(&scene, &asked).is_refused(409, "conflict");
    }
    scene
        .request("go", json!({}))
        .is_refused(409, "already_exists");
    // Whoever has the certificate has a good one.
    fs::write(
        scene.site.path("keys.json"),
        scene.get("", "/v1/signing-keys").text,
    )
    .unwrap();
    let judged = scene.cli(
        "auditor",
        &[
            "verify",
            "certificate",
            "certificate",
            "--keys",
            "keys.json",
        ],
    );
    assert_eq!(judged.code, 0, "{judged:?}");
}

#[test]
fn a_rejected_a_withdrawn_and_a_half_signed_override_are_what_they_were_at_the_end() {
    let mut scene = Scene::new();
    let (rita, _theo) = people(&scene);
    let [no, back, half] = ["no", "back", "half"].map(|why| scene.request(why, json!({})).is(201));
    scene.backup("b");
    rita.reject(&scene, &no, "not now").is(200);
    let withdraw = format!("/v1/overrides/{}/withdraw", text(&back, "id"));
    scene.post("app", &withdraw, json!({})).is(200);
    rita.sign(&scene, &half).is(200);
    let report = scene.come_back();
    assert_eq!(scene.status(&no), "rejected");
    assert_eq!(scene.status(&back), "withdrawn");
    // The signature is lost with the database, and can be given again.
    assert_eq!(scene.status(&half), "pending");
    assert_eq!(
        report["not_given"]["override.sign"],
        json!([text(&half, "id")])
    );
    assert_eq!(rita.sign(&scene, &half).is(200)["status"], "partial");
    rita.sign(&scene, &no).is_refused(409, "conflict");
    let path = format!("/v1/overrides/{}", text(&no, "id"));
    let shown = scene.get("auditor", &path).is(200);
    assert_eq!(shown["rejection"]["reason"], "not now");
}

#[test]
fn a_question_that_was_asked_since_stays_asked_and_nobody_can_sign_it() {
    let mut scene = Scene::with("[overrides]\nbinding = \"aegis\"\n");
    let (rita, theo) = people(&scene);
    scene.backup("b");
    let done = scene.request("done", json!({})).is(201);
    rita.sign(&scene, &done).is(200);
    assert_eq!(theo.sign(&scene, &done).is(200)["status"], "approved");
    let open = scene.request("open", json!({})).is(201);
    let signature = rita.signature(&open);
    rita.sign(&scene, &open).is(200);
    scene.come_back();
    assert_eq!(scene.status(&done), "approved");
    assert_eq!(scene.status(&open), "withdrawn");
    for why in ["done", "open"] {
        scene
            .request(why, json!({}))
            .is_refused(409, "already_exists");
    }
    rita.post_signature(&scene, &open, &signature)
        .is_refused(409, "conflict");
    certificate(&scene, &done).is_refused(409, "conflict");
}
