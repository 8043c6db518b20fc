//! The token goes away while the KEK is rotated: nothing is lost, and the job goes on when it is back.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    thread,
    time::Duration,
};

use aegis_custodian::http::Limits;

use super::*;
use flaky::{Flaky, Switch};

fn house() -> (House, Arc<Switch>) {
    let kek = Flaky::new();
    let switch = kek.switch.clone();
    (
        House::on(Arc::new(kek), Limits::default(), house::RULES),
        switch,
    )
}

/// Comes back for good.
fn mend(switch: &Switch) {
    switch.creations.store(-1, SeqCst);
    switch.wraps.store(-1, SeqCst);
    switch.exchanges.store(false, SeqCst);
    switch.down.store(false, SeqCst);
}

fn is_rotated(house: &House) {
    eventually("the job ends", || house.kek()["job"].is_null());
    let jobs = house.get(&house.operator, "/v1/jobs").is(200);
    let jobs = jobs["items"].as_array().unwrap();
    assert_eq!((jobs.len(), &jobs[0]["status"]), (1, &json!("done")));
    assert_eq!(house.kek_version(1)["records"], 0);
    house.retire(1).is(200);
}

#[test]
fn while_the_token_is_away_no_rotation_begins_and_the_rest_is_still_told() {
    let (house, switch) = house();
    switch.down.store(true, SeqCst);
    house.ask_to_rotate().is_refused(503, "kek_unavailable");
    let kek = house.kek();
    assert_eq!(kek["versions"].as_array().unwrap().len(), 1);
    assert_eq!(kek["versions"][0]["attributes"], Value::Null);
    assert_eq!(kek["versions"][0]["state"], "enabled");
    let jobs = house.get(&house.operator, "/v1/jobs").is(200);
    assert_eq!(jobs["items"], json!([]));
    mend(&switch);
    assert_eq!(house.rotate_kek()["status"], "done");
}

#[test]
fn a_token_that_goes_away_before_the_new_key_is_made_makes_it_later() {
    let (house, switch) = house();
    house.dek("plain", "aes-256-gcm");
    let blob = house.encrypt("plain");
    switch.creations.store(0, SeqCst);
    house.ask_to_rotate().is(202);
    assert_eq!(house.kek_version(2)["state"], "creating");
    assert_eq!(house.kek()["current"], house.kek_version(1)["version"]);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(house.kek_version(2)["state"], "creating");
    house.ask_to_rotate().is_refused(503, "kek_unavailable");
    mend(&switch);
    is_rotated(&house);
    house.decrypt("plain", &blob).is(200);
}

#[test]
fn a_token_that_goes_away_in_the_midst_of_the_records_goes_on_with_them() {
    let (house, switch) = house();
    house.dek("plain", "aes-256-gcm");
    let mut blobs = vec![house.encrypt("plain")];
    for _ in 0..40 {
        house.rotate_dek("plain");
        blobs.push(house.encrypt("plain"));
    }
    switch.wraps.store(20, SeqCst);
    house.ask_to_rotate().is(202);
    eventually("away", || switch.down.load(SeqCst));
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(house.kek()["job"]["status"], "running");
    mend(&switch);
    is_rotated(&house);
    for blob in &blobs {
        assert_eq!(house.decrypt("plain", blob).is(200)["plaintext"], PLAINTEXT);
    }
}

#[test]
fn a_version_retired_while_the_token_is_away_opens_nothing_when_it_is_back() {
    let (house, switch) = house();
    let old = house.wrap();
    house.rotate_kek();
    switch.down.store(true, SeqCst);
    house.retire(1).is(200);
    house.unwrap(&old).is_refused(410, "destroyed");
    house
        .on_kek(&house.operator, 1, "restore")
        .is_refused(503, "kek_unavailable");
    mend(&switch);
    house.unwrap(&old).is_refused(410, "destroyed");
    house.on_kek(&house.operator, 1, "restore").is(200);
    house.unwrap(&old).is(200);
}

#[test]
fn a_token_that_wraps_something_else_moves_no_record() {
    let (house, switch) = house();
    house.dek("plain", "aes-256-gcm");
    let blob = house.encrypt("plain");
    switch.exchanges.store(true, SeqCst);
    house.ask_to_rotate().is(202);
    eventually("the new version is made", || {
        house.kek_version(2)["state"] == "enabled"
    });
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(house.kek()["job"]["status"], "running");
    assert_eq!(house.kek_version(2)["records"], 0);
    house.decrypt("plain", &blob).is(200);
    mend(&switch);
    is_rotated(&house);
    assert_eq!(
        house.decrypt("plain", &blob).is(200)["plaintext"],
        PLAINTEXT
    );
}

#[test]
fn while_a_rotation_runs_no_other_begins_and_no_version_is_retired() {
    let (house, switch) = house();
    house.rotate_kek();
    // So that no record moves, and the job goes on.
    switch.exchanges.store(true, SeqCst);
    house.ask_to_rotate().is(202);
    assert_eq!(house.kek_version(1)["records"], 0);
    house.retire(1).is_refused(409, "conflict");
    house.ask_to_rotate().is_refused(409, "conflict");
    mend(&switch);
    eventually("the job ends", || house.kek()["job"].is_null());
    house.retire(1).is(200);
}
