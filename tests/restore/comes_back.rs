//! What a lawful restore brings back, and that every key is a new one after it.

use std::fs;

use serde_json::{Value, json};

use crate::scene::{PLAINTEXT, Scene};

fn current_kek(scene: &Scene) -> Value {
    scene.get("operator", "/v1/kek").is(200)["current"].take()
}

#[test]
fn a_lost_database_comes_back_and_what_was_encrypted_opens() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    let hybrid = json!({"name": "events", "algorithm": "mlkem768-x25519"});
    scene.post("operator", "/v1/deks", hybrid).is(201);
    let (old, event) = (scene.encrypt("payroll"), scene.encrypt("events"));
    let wrapped = scene
        .post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}))
        .is(200);
    scene.backup("b");
    let since = scene.encrypt("payroll");
    let report = scene.come_back();
    assert_eq!(report["how"], "audit");
    scene.opens("payroll", &old);
    scene.opens("payroll", &since);
    scene.opens("events", &event);
    let opened = scene.post("app", "/v1/unwrap", json!({"wrapped": wrapped["wrapped"]}));
    assert_eq!(opened.is(200)["plaintext"], PLAINTEXT);
    assert!(!scene.site.path("data/restore.partial").exists());
    assert!(!scene.site.path("data/restore.unfinished").exists());
}

#[test]
fn every_key_is_a_new_one_after_a_restore_and_a_disabled_one_stays_disabled() {
    let mut scene = Scene::new();
    scene.make_dek("used");
    scene.make_dek("shut");
    scene.change_version("shut", 1, "disable").is(200);
    let before = current_kek(&scene);
    scene.backup("b");
    let report = scene.come_back();
    assert_eq!(report["dek_versions"], 2);
    let after = current_kek(&scene);
    assert_ne!(before, after);
    assert_eq!(report["kek"], after);
    for (dek, state) in [("used", "enabled"), ("shut", "disabled")] {
        assert_eq!(scene.version_row(dek, 2)["state"], state);
        for number in [1, 2] {
            assert_eq!(scene.version_row(dek, number)["kek"], after, "{dek}");
        }
    }
    let new = scene.encrypt("used");
    assert!(new.as_str().unwrap().contains("/dek-v2-"), "{new}");
    let job = scene.get("operator", "/v1/kek").is(200)["job"].take();
    assert_eq!(job, Value::Null);
}

#[test]
fn the_log_goes_on_where_the_export_ends_and_everybody_can_tell() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    scene.encrypt("payroll");
    let report = scene.come_back();
    let log = scene.audit();
    let exported = fs::read_to_string(scene.site.path("e")).unwrap();
    for (line, entry) in exported.lines().skip(1).zip(&log) {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), *entry);
    }
    let restored: Vec<_> = log
        .iter()
        .filter(|entry| entry["action"] == "restored")
        .collect();
    assert_eq!(restored.len(), 1);
    assert_eq!(restored[0]["actor"], Value::Null);
    assert_eq!(restored[0]["detail"]["how"], "audit");
    assert_eq!(
        restored[0]["detail"]["database_sha256"],
        report["database_sha256"]
    );
    let verdict = scene.post("auditor", "/v1/audit/verify", json!({})).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
    // Whoever kept the checkpoint of before finds it in the log of now.
    let first: Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    fs::write(
        scene.site.path("kept"),
        first["checkpoint"].as_str().unwrap(),
    )
    .unwrap();
    let keys = scene.get("", "/v1/signing-keys").text;
    fs::write(scene.site.path("keys.json"), keys).unwrap();
    scene.export("after");
    let judged = scene.cli(
        "auditor",
        &[
            "verify",
            "audit",
            "after",
            "--keys",
            "keys.json",
            "--earlier",
            "kept",
            "--output",
            "json",
        ],
    );
    assert_eq!(judged.code, 0, "{judged:?}");
    assert_eq!(judged.json()["earlier"][0]["contained"], true);
    // And the token's copy goes on with it.
    scene.stop();
    scene.serve();
    scene.encrypt("payroll");
}

#[test]
fn an_old_database_is_kept_beside_the_restored_one_with_its_write_ahead_log() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    let old = scene.encrypt("payroll");
    scene.export("e");
    scene.kill();
    let before = fs::read(scene.database()).unwrap();
    let wal = fs::read(scene.site.path("data/custodian.db-wal")).unwrap();
    let ended = scene.restore(&["--audit", "e"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let kept = ended.json()["replaced"].as_str().unwrap().to_owned();
    assert_eq!(fs::read(&kept).unwrap(), before);
    assert_eq!(fs::read(format!("{kept}-wal")).unwrap(), wal);
    scene.serve();
    scene.opens("payroll", &old);
}

#[test]
fn a_backup_that_was_made_while_the_kek_was_rotated_comes_back_whole() {
    let mut scene = Scene::new();
    for number in 0..200 {
        scene.make_dek(&format!("dek-{number}"));
    }
    let old = scene.encrypt("dek-7");
    scene.post("operator", "/v1/kek/rotate", json!({})).is(202);
    scene.backup("b");
    scene.come_back();
    scene.opens("dek-7", &old);
    let jobs = scene.get("operator", "/v1/jobs").is(200);
    let states: Vec<_> = jobs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["status"].clone())
        .collect();
    assert_eq!(states, ["done", "done"], "{jobs}");
}

#[test]
fn a_thousand_deks_come_back() {
    let mut scene = Scene::new();
    for number in 0..1000 {
        scene.make_dek(&format!("dek-{number}"));
    }
    let samples = [0, 499, 999].map(|number| format!("dek-{number}"));
    let old = samples.clone().map(|name| scene.encrypt(&name));
    scene.backup("b");
    let report = scene.come_back();
    assert_eq!(report["dek_versions"], 1000);
    for (name, old) in samples.iter().zip(&old) {
        scene.opens(name, old);
        scene.encrypt(name);
    }
}
