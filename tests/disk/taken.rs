//! Files of the database that are taken away from a service: their permissions, their names, themselves.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use crate::{
    appliance::Site,
    ledger::{Ended, Ledger},
    scene::Scene,
    service::eventually,
    small::passed_as_root,
};

fn many_refusals(ended: &Ended) -> bool {
    ended.numbers().1 >= 40
}

/// `serve` by a root to whom permissions mean something.
fn bound(site: &Site) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(env!("CARGO_BIN_EXE_custodian"))
        .args(["serve", "--config", "custodian.toml"])
        .current_dir(site.folder())
        .env("SOFTHSM2_CONF", site.path("softhsm2.conf"));
    command
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_start_without_the_permissions_names_the_part_and_is_not_tried_again() {
    if passed_as_root() {
        return;
    }
    let (mut scene, mut ledger) = (Scene::by(&bound), Ledger::default());
    ledger.goes_on(&scene, 10);
    assert_eq!(scene.stop(), Some(0));
    let (database, folder) = (scene.database(), scene.site.path("data"));
    for (path, mode, usual) in [
        (&database, 0o000, 0o600),
        (&database, 0o400, 0o600),
        (&folder, 0o500, 0o700),
        (&folder, 0o000, 0o700),
    ] {
        for end in ["-wal", "-shm", ".lock"] {
            let _none = fs::remove_file(scene.beside(end));
        }
        permit(path, mode);
        let (code, said) = scene.refuses_to_start_by(&bound);
        permit(path, usual);
        let what = format!("{} {mode:o}: {said}", path.display());
        assert_eq!(code, Some(1), "{what}");
        assert!(said.contains("let the service's user"), "{what}");
    }
    scene.start_by(&bound);
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn a_running_service_whose_folder_is_shut_takes_nothing_until_it_is_open_again() {
    if passed_as_root() {
        return;
    }
    let (mut scene, mut ledger) = (Scene::by(&bound), Ledger::default());
    ledger.goes_on(&scene, 10);
    let folder = scene.site.path("data");
    permit(&folder, 0o000);
    ledger.load(&scene, many_refusals);
    scene.says_that_it_cannot_store();
    permit(&folder, 0o700);
    let (used, said) = scene.comes_back();
    println!("open again: a key was used after {used:?}, ready after {said:?}");
    ledger.goes_on(&scene, 10);
    scene.kill();
    scene.start_by(&bound);
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn what_is_written_into_files_without_their_names_is_not_acknowledged() {
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    ledger.goes_on(&scene, 10);
    let places = ["", "-wal", "-shm"].map(|end| scene.beside(end));
    for place in places.iter().chain([&scene.site.path("data")]) {
        let away = scene.site.path("away");
        fs::rename(place, &away).unwrap();
        ledger.load(&scene, many_refusals);
        scene.says_that_it_cannot_store();
        if place.ends_with("custodian.db") {
            // The same bytes are not the same file.
            fs::copy(&away, place).unwrap();
            ledger.load(&scene, many_refusals);
            scene.says_that_it_cannot_store();
        }
        fs::rename(&away, place).unwrap();
        let (used, said) = scene.comes_back();
        println!(
            "{} is back: a key was used after {used:?}, ready after {said:?}",
            place.display()
        );
        ledger.goes_on(&scene, 10);
    }
    scene.kill();
    scene.start();
    ledger.holds(&scene);
    scene.never_failed();
}

/// What was only there is lost with it. The token knows that there was more.
#[test]
fn a_write_ahead_log_that_is_removed_is_missed_at_once_and_by_the_next_start() {
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    scene.keeps_its_people();
    ledger.goes_on(&scene, 20);
    scene.is_noted();
    fs::remove_file(scene.beside("-wal")).unwrap();
    ledger.load(&scene, many_refusals);
    scene.says_that_it_cannot_store();
    scene.kill();
    scene.start();
    let refused = scene.post(
        "app",
        "/v1/wrap",
        &serde_json::json!({"plaintext": "c2VjcmV0"}),
    );
    refused.is_refused(503, "audit_unavailable");
    eventually("readiness says so", || {
        scene.get("", "/v1/health/ready").json()["checks"]["audit"]["ok"] == false
    });
    scene.never_failed();
}
