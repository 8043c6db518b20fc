//! Backups (api.md section 13), by the real binary over real HTTP on a real SoftHSM token: what one holds, to whom it
//! opens, that it is whole or not there, and that it is of no use without the token.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(clippy::disallowed_methods, clippy::expect_used)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "remote/desk.rs"]
mod desk;
#[path = "backup/sealed.rs"]
mod sealed;
#[path = "support/service.rs"]
mod service;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    thread,
};

use aegis_custodian::{error::Error, store::Store};
use desk::Desk;
use sealed::{Keys, opened};
use serde_json::json;
use service::{Service, eventually};
use sha2::{Digest, Sha256};

fn backup(desk: &Desk, keys: &Keys, name: &str) -> desk::Ended {
    desk.run(&["backup", "--out", name, "--recipient", &keys.public])
}

#[test]
fn a_backup_opens_with_its_recipients_key_and_holds_the_whole_database() {
    let service = Service::spawn();
    service.make_dek("payroll");
    let (desk, keys) = (Desk::of(&service, "operator"), Keys::new());
    let size = service.audit().len();
    let ended = backup(&desk, &keys, "b");
    assert_eq!(ended.code, 0, "{ended:?}");
    let file = fs::metadata(desk.path("b")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert!(!desk.path("b.partial").exists());
    let (manifest, database) = opened(&keys, &fs::read(desk.path("b")).unwrap());
    assert_eq!(manifest["database"]["bytes"], database.len());
    assert_eq!(
        manifest["database"]["sha256"],
        hex::encode(Sha256::digest(&database))
    );
    assert_eq!(manifest["instance"], "aegis-custodian-dev");
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["log"]["size"], size);
    assert_eq!(manifest["keks"][0]["state"], "enabled");
    assert!(database.starts_with(b"SQLite format 3\0"));
    assert!(!service.dir.join("custodian.db.copy").exists());
}

#[test]
fn who_took_a_backup_and_for_whom_is_in_the_log_and_others_take_none() {
    let service = Service::spawn();
    let (desk, keys) = (Desk::of(&service, "operator"), Keys::new());
    assert_eq!(backup(&desk, &keys, "b").code, 0);
    let entry = service.audit().pop().unwrap();
    assert_eq!(
        (&entry["action"], &entry["outcome"]),
        (&json!("backup.make"), &json!("ok"))
    );
    assert_eq!(entry["detail"]["recipients"], json!([keys.public]));
    for role in ["admin", "app", "auditor"] {
        let ended = backup(&Desk::of(&service, role), &keys, "b");
        assert_eq!(ended.code, 2, "{role}: {ended:?}");
        assert!(ended.error.contains("forbidden"), "{ended:?}");
    }
    let body = json!({"recipients": []});
    service
        .post("operator", "/v1/backup", body)
        .is_refused(400, "invalid_request");
}

#[test]
fn any_one_of_several_recipients_opens_it_and_nobody_else_does() {
    let service = Service::spawn();
    let (desk, one, two) = (Desk::of(&service, "operator"), Keys::new(), Keys::new());
    desk.write(
        "to",
        format!("# the safe\n{}\n\n{}\n", one.public, two.public),
    );
    let ended = desk.run(&["backup", "--out", "b", "--recipients-file", "to"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let file = fs::read(desk.path("b")).unwrap();
    assert_eq!(opened(&one, &file).1, opened(&two, &file).1);
    assert!(Keys::new().identities().open(&*file).is_err());
}

#[test]
fn a_secret_key_is_no_recipient_and_never_reaches_the_service() {
    // Whoever asked it would be told that it is not there.
    let desk = Desk::with("http://127.0.0.1:1", "nobodys");
    let keys = Keys::new();
    desk.write("to", &keys.file);
    let secret = keys.file.lines().last().unwrap();
    for more in [["--recipients-file", "to"], ["--recipient", secret]] {
        let ended = desk.run(&[&["backup", "--out", "b"], &more[..]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.error.contains("age-keygen -y"), "{ended:?}");
        assert!(!ended.error.contains(secret), "{ended:?}");
    }
}

#[test]
fn a_backup_replaces_nothing() {
    let service = Service::spawn();
    let (desk, keys) = (Desk::of(&service, "operator"), Keys::new());
    desk.write("b", "mine");
    let ended = backup(&desk, &keys, "b");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.error.contains("is there already"), "{ended:?}");
    assert_eq!(desk.read("b"), "mine");
}

/// What a proxy that dies, or a service that is killed, leaves of an answer.
#[test]
fn a_backup_that_is_cut_off_leaves_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let half = thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let _all_of_it = caller.read(&mut asked).unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        caller.write_all(head.as_bytes()).unwrap();
        caller.write_all(&[7; 50_000]).unwrap();
    });
    let service = Service::spawn();
    let desk = Desk::at(&url, service.dir.join("operator.token"));
    let ended = backup(&desk, &Keys::new(), "b");
    half.join().unwrap();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.error.contains("cut off"), "{ended:?}");
    assert!(!desk.path("b").exists() && !desk.path("b.partial").exists());
}

#[test]
fn writers_go_on_while_a_backup_is_read_slowly_and_it_is_of_one_moment() {
    let service = Service::spawn();
    // Names that no comment of the schema has in it.
    service.make_dek("made-earlier");
    let keys = Keys::new();
    let body = json!({"recipients": [keys.public]}).to_string();
    let mut caller =
        std::net::TcpStream::connect(service.url.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /v1/backup HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        service.token("operator"),
        body.len()
    );
    caller.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![0; 64];
    caller.read_exact(&mut answer).unwrap();
    service.make_dek("made-later");
    caller.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let (_, database) = opened(&keys, &answer[end..]);
    let holds = |name: &str| {
        database
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    assert!(holds("made-earlier") && !holds("made-later"));
}

#[test]
fn a_backup_is_of_no_use_without_the_token() {
    let service = Service::spawn();
    service.make_dek("payroll");
    let (desk, keys) = (Desk::of(&service, "operator"), Keys::new());
    assert_eq!(backup(&desk, &keys, "b").code, 0);
    let (_, database) = opened(&keys, &fs::read(desk.path("b")).unwrap());
    let path = desk.write("stolen.db", database);
    // No row says anything without the row key, and that is wrapped under the KEK.
    let store = Store::open(&path).unwrap();
    let name = "payroll".parse().unwrap();
    assert!(matches!(
        store.read(|view| view.dek(&name)),
        Err(Error::Unavailable { .. })
    ));
    let wrapped = store.read(|view| view.row_key()).unwrap().unwrap();
    assert_eq!(wrapped.sealed.len(), 32 + 16);
    drop(store);
    // Nor does a service with another token start on it.
    let (other, home) = (Service::spawn(), Desk::of(&service, "operator"));
    other.stop();
    let place = home.path("other");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(&other.dir)
        .arg(&place)
        .status();
    assert!(copied.unwrap().success());
    fs::copy(&path, place.join("custodian.db")).unwrap();
    let folder = place.to_str().unwrap();
    let ended = home.run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", folder]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(!ended.out.contains("listening"), "{ended:?}");
}

#[test]
fn a_service_that_is_killed_while_it_copies_leaves_nothing_for_long() {
    let service = Service::spawn();
    service.kill();
    let left = service.dir.join("custodian.db.copy");
    fs::write(&left, "half").unwrap();
    let again = Service::start(&service.dir, &[]);
    eventually("it is gone", || !left.exists());
    assert_eq!(
        backup(&Desk::of(&again, "operator"), &Keys::new(), "b").code,
        0
    );
}
