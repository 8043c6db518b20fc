//! What was taken away since the backup stays taken away, though the backup knows nothing of it; what was given since is
//! named, and not given.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    people::{Person, RISK, SECURITY, enrol, text},
    scene::{PLAINTEXT, Scene},
};

fn signs_in(scene: &Scene, who: &str) -> u16 {
    scene.get(who, "/v1/capabilities").status
}

#[test]
fn a_deleted_principal_and_a_revoked_token_are_not_revived() {
    let mut scene = Scene::new();
    scene.make("leaver", "app", json!({"deks": ["*"]}));
    scene.make("careless", "app", json!({"deks": ["*"]}));
    scene.backup("b");
    let leaver = format!("/v1/admin/principals/{}", scene.id("leaver"));
    scene.call("ada", "DELETE", &leaver, &Value::Null).is(204);
    let careless = format!("/v1/admin/principals/{}", scene.id("careless"));
    let shown = scene.get("ada", &careless).is(200);
    let token = format!("{careless}/tokens/{}", text(&shown["tokens"][0], "id"));
    scene.call("ada", "DELETE", &token, &Value::Null).is(204);
    let report = scene.come_back();
    assert_eq!(report["taken_away"]["principal.delete"], 1);
    assert_eq!(report["taken_away"]["token.revoke"], 1);
    assert_eq!(signs_in(&scene, "leaver"), 401);
    assert_eq!(signs_in(&scene, "careless"), 401);
    assert_eq!(signs_in(&scene, "app"), 200);
    assert_eq!(scene.get("ada", &leaver).status, 404);
}

#[test]
fn grants_are_those_that_were_in_force_and_a_proposal_is_none() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.make_dek("news");
    scene.make("clerk", "app", json!({"deks": ["*"]}));
    scene.backup("b");
    let path = format!("/v1/admin/principals/{}/grants", scene.id("clerk"));
    let narrow = json!({"deks": ["news"]});
    scene.call("ada", "PUT", &path, &narrow).is(200);
    scene
        .post("bob", &format!("{path}/approve"), narrow)
        .is(200);
    let wide = json!({"deks": ["*"]});
    scene.call("ada", "PUT", &path, &wide).is(200);
    let report = scene.come_back();
    assert_eq!(report["taken_away"]["grants.approve"], 1);
    let encrypt = |dek: &str| {
        let path = format!("/v1/deks/{dek}/encrypt");
        scene
            .post("clerk", &path, json!({"plaintext": PLAINTEXT}))
            .status
    };
    assert_eq!((encrypt("news"), encrypt("payroll")), (200, 404));
    // What waited for bob waits no more.
    scene
        .post("bob", &format!("{path}/approve"), wide)
        .is_refused(409, "conflict");
}

#[test]
fn a_disabled_and_a_destroyed_dek_version_are_not_revived() {
    let mut scene = Scene::new();
    for dek in ["shut", "gone"] {
        scene.make_dek(dek);
    }
    let (shut, gone) = (scene.encrypt("shut"), scene.encrypt("gone"));
    for dek in ["shut", "gone"] {
        scene.rotate(dek);
    }
    scene.backup("b");
    scene.change_version("shut", 1, "disable").is(200);
    scene.change_version("gone", 1, "destroy").is(200);
    scene.come_back();
    scene.decrypt("shut", &shut).is_refused(409, "conflict");
    scene.decrypt("gone", &gone).is_refused(410, "destroyed");
    assert_eq!(scene.version_row("gone", 1)["state"], "pending_destruction");
}

#[test]
fn what_was_to_be_destroyed_is_so_at_the_same_time_and_what_was_saved_is_saved() {
    let mut scene = Scene::new();
    for dek in ["doomed", "saved"] {
        scene.make_dek(dek);
    }
    let old = scene.encrypt("saved");
    for dek in ["doomed", "saved"] {
        scene.rotate(dek);
    }
    scene.change_version("saved", 1, "destroy").is(200);
    scene.backup("b");
    scene.change_version("doomed", 1, "destroy").is(200);
    scene.change_version("saved", 1, "cancel-destroy").is(200);
    let at = scene.version_row("doomed", 1)["destroy_at"].take();
    scene.come_back();
    let doomed = scene.version_row("doomed", 1);
    assert_eq!(
        (&doomed["state"], &doomed["destroy_at"]),
        (&json!("pending_destruction"), &at)
    );
    scene.opens("saved", &old);
}

