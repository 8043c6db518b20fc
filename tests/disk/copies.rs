//! Backups while something goes wrong: nothing is left for long, and half of one never counts as one.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    faulty::{Faults, serving},
    ledger::Ledger,
    scene::{Scene, is_clean},
    sealed::{Keys, opened},
    service::eventually,
};

/// Where the command puts it.
const OUT: &str = "a.backup";

/// Keys of somebody, and what asks for a backup that they open.
pub fn recipient() -> (Keys, Value) {
    let keys = Keys::new();
    let body = json!({"recipients": [keys.public]});
    (keys, body)
}

/// `custodian backup`, begun.
fn begin(scene: &Scene, keys: &Keys) -> Command {
    let token = scene
        .site
        .write_private("operator.token", scene.token("operator"));
    let mut command = scene
        .site
        .command(&["backup", "--out", OUT, "--recipient", &keys.public]);
    command
        .args(["--patience", "1s"])
        .env("CUSTODIAN_URL", &scene.served().url)
        .env("CUSTODIAN_TOKEN_FILE", token)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `custodian backup`, run to its end.
pub fn command(scene: &Scene, keys: &Keys) -> Output {
    begin(scene, keys).output().unwrap()
}

/// Neither the backup nor a part of it.
pub fn nothing_is_left(scene: &Scene) -> bool {
    let there = |name: &str| scene.site.path(name).exists();
    !there(OUT) && !there(&format!("{OUT}.partial")) && !scene.beside(".copy").exists()
}

/// It opens, and holds a database of the size that it says.
pub fn is_whole(scene: &Scene, keys: &Keys) {
    let backup = scene.site.path(OUT);
    let (manifest, database) = opened(keys, &fs::read(&backup).unwrap());
    assert_eq!(manifest["database"]["bytes"], database.len());
    assert!(database.starts_with(b"SQLite format 3\0"));
    fs::remove_file(backup).unwrap();
}

#[test]
fn a_service_that_is_killed_while_it_copies_leaves_nothing_for_long() {
    let (mut scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let (faults, (keys, _)) = (Faults::of(&scene), recipient());
    faults.are(&[("write", ".copy", "slow")]);
    let asking = begin(&scene, &keys).spawn().unwrap();
    let place = scene.beside(".copy");
    let half = || fs::metadata(&place).is_ok_and(|copy| copy.len() > 8192);
    eventually("half of the copy is there", half);
    // Others do not wait for it.
    ledger.goes_on(&scene, 5);
    scene.kill();
    assert_eq!(asking.wait_with_output().unwrap().status.code(), Some(2));
    assert!(half());
    faults.are_over();
    scene.start();
    assert!(nothing_is_left(&scene));
    is_taken(&scene, &keys);
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn a_service_that_is_killed_while_it_sends_leaves_nothing_that_counts_as_a_backup() {
    let (mut scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let (faults, (keys, _)) = (Faults::of(&scene), recipient());
    faults.are(&[("read", ".copy(deleted)", "hang")]);
    let asking = begin(&scene, &keys).spawn().unwrap();
    is_on_its_way(&scene);
    ledger.goes_on(&scene, 5);
    scene.kill();
    let ended = asking.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(nothing_is_left(&scene), "{ended:?}");
    faults.are_over();
    scene.start();
    is_taken(&scene, &keys);
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn a_client_that_is_killed_leaves_a_partial_file_and_keeps_nobody_from_the_next_backup() {
    let (scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let (faults, (keys, _)) = (Faults::of(&scene), recipient());
    faults.are(&[("read", ".copy(deleted)", "hang")]);
    let mut asking = begin(&scene, &keys).spawn().unwrap();
    is_on_its_way(&scene);
    asking.kill().unwrap();
    asking.wait().unwrap();
    assert!(!scene.site.path(OUT).exists());
    assert!(scene.site.path(&format!("{OUT}.partial")).exists());
    faults.are_over();
    is_taken(&scene, &keys);
    assert!(nothing_is_left(&scene));
    scene.never_failed();
}

#[test]
fn a_copy_that_cannot_be_written_or_read_is_refused_or_cut_off_and_the_service_goes_on() {
    let (scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let (faults, (keys, body)) = (Faults::of(&scene), recipient());
    for (call, errno) in [
        ("write", "5"),
        ("write", "28"),
        ("write", "30"),
        ("read", "5"),
    ] {
        faults.are(&[(call, ".copy", errno)]);
        is_clean(&scene.post("operator", "/v1/backup", &body));
        assert!(nothing_is_left(&scene));
        ledger.goes_on(&scene, 5);
        assert!(scene.is_ready());
    }
    faults.are(&[("read", ".copy(deleted)", "5")]);
    let ended = command(&scene, &keys);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(nothing_is_left(&scene), "{ended:?}");
    faults.are_over();
    is_taken(&scene, &keys);
    ledger.holds(&scene);
    scene.never_failed();
}

/// Written down, and not sent.
fn is_on_its_way(scene: &Scene) {
    eventually("a backup is on its way", || {
        let entries = scene.get("auditor", "/v1/audit/entries?limit=500").text;
        entries.contains("backup.make") && !scene.beside(".copy").exists()
    });
    let partial = || scene.site.path(&format!("{OUT}.partial")).exists();
    eventually("its beginning is there", partial);
}

fn is_taken(scene: &Scene, keys: &Keys) {
    let ended = command(scene, keys);
    assert!(ended.status.success(), "{ended:?}");
    is_whole(scene, keys);
}
