//! `custodian audit export`: exactly the logged bytes up to a checkpoint, and nothing under the name that is not so.

use std::fs;

use serde_json::Value;

use super::{
    desk::Desk,
    service::{Service, eventually},
};

const EXPORT: [&str; 4] = ["audit", "export", "--out", "log"];

/// Waits until all that was logged is under a checkpoint, and answers its size.
fn signed(service: &Service) -> u64 {
    let logged = service.audit().len();
    let size = || {
        let note = service.get("auditor", "/v1/audit/checkpoint").text;
        note.lines()
            .nth(1)
            .and_then(|size| size.parse::<usize>().ok())
            .unwrap_or(0)
    };
    eventually("a checkpoint of all", || size() >= logged);
    size() as u64
}

fn verify(desk: &Desk, service: &Service, name: &str) -> (i32, Value) {
    desk.write("keys.json", service.get("", "/v1/signing-keys").text);
    let ended = desk.run(&[
        "verify",
        "audit",
        name,
        "--keys",
        "keys.json",
        "--output",
        "json",
    ]);
    (ended.code, serde_json::from_str(&ended.out).unwrap())
}

#[test]
fn an_export_holds_exactly_what_was_logged_and_is_judged_without_the_service() {
    let service = Service::spawn();
    for number in 0..12 {
        service.make_dek(&format!("dek-{number}"));
    }
    let size = signed(&service);
    let desk = Desk::of(&service, "auditor");
    let exported = desk.json(&EXPORT);
    assert_eq!(
        (&exported["valid"], &exported["size"]),
        (&true.into(), &size.into())
    );
    let text = desk.read("log");
    let head: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(head["format"], "aegis-custodian/audit/v1");
    let page = service.get("auditor", "/v1/audit/entries?limit=500").text;
    assert!(
        text.lines().skip(1).all(|entry| page.contains(entry)),
        "to the byte"
    );
    assert_eq!(text.lines().count() as u64, size + 1);
    let (code, verdict) = verify(&desk, &service, "log");
    assert_eq!((code, &verdict["size"]), (0, &size.into()), "{verdict}");
    assert!(!desk.path("log.partial").exists());
    let again = desk.run(&EXPORT);
    assert_eq!(again.code, 1, "{again:?}");
    let refused = Desk::of(&service, "operator").run(&EXPORT);
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[test]
fn an_export_goes_on_with_what_is_there_and_notices_if_that_is_false() {
    let service = Service::spawn();
    service.make_dek("one");
    signed(&service);
    let desk = Desk::of(&service, "auditor");
    desk.json(&EXPORT);
    service.make_dek("two");
    let size = signed(&service);
    let newer = desk.json(&["audit", "export", "--out", "newer", "--from", "log"]);
    assert_eq!(newer["size"], size);
    assert_eq!(verify(&desk, &service, "newer").0, 0);

    // Interrupted within a line.
    let whole = desk.read("newer");
    desk.write("third.partial", &whole[..whole.len() - 7]);
    desk.json(&["audit", "export", "--out", "third"]);
    assert!(desk.read("third").starts_with(&whole[..whole.len() - 7]));
    assert!(!desk.path("third.kept").exists() && !desk.path("third.partial").exists());

    let false_past = whole.replacen("\"ok\"", "\"no\"", 1);
    assert_ne!(false_past, whole);
    desk.write("false", &false_past);
    let ended = desk.run(&["audit", "export", "--out", "fourth", "--from", "false"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(!desk.path("fourth").exists());
    fs::write(desk.path("fifth.partial"), &false_past).unwrap();
    let fifth = ["audit", "export", "--out", "fifth"];
    assert_eq!(desk.run(&fifth).code, 3);
    assert_eq!(desk.run(&fifth).code, 0);
}