#[test]
fn a_dek_version_that_was_made_since_is_lost_and_its_number_is_never_anothers() {
    let mut scene = Scene::new();
    scene.make_dek("old");
    scene.backup("b");
    scene.rotate("old");
    scene.make_dek("new");
    let (of_old, of_new) = (scene.encrypt("old"), scene.encrypt("new"));
    let report = scene.come_back();
    scene.decrypt("old", &of_old).is_refused(410, "destroyed");
    scene.decrypt("new", &of_new).is_refused(410, "destroyed");
    for (dek, newest) in [("old", 3), ("new", 2)] {
        let made = scene.encrypt(dek);
        assert!(
            made.as_str().unwrap().contains(&format!("/dek-v{newest}-")),
            "{made}"
        );
        scene.opens(dek, &made);
    }
    let lost = &report["not_given"];
    assert_eq!(lost["dek.create"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(lost["dek.rotate"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn a_dek_whose_newest_version_was_disabled_encrypts_nothing_though_that_version_is_lost() {
    let mut scene = Scene::new();
    scene.make_dek("shut");
    scene.backup("b");
    scene.rotate("shut");
    scene.change_version("shut", 2, "disable").is(200);
    scene.come_back();
    assert_eq!(scene.version_row("shut", 3)["state"], "disabled");
    scene
        .post(
            "app",
            "/v1/deks/shut/encrypt",
            json!({"plaintext": PLAINTEXT}),
        )
        .is_refused(409, "conflict");
}

#[test]
fn what_was_given_since_is_named_and_not_given() {
    let mut scene = Scene::new();
    scene.make_dek("shut");
    scene.change_version("shut", 1, "disable").is(200);
    scene.backup("b");
    scene.change_version("shut", 1, "enable").is(200);
    scene.make("newcomer", "app", json!({"deks": ["*"]}));
    let path = format!("/v1/admin/principals/{}/tokens", scene.id("app"));
    let made = scene.post("ada", &path, json!({})).is(201);
    let approve = format!("{path}/{}/approve", text(&made, "id"));
    scene.post("bob", &approve, json!({})).is(200);
    scene.holds("second", text(&made, "token"));
    assert_eq!(signs_in(&scene, "second"), 200);
    let report = scene.come_back();
    assert_eq!(scene.version_row("shut", 1)["state"], "disabled");
    assert_eq!(signs_in(&scene, "newcomer"), 401);
    assert_eq!(signs_in(&scene, "second"), 401);
    let named = &report["not_given"];
    assert!(
        named["dek.enable"][0]
            .as_str()
            .unwrap()
            .starts_with("shut/"),
        "{report}"
    );
    assert_eq!(named["principal.create"], json!(["newcomer (newcomer)"]));
    assert!(
        named["token.create"][0]
            .as_str()
            .unwrap()
            .ends_with(" of app"),
        "{report}"
    );
}

#[test]
fn a_suspended_and_a_revoked_custodian_are_not_revived_and_their_signatures_are_void() {
    let mut scene = Scene::new();
    let rita = Person::enrol(&scene, "rita", RISK, Kind::Ed25519);
    let theo = Person::enrol(&scene, "theo", SECURITY, Kind::Bip340);
    let asked = crate::people::Desk::request(&scene, "both", json!({})).is(201);
    rita.sign(&scene, &asked).is(200);
    scene.backup("b");
    rita.change(&scene, "revoke").is(200);
    theo.change(&scene, "suspend").is(200);
    theo.change(&scene, "reinstate").is(200);
    let report = scene.come_back();
    let state = |person: &Person| {
        let path = format!("/v1/custodians/{}", person.id);
        text(&scene.get("auditor", &path).is(200), "status")
    };
    assert_eq!(
        (state(&rita).as_str(), state(&theo).as_str()),
        ("revoked", "suspended")
    );
    assert_eq!(report["not_given"]["custodian.reinstate"], json!([theo.id]));
    let path = format!("/v1/overrides/{}", text(&asked, "id"));
    let shown = scene.get("auditor", &path).is(200);
    assert_eq!(shown["status"], "pending", "{shown}");
    assert_eq!(shown["void_signatures"].as_array().unwrap().len(), 1);
    theo.sign(&scene, &asked).is_refused(409, "conflict");
    // Neither key comes back under another name.
    enrol(&scene, "rita2", RISK, &rita.key).is_refused(409, "already_exists");
}

#[test]
fn the_key_of_a_custodian_who_came_and_went_since_stays_spent_and_that_of_one_who_only_came_does_not()
 {
    let mut scene = Scene::new();
    scene.backup("b");
    let gone = Person::enrol(&scene, "rita", RISK, Kind::Ed25519);
    gone.change(&scene, "revoke").is(200);
    let lost = Person::enrol(&scene, "theo", SECURITY, Kind::Bip340);
    scene.come_back();
    enrol(&scene, "again", RISK, &gone.key).is_refused(409, "already_exists");
    let shown = scene
        .get("auditor", &format!("/v1/custodians/{}", gone.id))
        .is(200);
    assert_eq!(shown["status"], "revoked");
    enrol(&scene, "theo", SECURITY, &lost.key).is(201);
}

#[test]
fn a_kek_version_that_was_made_since_opens_and_one_that_was_retired_since_does_not() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    let wrap = |scene: &Scene| {
        let made = scene.post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}));
        made.is(200)["wrapped"].take()
    };
    let first = wrap(&scene);
    let v1 = text(&scene.get("operator", "/v1/kek").is(200), "current");
    scene.backup("b");
    scene.post("operator", "/v1/kek/rotate", json!({})).is(202);
    crate::service::eventually("all is moved", || {
        scene.get("operator", "/v1/kek").is(200)["job"].is_null()
    });
    let second = wrap(&scene);
    let retire = format!("/v1/kek/versions/{v1}/retire");
    scene
        .post("operator", &retire, json!({"confirm": v1}))
        .is(200);
    let report = scene.come_back();
    assert!(text(&report, "kek").starts_with("kek-v3-"), "{report}");
    let unwrap = |text: &Value| scene.post("app", "/v1/unwrap", json!({"wrapped": text}));
    assert_eq!(unwrap(&second).is(200)["plaintext"], PLAINTEXT);
    unwrap(&first).is_refused(410, "destroyed");
    scene.encrypt("payroll");
}

#[test]
fn an_answer_that_an_idempotency_key_stood_for_is_not_given_again() {
    let mut scene = Scene::new();
    let body = json!({"name": "once", "algorithm": "aes-256-gcm"}).to_string();
    let bearer = format!("Bearer {}", scene.token("operator"));
    let ask = |scene: &Scene| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let url = format!("{}/v1/deks", scene.served().url);
        crate::service::send(
            &crate::service::agent(),
            "POST",
            &url,
            &headers,
            body.as_bytes(),
        )
        .status
    };
    assert_eq!((ask(&scene), ask(&scene)), (201, 201));
    scene.backup("b");
    scene.come_back();
    assert_eq!(ask(&scene), 409);
}
