//! Older copies put back: of the database alone, of what the token keeps, and of another past.

use std::{fs, path::Path};

use base64ct::{Base64, Encoding};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    file,
    service::{Service, eventually},
    tampering::{encrypt, is_closed},
};

const SOFTWARE: [&str; 2] = ["--kek", "software"];

/// The checkpoint that the software provider keeps, where others have a token.
const NOTE: &str = "software-kek/audit-checkpoint";

#[test]
fn an_older_copy_of_the_whole_database_is_noticed_by_what_the_token_keeps() {
    for more in [&[][..], &SOFTWARE] {
        let home = TempDir::new().unwrap();
        let kept = grown(home.path(), more, 3);
        let newer = grown(home.path(), more, 1);
        put_back(home.path(), &kept);
        let service = Service::start(home.path(), more);
        assert_eq!(word(&service), "RolledBack");
        is_closed(&service, "rolled back");
        file::drop_cleanly(service);
        put_back(home.path(), &newer);
        let service = Service::start(home.path(), more);
        assert_eq!(word(&service), "", "the newest copy is taken again");
        encrypt(&service).is(200);
    }
}

#[test]
fn an_older_copy_is_noticed_after_a_kill_too() {
    let home = TempDir::new().unwrap();
    let kept = grown(home.path(), &[], 3);
    let service = Service::start(home.path(), &[]);
    // Before the second is signed, the token has been given the first.
    for _ in 0..2 {
        encrypt(&service).is(200);
        let line = format!("\n{}\n", service.audit().len());
        eventually("the newest entry is signed", || {
            let note = service.get("auditor", "/v1/audit/checkpoint");
            note.text.contains(&line)
        });
    }
    service.kill();
    put_back(home.path(), &kept);
    assert_eq!(word(&Service::start(home.path(), &[])), "RolledBack");
}

#[test]
fn another_past_of_the_same_log_is_noticed_though_it_is_longer() {
    let home = TempDir::new().unwrap();
    let note = home.path().join(NOTE);
    let base = grown(home.path(), &SOFTWARE, 2);
    let base_note = fs::read(&note).unwrap();
    grown(home.path(), &SOFTWARE, 1);
    let one = fs::read(&note).unwrap();
    put_back(home.path(), &base);
    fs::write(&note, base_note).unwrap();
    grown(home.path(), &SOFTWARE, 5);
    fs::write(&note, one).unwrap();
    let service = Service::start(home.path(), &SOFTWARE);
    assert_eq!(word(&service), "Forked");
    is_closed(&service, "forked");
}

#[test]
fn a_running_service_asked_to_verify_reads_what_the_token_keeps() {
    let home = TempDir::new().unwrap();
    let note = home.path().join(NOTE);
    let base = grown(home.path(), &SOFTWARE, 2);
    let base_note = fs::read(&note).unwrap();
    grown(home.path(), &SOFTWARE, 1);
    let other_past = fs::read(&note).unwrap();
    put_back(home.path(), &base);
    fs::write(&note, base_note).unwrap();
    grown(home.path(), &SOFTWARE, 5);
    let service = Service::start(home.path(), &SOFTWARE);
    assert_eq!(word(&service), "");
    fs::write(&note, other_past).unwrap();
    assert_eq!(word(&service), "Forked");
    is_closed(&service, "forked");
}

#[test]
fn what_is_done_to_the_copy_in_the_token_is_noticed() {
    let home = TempDir::new().unwrap();
    grown(home.path(), &SOFTWARE, 1);
    let note = home.path().join(NOTE);
    let kept = fs::read_to_string(&note).unwrap();
    fs::remove_file(&note).unwrap();
    assert_eq!(
        word(&Service::start(home.path(), &SOFTWARE)),
        "TokenCheckpointMissing"
    );
    for (changed, wanted) in [
        (
            kept.replace("aegis-custodian-dev\n", "another\n"),
            "CheckpointOfAnotherLog",
        ),
        (forged(&kept), "CheckpointForged"),
        (String::new(), "CheckpointMalformed"),
    ] {
        fs::write(&note, changed).unwrap();
        assert_eq!(word(&Service::start(home.path(), &SOFTWARE)), wanted);
    }
    fs::write(&note, kept).unwrap();
    assert_eq!(word(&Service::start(home.path(), &SOFTWARE)), "");
}

#[test]
fn a_log_that_is_given_another_name_is_another_log() {
    let home = TempDir::new().unwrap();
    grown(home.path(), &SOFTWARE, 1);
    let renamed = ["--kek", "software", "--log-origin", "example.com/other"];
    let service = Service::start(home.path(), &renamed);
    assert_eq!(word(&service), "CheckpointOfAnotherLog");
}

/// The note with one bit of its last signature turned.
fn forged(note: &str) -> String {
    let (before, signature) = note.trim_end().rsplit_once(' ').unwrap();
    let mut signature = Base64::decode_vec(signature).unwrap();
    *signature.last_mut().unwrap() ^= 1;
    format!("{before} {}\n", Base64::encode_string(&signature))
}

/// Uses a key so many times, stops cleanly, and answers the database.
fn grown(dir: &Path, more: &[&str], times: usize) -> Vec<u8> {
    let service = Service::start(dir, more);
    if service.get("operator", "/v1/deks/telemetry").status == 404 {
        service.make_dek("telemetry");
    }
    for _ in 0..times {
        encrypt(&service).is(200);
    }
    file::drop_cleanly(service);
    fs::read(dir.join("custodian.db")).unwrap()
}

fn put_back(dir: &Path, database: &[u8]) {
    for more in ["-wal", "-shm"] {
        let _none = fs::remove_file(dir.join(format!("custodian.db{more}")));
    }
    fs::write(dir.join("custodian.db"), database).unwrap();
}

/// What is wrong with the log; nothing is "".
fn word(service: &Service) -> String {
    let verdict = service
        .post("auditor", "/v1/audit/verify", json!({}))
        .is(200);
    assert_eq!(verdict["valid"], verdict["error"].is_null());
    verdict["error"].as_str().unwrap_or_default().to_owned()
}
