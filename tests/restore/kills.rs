//! Killed at any time, a restore can be given again; and until the database is replaced the old service runs.

use std::{
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::scene::{ROLLBACK, Scene};

/// Kills the command later and later, until one run ends by itself; after each kill `between` looks.
fn killed(scene: &mut Scene, more: &[&str], mut between: impl FnMut(&mut Scene)) -> usize {
    let begun = Instant::now();
    let pristine = scene.site.path("data.pristine");
    copy(&scene.site.path("data"), &pristine);
    let whole = scene.restore(more);
    assert_eq!(whole.code, 0, "{whole:?}");
    let whole = begun.elapsed();
    for name in ["ada.new", "bob.new"] {
        let _only_of_a_rollback = fs::remove_file(scene.site.path(name));
    }
    fs::remove_dir_all(scene.site.path("data")).unwrap();
    copy(&pristine, &scene.site.path("data"));
    let mut kills = 0;
    for part in 1..=20 {
        let mut command = scene.restoring("b", more);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole * part / 20);
        if child.try_wait().unwrap().is_some_and(|code| code.success()) {
            break;
        }
        let _ended_meanwhile = child.kill();
        child.wait().unwrap();
        kills += 1;
        between(scene);
    }
    kills
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}

/// Makes the last one.
fn at_last(scene: &mut Scene, more: &[&str]) {
    let ended = scene.restore(more);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!scene.site.path("data/restore.unfinished").exists());
    scene.serve();
}

#[test]
fn a_lawful_restore_that_is_killed_at_any_time_can_be_given_again() {
    let mut scene = Scene::new();
    for number in 0..50 {
        scene.make_dek(&format!("dek-{number}"));
    }
    let old = scene.encrypt("dek-1");
    scene.backup("b");
    scene.rotate("dek-1");
    scene.export("e");
    scene.stop();
    let mut on_old = 0;
    let kills = killed(&mut scene, &["--audit", "e"], |scene| {
        match scene.site.try_serve() {
            // Nothing is asked of it that would be logged: the export must stay the newest.
            Ok(served) => {
                on_old += 1;
                assert_eq!(
                    served
                        .plain("", "GET", "/v1/health/live", &serde_json::Value::Null)
                        .status,
                    200
                );
                served.kill();
            }
            Err((code, log)) => {
                assert_eq!(code, Some(1));
                assert!(
                    log.contains("give the same `custodian restore` again"),
                    "{log}"
                );
            }
        }
    });
    println!("{kills} kills, after {on_old} of which the service ran");
    assert!(kills > 3 && on_old > 1, "{kills} {on_old}");
    at_last(&mut scene, &["--audit", "e"]);
    scene.opens("dek-1", &old);
    scene.encrypt("dek-49");
}

#[test]
fn a_rollback_that_is_killed_at_any_time_can_be_given_again() {
    let mut scene = Scene::new();
    for number in 0..50 {
        scene.make_dek(&format!("dek-{number}"));
    }
    scene.backup("b");
    scene.rotate("dek-1");
    scene.stop();
    let kills = killed(&mut scene, &ROLLBACK, |_| ());
    println!("{kills} kills");
    assert!(kills > 3, "{kills}");
    at_last(&mut scene, &ROLLBACK);
    let token = fs::read_to_string(scene.site.path("ada.new")).unwrap();
    scene.holds("ada", token);
    assert_eq!(scene.get("ada", "/v1/capabilities").status, 200);
}

/// The moment that no delay hits: the database is there, and what the token keeps is still of before.
#[test]
fn a_service_whose_database_was_replaced_half_does_not_start_and_the_same_command_mends_it() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    scene.rotate("payroll");
    scene.stop();
    let marker = scene.site.path("data/restore.unfinished");
    fs::write(&marker, r#"{"replacing":true,"token_files":[]}"#).unwrap();
    let (code, log) = scene.site.try_serve().err().expect("it does not start");
    assert_eq!(code, Some(1));
    assert!(
        log.contains("a restore was interrupted while it replaced the database"),
        "{log}"
    );
    at_last(&mut scene, &ROLLBACK);
    thread::sleep(Duration::from_millis(10));
    let token = fs::read_to_string(scene.site.path("bob.new")).unwrap();
    scene.holds("bob", token);
    assert_eq!(scene.get("bob", "/v1/capabilities").status, 200);
}
