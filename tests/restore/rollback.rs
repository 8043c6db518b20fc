//! A restore without the log: two admins must accept it, and after it nothing opens that anybody had in hands.

use std::fs;

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    authority::Authority,
    people::{Desk, Person, RISK, SECURITY, text},
    scene::{PLAINTEXT, ROLLBACK, Scene},
};

/// Which went on after its backup, and lost disk and log.
fn lost() -> (Scene, [Value; 2]) {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    let old = scene.encrypt("payroll");
    let wrapped = scene
        .post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}))
        .is(200)["wrapped"]
        .take();
    scene.backup("b");
    scene.rotate("payroll");
    scene.lose_disk();
    (scene, [old, wrapped])
}

#[test]
fn two_admins_get_back_what_the_backup_has_and_all_numbers_skip() {
    let (mut scene, [old, wrapped]) = lost();
    let report = scene.roll_back();
    assert_eq!(report["how"], "rollback");
    assert_eq!(report["admins"], json!(["ada", "bob"]));
    let path = format!("/v1/admin/principals/{}/tokens", scene.id("app"));
    for name in ["app", "operator", "auditor"] {
        let path = format!("/v1/admin/principals/{}/tokens", scene.id(name));
        assert_eq!(scene.get(name, "/v1/capabilities").status, 401, "{name}");
        let made = scene.post("ada", &path, json!({})).is(201);
        let approve = format!("{path}/{}/approve", text(&made, "id"));
        scene.post("bob", &approve, json!({})).is(200);
        scene.holds(name, text(&made, "token"));
    }
    drop(path);
    scene.opens("payroll", &old);
    let opened = scene.post("app", "/v1/unwrap", json!({"wrapped": wrapped}));
    assert_eq!(opened.is(200)["plaintext"], PLAINTEXT);
    assert_eq!(scene.version_row("payroll", 1002)["state"], "enabled");
    let kek = scene.get("operator", "/v1/kek").is(200);
    assert!(text(&kek, "current").starts_with("kek-v1002-"), "{kek}");
    let verdict = scene.post("auditor", "/v1/audit/verify", json!({})).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
    let log = scene.audit();
    let entry = log
        .iter()
        .find(|entry| entry["action"] == "restored")
        .unwrap();
    assert_eq!(entry["detail"]["accepted_by"], json!(["ada", "bob"]));
    // The token's copy was brought along: a restart finds nothing wrong.
    scene.stop();
    scene.serve();
    scene.encrypt("payroll");
}

#[test]
fn after_a_rollback_no_old_token_opens_anything() {
    let (mut scene, _) = lost();
    scene.roll_back();
    let old =
        ["ada.token", "bob.token"].map(|file| fs::read_to_string(scene.site.path(file)).unwrap());
    let others = ["app", "operator", "auditor"].map(|name| scene.token(name));
    for token in old.iter().chain(&others) {
        let answer = scene
            .served()
            .plain(token, "GET", "/v1/capabilities", &Value::Null);
        answer.is_refused(401, "unauthenticated");
    }
    assert_eq!(scene.get("ada", "/v1/capabilities").status, 200);
}

#[test]
fn one_admin_alone_two_tokens_of_one_person_and_tokens_that_open_nothing_accept_no_rollback() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    let old = scene.encrypt("payroll");
    let tokens = |scene: &Scene, of: &str| {
        let all = scene.get("ada", "/v1/admin/principals").is(200);
        let items = all["items"].as_array().unwrap();
        let found = items.iter().find(|one| one["subject"] == of).unwrap();
        format!("/v1/admin/principals/{}/tokens", text(found, "id"))
    };
    let own = tokens(&scene, "ada");
    let second = scene.post("ada", &own, json!({})).is(201);
    scene
        .site
        .write_private("ada2.token", text(&second, "token"));
    let gone = scene.post("ada", &own, json!({})).is(201);
    scene.site.write_private("gone.token", text(&gone, "token"));
    let revoke = format!("{own}/{}", text(&gone, "id"));
    scene.call("ada", "DELETE", &revoke, &Value::Null).is(204);
    let short = scene.post("ada", &own, json!({"expires_in": "1s"})).is(201);
    scene
        .site
        .write_private("short.token", text(&short, "token"));
    // carol's hands are ada's too: ada made her.
    scene.make("carol", "admin", json!({}));
    scene
        .site
        .write_private("carol.token", scene.token("carol"));
    scene.site.write_private("app.token", scene.token("app"));
    scene.backup("b");
    crate::service::eventually("it is expired", || {
        let answer = scene.served().plain(
            &text(&short, "token"),
            "GET",
            "/v1/capabilities",
            &Value::Null,
        );
        answer.status == 401
    });
    scene.stop();
    let before = fs::read(scene.database()).unwrap();
    let tried = |approvers: &[&str], says: &str| {
        let mut all = vec![
            "--accept-rollback",
            "--admin",
            "ada=ada.new",
            "--admin",
            "bob=bob.new",
        ];
        for approver in approvers {
            all.extend(["--approved-by", approver]);
        }
        scene.restore(&all).is_refused(3, says);
    };
    tried(&["ada=ada.token"], "it takes two admins");
    tried(&["ada=ada.token", "ada=ada2.token"], "it takes two admins");
    tried(
        &["ada=gone.token", "bob=bob.token"],
        "this token opens nothing",
    );
    tried(
        &["ada=short.token", "bob=bob.token"],
        "this token opens nothing",
    );
    tried(
        &["ada=ada.token", "bob=ada2.token"],
        "another person's token",
    );
    tried(&["ada=ada.token", "app=app.token"], "no admin's token");
    tried(
        &["ada=ada.token", "carol=carol.token"],
        "an independent admin",
    );
    assert!(!scene.site.path("ada.new").exists());
    assert_eq!(fs::read(scene.database()).unwrap(), before);
    scene.serve();
    scene.opens("payroll", &old);
}

