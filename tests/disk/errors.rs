//! A disk that answers errors or does not come back, under load. The errors are of a test double (`eio.c`); the service,
//! its database and its token are real.

use std::time::{Duration, Instant};

use crate::{
    faulty::{Faults, serving},
    ledger::{Ended, Ledger},
    scene::Scene,
    service::eventually,
};

const EIO: &str = "5";
const ENOSPC: &str = "28";
const EROFS: &str = "30";
const EDQUOT: &str = "122";

fn many_refusals(ended: &Ended) -> bool {
    ended.numbers().1 >= 40
}

/// While it goes on, readiness says so; once it is over, the service goes on by itself.
fn is_weathered(scene: &Scene, ledger: &mut Ledger, rules: &[(&str, &str, &str)]) {
    let faults = Faults::of(scene);
    faults.are(rules);
    let ended = ledger.load(scene, many_refusals);
    scene.says_that_it_cannot_store();
    faults.are_over();
    let (used, said) = scene.comes_back();
    ledger.goes_on(scene, 10);
    let (done, refused) = ended.numbers();
    println!(
        "{rules:?}: {done} done, {refused} refused; a key was used {used:?} after it was over, ready after {said:?}"
    );
}

#[test]
fn what_cannot_be_written_is_not_acknowledged_and_what_was_is_there_after_a_kill() {
    let (mut scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    for rules in [
        [("fsync", "-wal", EIO)],
        [("write", "-wal", EIO)],
        [("write", "-wal", ENOSPC)],
        [("write", "-wal", EROFS)],
        [("write", "-wal", EDQUOT)],
    ] {
        is_weathered(&scene, &mut ledger, &rules);
    }
    for rules in [[("fsync", "-wal", EIO)], [("write", "-wal", EIO)]] {
        Faults::of(&scene).are(&rules);
        ledger.load(&scene, many_refusals);
        ledger.leaves_open_what_was_refused();
        scene.kill();
        Faults::of(&scene).are_over();
        scene.start_by(&serving);
        ledger.holds(&scene);
        ledger.goes_on(&scene, 10);
        println!(
            "killed during {rules:?}: all {} acknowledged requests are there",
            ledger.acknowledged()
        );
    }
    scene.never_failed();
}

/// What cannot be read is no different from what is not there, unless it is said to be.
#[test]
fn what_cannot_be_read_is_refused_and_never_taken_for_missing() {
    let (mut scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let faults = Faults::of(&scene);
    for rules in [[("read", "-wal", EIO)], [("read", "custodian.db", EIO)]] {
        if rules[0].1 == "custodian.db" {
            // A start empties the write-ahead log, and reads anew.
            scene.kill();
            scene.start_by(&serving);
        }
        faults.are(&rules);
        let ended = ledger.load(&scene, many_refusals);
        eventually("readiness says so", || !scene.is_ready());
        faults.are_over();
        scene.comes_back();
        ledger.goes_on(&scene, 10);
        println!("{rules:?}: {:?} done and refused", ended.numbers());
    }
    ledger.holds(&scene);
    scene.never_failed();
}

#[test]
fn a_disk_that_does_not_come_back_holds_nobody_and_nothing_is_lost_when_it_does() {
    let (mut scene, mut ledger) = (Scene::by(&serving), Ledger::default());
    ledger.goes_on(&scene, 20);
    let faults = Faults::of(&scene);
    faults.are(&[("fsync", "-wal", "hang")]);
    let since = Instant::now();
    ledger.load(&scene, many_refusals);
    let refused = since.elapsed();
    assert!(refused < Duration::from_secs(30), "{refused:?}");
    scene.says_that_it_cannot_store();
    scene.get("operator", "/v1/deks").is(200);
    assert!(scene.figure("custodian_store_stalled") > 0.0);
    faults.are_over();
    let (used, said) = scene.comes_back();
    println!(
        "{refused:?} until all were refused; back: a key was used after {used:?}, ready after {said:?}"
    );
    ledger.goes_on(&scene, 10);
    scene.kill();
    scene.start_by(&serving);
    ledger.holds(&scene);
    scene.never_failed();
}
