//! `custodian audit`: what people and programs read of the log.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use super::{desk::Desk, service::Service};

#[test]
fn tail_shows_the_newest_entries_and_only_those_asked_for() {
    let service = Service::spawn();
    for name in ["one", "two", "three"] {
        service.make_dek(name);
    }
    let desk = Desk::of(&service, "auditor");
    let all = desk.run(&["audit", "tail", "--from", "0"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(all.out.lines().count(), service.audit().len());
    let made = desk.run(&["audit", "tail", "--from", "0", "--action", "dek.*"]);
    assert_eq!(made.out.lines().count(), 3, "{made:?}");
    let last = made.out.lines().last().unwrap();
    let columns: Vec<&str> = last.split_whitespace().skip(2).collect();
    let (object, others) = columns.split_last().unwrap();
    assert_eq!(others, ["ok", "dev-operator", "dek.create"]);
    assert!(object.starts_with("three/dek-v1-"), "{last}");
    let newest = desk.run(&["audit", "tail", "--output", "json"]);
    let logged = service.audit();
    let shown: Vec<Value> = newest
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let from = logged.len().saturating_sub(20);
    assert_eq!(shown, logged[from..]);
}

#[test]
fn tail_follows_the_log() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "auditor");
    let mut child = desk.start(&["audit", "tail", "--follow", "--action", "dek.create"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["one", "two"] {
        service.make_dek(name);
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&format!("  {name}/dek-v1-")), "{line}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
