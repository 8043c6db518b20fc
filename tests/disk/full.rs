//! A disk without room: under load, at a start, and for a copy of the database.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    copies,
    ledger::{Ended, Ledger},
    scene::{Scene, is_clean},
    service::eventually,
    small::passed_as_root,
};

/// Of the disk, KiB.
const DISK: u32 = 24 * 1024;

/// Long enough for every worker to meet the end of the disk several times.
fn many_refusals(ended: &Ended) -> bool {
    ended.numbers().1 >= 60
}

#[test]
fn a_disk_that_fills_up_refuses_cleanly_goes_on_once_there_is_room_and_loses_nothing() {
    if passed_as_root() {
        return;
    }
    let (mut scene, mut ledger) = (Scene::small(DISK), Ledger::default());
    ledger.goes_on(&scene, 20);
    let pid = scene.served().pid();
    for round in 1..=3 {
        scene.disk().leave(512);
        let ended = ledger.load(&scene, many_refusals);
        let (done, refused) = ended.numbers();
        assert!(done > 0, "{ended:?}");
        scene.says_that_it_cannot_store();
        says_so_all_the_time(&scene);
        reads_go_on(&scene);
        says_so_in_figures(&scene);
        if round == 3 {
            break;
        }
        scene.disk().make_room();
        let (used, said) = scene.comes_back();
        assert_eq!(scene.served().pid(), pid);
        println!(
            "round {round}: {done} done, {refused} refused; room made: a key was used after {used:?}, ready after {said:?}"
        );
        ledger.goes_on(&scene, 20);
    }
    scene.kill();
    scene.disk().make_room();
    scene.start();
    ledger.holds(&scene);
    println!(
        "killed on the full disk: all {} acknowledged requests are there",
        ledger.acknowledged()
    );
    scene.never_failed();
}

/// Requests that are refused for their own reasons, and write nothing, do not make it look well.
fn says_so_all_the_time(scene: &Scene) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let grants = json!({"grants": {"deks": ["*"]}});
        let nobody = "/v1/admin/principals/00000000-0000-4000-8000-000000000000/approve";
        is_clean(&scene.post("admin", nobody, &grants));
        assert_eq!(scene.get("", "/v1/health/ready").status, 503);
        thread::sleep(Duration::from_millis(50));
    }
}

/// What is not logged needs no room.
fn reads_go_on(scene: &Scene) {
    for (role, path) in [
        ("operator", "/v1/deks"),
        ("operator", "/v1/kek"),
        ("admin", "/v1/admin/principals"),
        ("auditor", "/v1/audit/entries"),
        ("auditor", "/v1/audit/checkpoint"),
        ("app", "/v1/capabilities"),
        ("", "/v1/signing-keys"),
    ] {
        let answer = scene.get(role, path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let stranger = scene.by_token("cst_nobody", "GET", "/v1/deks", &Value::Null);
    stranger.is_refused(401, "unauthenticated");
}

fn says_so_in_figures(scene: &Scene) {
    assert!(scene.figure("custodian_failed_commits_total") > 0.0);
    eventually("the figures say so", || {
        scene.figure("custodian_ready") == 0.0
            && scene.figure("custodian_up{part=\"store\"}") == 0.0
            && scene.figure("custodian_disk_free_bytes") < 512.0 * 1024.0
    });
}

#[test]
fn a_start_on_a_full_disk_is_refused_and_may_be_tried_again() {
    if passed_as_root() {
        return;
    }
    let (mut scene, mut ledger) = (Scene::small(DISK), Ledger::default());
    ledger.goes_on(&scene, 20);
    scene.kill();
    scene.disk().fill();
    fs::remove_file(scene.beside("-shm")).unwrap();
    scene.disk().fill();
    let (code, said) = scene.refuses_to_start();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("make room"), "{said}");
    scene.disk().make_room();
    scene.start();
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn a_backup_that_would_fill_the_disk_is_refused_at_once_and_others_go_on() {
    if passed_as_root() {
        return;
    }
    let (scene, mut ledger) = (Scene::small(DISK), Ledger::default());
    ledger.goes_on(&scene, 50);
    // Enough for the copy, and then not for much else.
    scene.disk().leave(6 * 1024);
    let (keys, body) = copies::recipient();
    for _ in 0..5 {
        let refused = scene.post("operator", "/v1/backup", &body);
        is_clean(&refused);
        assert!(!scene.beside(".copy").exists());
        ledger.goes_on(&scene, 4);
    }
    let ended = copies::command(&scene, &keys);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(copies::nothing_is_left(&scene), "{ended:?}");
    assert!(scene.is_ready());
    scene.disk().make_room();
    assert!(copies::command(&scene, &keys).status.success());
    copies::is_whole(&scene, &keys);
    ledger.holds(&scene);
    scene.never_failed();
}