#[test]
fn open_overrides_are_void_after_a_rollback_and_certificates_stay() {
    let mut scene = Scene::new();
    let rita = Person::enrol(&scene, "rita", RISK, Kind::Ed25519);
    let theo = Person::enrol(&scene, "theo", SECURITY, Kind::Bip340);
    let done = scene.request("done", json!({})).is(201);
    rita.sign(&scene, &done).is(200);
    theo.sign(&scene, &done).is(200);
    let open = scene.request("open", json!({})).is(201);
    rita.sign(&scene, &open).is(200);
    scene.backup("b");
    scene.lose_disk();
    let report = scene.roll_back();
    assert_eq!(report["shut"]["overrides"], json!([text(&open, "id")]));
    assert_eq!(report["shut"]["custodians"], json!([]));
    let path = format!("/v1/admin/principals/{}/tokens", scene.id("auditor"));
    let made = scene.post("ada", &path, json!({})).is(201);
    let approve = format!("{path}/{}/approve", text(&made, "id"));
    scene.post("bob", &approve, json!({})).is(200);
    scene.holds("auditor", text(&made, "token"));
    let of = |asked: &Value, more: &str| {
        scene
            .get(
                "auditor",
                &format!("/v1/overrides/{}{more}", text(asked, "id")),
            )
            .is(200)
    };
    assert_eq!(of(&open, "")["status"], "withdrawn");
    assert_eq!(of(&done, "")["status"], "approved");
    assert!(of(&done, "/certificate")["payload"].is_string());
}

/// With this binding a signature is good for a question, whoever asks it again.
#[test]
fn a_rollback_ends_every_custodian_where_signatures_bind_no_single_override() {
    let mut scene = Scene::with("[overrides]\nbinding = \"aegis\"\n");
    let rita = Person::enrol(&scene, "rita", RISK, Kind::Ed25519);
    scene.backup("b");
    scene.lose_disk();
    let report = scene.roll_back();
    assert_eq!(report["shut"]["custodians"], json!(["rita (rita)"]));
    let shown = scene
        .get("ada", &format!("/v1/custodians/{}", rita.id))
        .is(200);
    assert_eq!(shown["status"], "revoked");
    crate::people::enrol(&scene, "rita", RISK, &rita.key).is_refused(409, "already_exists");
}

#[test]
fn a_client_certificate_stands_for_nobody_after_a_rollback() {
    let mut scene = Scene::new();
    let clients = Authority::new(scene.site.folder(), "clients");
    let till = clients.client("till");
    let body = json!({"name": "till", "subject": "till", "roles": ["app"], "client_cert_sha256": till.sha256});
    scene
        .post("ada", "/v1/admin/principals", body.clone())
        .is(201);
    scene.backup("b");
    scene.lose_disk();
    let report = scene.roll_back();
    assert_eq!(report["shut"]["certificates"], json!(["till"]));
    let again = json!({"name": "till 2", "subject": "till", "roles": ["app"], "client_cert_sha256": till.sha256});
    scene.post("ada", "/v1/admin/principals", again).is(201);
}

#[test]
fn what_clients_wrapped_under_a_kek_version_that_the_backup_does_not_know_opens_after_a_rollback() {
    let mut scene = Scene::new();
    scene.backup("b");
    scene.post("operator", "/v1/kek/rotate", json!({})).is(202);
    let wrapped = scene
        .post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}))
        .is(200);
    scene.lose_disk();
    let report = scene.roll_back();
    assert_eq!(report["shut"]["keks_found"], json!([wrapped["kek"]]));
    let path = format!("/v1/admin/principals/{}/tokens", scene.id("app"));
    let made = scene.post("ada", &path, json!({})).is(201);
    let approve = format!("{path}/{}/approve", text(&made, "id"));
    scene.post("bob", &approve, json!({})).is(200);
    scene.holds("app", text(&made, "token"));
    let opened = scene.post("app", "/v1/unwrap", json!({"wrapped": wrapped["wrapped"]}));
    assert_eq!(opened.is(200)["plaintext"], PLAINTEXT);
}

#[test]
fn a_later_lawful_restore_from_before_a_rollback_voids_the_same_tokens_again() {
    let (mut scene, _) = lost();
    scene.roll_back();
    let path = format!("/v1/admin/principals/{}/tokens", scene.id("auditor"));
    let made = scene.post("ada", &path, json!({})).is(201);
    let approve = format!("{path}/{}/approve", text(&made, "id"));
    scene.post("bob", &approve, json!({})).is(200);
    scene.holds("auditor", text(&made, "token"));
    scene.export("e");
    scene.lose_disk();
    let ended = scene.restore(&["--audit", "e"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = ended.json();
    assert_eq!(report["taken_away"]["restored"], 1);
    assert_eq!(report["admins"], json!([]));
    assert!(
        report["next"][1]
            .as_str()
            .unwrap()
            .contains("fewer than two admins"),
        "{report}"
    );
}

#[test]
fn the_new_tokens_go_to_new_files_of_the_admins_who_accepted_it() {
    let (scene, _) = lost();
    scene.site.write_private("ada.new", "mine");
    scene.restore(&ROLLBACK).is_refused(1, "is there already");
    assert_eq!(
        fs::read_to_string(scene.site.path("ada.new")).unwrap(),
        "mine"
    );
    let mut other = ROLLBACK;
    other[6] = "carol=carol.new";
    scene
        .restore(&other)
        .is_refused(1, "for each of those who approve");
}
