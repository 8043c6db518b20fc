//! Killed at any time, a restore can be given again; and until the database is replaced the old service runs.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::scene::{ROLLBACK, Scene};

/// Kills the command later and later, until one run ends by itself; after each kill `between` looks, and says whether
/// it counts. From the start again in smaller steps, until enough were killed and enough counted.
fn killed(scene: &mut Scene, more: &[&str], mut between: impl FnMut(&mut Scene) -> bool) {
    let pristine = scene.site.path("data.pristine");
    copy(&scene.site.path("data"), &pristine);
    let begun = Instant::now();
    let whole = scene.restore(more);
    assert_eq!(whole.code, 0, "{whole:?}");
    let mut step = begun.elapsed() / 20;
    let (mut kills, mut counted) = (0, 0);
    for _ in 0..8 {
        reset(scene, &pristine);
        let mut delay = step;
        while is_killed(scene, more, delay) {
            kills += 1;
            counted += usize::from(between(scene));
            delay += step + delay / 4;
        }
        if kills > 3 && counted > 1 {
            println!("{kills} kills, {counted} of which count");
            return;
        }
        step /= 2;
    }
    panic!("{kills} kills, {counted} of which count");
}

/// Whether it had not ended after `delay`.
fn is_killed(scene: &Scene, more: &[&str], delay: Duration) -> bool {
    let mut command = scene.restoring("b", more);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    thread::sleep(delay);
    child.kill().unwrap();
    let ended = child.wait().unwrap();
    assert!(ended.success() || ended.signal() == Some(9), "{ended}");
    !ended.success()
}

/// As it was before any restore.
fn reset(scene: &Scene, pristine: &Path) {
    take_away_tokens(scene);
    fs::remove_dir_all(scene.site.path("data")).unwrap();
    copy(pristine, &scene.site.path("data"));
}

/// What a rollback that is done leaves, and no other may write over.
fn take_away_tokens(scene: &Scene) {
    for name in ["ada.new", "bob.new"] {
        let _only_of_a_rollback = fs::remove_file(scene.site.path(name));
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// After one that ended by itself.
fn serves_again(scene: &mut Scene) {
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
    killed(&mut scene, &["--audit", "e"], |scene| {
        match scene.site.try_serve() {
            // Nothing is asked of it that would be logged: the export must stay the newest.
            Ok(served) => {
                assert_eq!(
                    served
                        .plain("", "GET", "/v1/health/live", &serde_json::Value::Null)
                        .status,
                    200
                );
                served.kill();
                true
            }
            Err((code, log)) => {
                assert_eq!(code, Some(1));
                assert!(
                    log.contains("give the same `custodian restore` again"),
                    "{log}"
                );
                false
            }
        }
    });
    serves_again(&mut scene);
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
    killed(&mut scene, &ROLLBACK, |scene| {
        let done_or_not_begun = !scene.site.path("data/restore.unfinished").exists();
        if done_or_not_begun {
            take_away_tokens(scene);
        }
        !done_or_not_begun
    });
    serves_again(&mut scene);
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
    let again = scene.restore(&ROLLBACK);
    assert_eq!(again.code, 0, "{again:?}");
    serves_again(&mut scene);
    let token = fs::read_to_string(scene.site.path("bob.new")).unwrap();
    scene.holds("bob", token);
    assert_eq!(scene.get("bob", "/v1/capabilities").status, 200);
}
