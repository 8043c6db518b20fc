//! The export of the log of a service that does not run: what was logged at its end is in it, so a backup is restored by
//! it. Nothing of the service is changed by that.

use std::{fs, process::Command};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    appliance::Site,
    scene::{Ended, Scene},
};

/// A service with backup `b`, and something that it encrypted; its keys are pinned in `keys.json`.
fn served() -> (Scene, Value) {
    let scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    let old = scene.encrypt("payroll");
    let keys = scene.get("", "/v1/signing-keys").text;
    fs::write(scene.site.path("keys.json"), keys).unwrap();
    (scene, old)
}

fn exporting(scene: &Scene, more: &[&str]) -> Command {
    let all = ["audit", "export", "--config", "custodian.toml"];
    let mut command = scene
        .site
        .command(&[&all, &["--out", "last", "--output", "json"], more].concat());
    // An operator's shell may say where the service is.
    command.env("CUSTODIAN_URL", "http://127.0.0.1:1");
    command
}

fn export(scene: &Scene, more: &[&str]) -> Ended {
    Ended::of(exporting(scene, more).output().unwrap())
}

/// Database and write-ahead log; none is as good as an empty one.
fn files(scene: &Scene) -> [Vec<u8>; 2] {
    let wal = scene.site.path("data/custodian.db-wal");
    [
        fs::read(scene.database()).unwrap(),
        fs::read(wal).unwrap_or_default(),
    ]
}

/// How many entries there are, and how many of them are signed, as a copy of the database says.
fn logged(scene: &Scene) -> (i64, i64) {
    let copy = scene.site.path("copy.db");
    for (end, bytes) in ["", "-wal"].iter().zip(files(scene)) {
        fs::write(format!("{}{end}", copy.display()), bytes).unwrap();
    }
    let copy = Connection::open(copy).unwrap();
    let count = |sql| copy.query_row(sql, [], |row| row.get(0)).unwrap();
    (
        count("SELECT count(*) FROM audit_entries"),
        count("SELECT size FROM checkpoints"),
    )
}

/// Exports, and answers how many entries that are; the export is what an auditor believes, and the service as it was.
fn export_all(scene: &Scene) -> i64 {
    let before = files(scene);
    let exported = export(scene, &[]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_eq!(exported.json()["valid"], true);
    assert_eq!(files(scene), before);
    assert!(!scene.site.path("last.partial").exists());
    let judge = ["verify", "audit", "last", "--keys", "keys.json"];
    let judged = Ended::of(scene.site.command(&judge).output().unwrap());
    assert_eq!(judged.code, 0, "{judged:?}");
    exported.json()["size"].as_i64().unwrap()
}

fn restores(mut scene: Scene, old: &Value) {
    let ended = scene.restore(&["--audit", "last"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    scene.serve();
    scene.opens("payroll", old);
}

#[test]
fn what_a_stop_logs_is_in_the_export_after_it_and_a_backup_is_restored_by_that_one_only() {
    let (mut scene, old) = served();
    let stranger = scene
        .served()
        .plain("nobody", "GET", "/v1/deks", &Value::Null);
    assert_eq!(stranger.status, 401);
    scene.export("e");
    scene.stop();
    let ended = scene.restore(&["--audit", "e"]);
    ended.is_refused(3, "this export is not the newest");
    let (all, signed) = logged(&scene);
    assert_eq!(all, signed);
    assert_eq!(export_all(&scene), all);
    restores(scene, &old);
}

#[test]
fn what_was_logged_before_a_kill_and_is_not_signed_is_signed_for_the_export() {
    let (mut scene, old) = served();
    let all = loop {
        scene.encrypt("payroll");
        scene.kill();
        let (all, signed) = logged(&scene);
        if signed < all {
            break all;
        }
        scene.serve();
    };
    assert_eq!(export_all(&scene), all);
    assert!(logged(&scene).1 < all);
    restores(scene, &old);
}

#[test]
fn an_export_that_lacks_what_the_database_in_its_place_knows_is_refused() {
    // So that the token cannot tell.
    let site = Site::new();
    site.configure("note_every = \"1h\"\n");
    let mut scene = Scene::on(site);
    scene.make("zed", "operator", json!({}));
    scene.backup("b");
    scene.export("e");
    let zed = format!("/v1/admin/principals/{}", scene.id("zed"));
    scene.call("ada", "DELETE", &zed, &Value::Null).is(204);
    scene.kill();
    let before = files(&scene);
    let ended = scene.restore(&["--audit", "e"]);
    ended.is_refused(3, "knows of a change");
    assert_eq!(files(&scene), before);
    let exported = export(&scene, &[]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let ended = scene.restore(&["--audit", "last"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    scene.serve();
    assert_eq!(scene.get("zed", "/v1/deks").status, 401);
}

#[test]
fn a_service_that_runs_is_to_be_asked_itself() {
    let (mut scene, old) = served();
    export(&scene, &[]).is_refused(1, "the same command without --config");
    assert!(!scene.site.path("last").exists());
    scene.opens("payroll", &old);
    scene.stop();
    export_all(&scene);
    export(&scene, &[]).is_refused(1, "is there already");
}

#[test]
fn a_log_that_is_not_what_was_signed_is_not_exported() {
    let (mut scene, _) = served();
    scene.stop();
    let change = |sql: &str| {
        let database = Connection::open(scene.database()).unwrap();
        assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    };
    change("UPDATE audit_entries SET entry = x'7b7d' WHERE number = 3");
    export(&scene, &[]).is_refused(
        3,
        "EntryChanged: an entry is not as it was logged (entry 3)",
    );
    change("DELETE FROM audit_entries WHERE number > 2");
    export(&scene, &[]).is_refused(3, "TailCut");
    change("DELETE FROM checkpoints");
    export(&scene, &[]).is_refused(3, "CheckpointMissing");
    for name in ["last", "last.partial"] {
        assert!(!scene.site.path(name).exists(), "{name}");
    }
}

#[test]
fn a_log_is_taken_from_a_database_or_from_a_service() {
    let (mut scene, _) = served();
    scene.stop();
    export(&scene, &["--url", "http://127.0.0.1:1"]).is_refused(1, "give one of them");
    export(&scene, &["--from", "e"]).is_refused(1, "cannot be used with");
}
