//! The audit log against Python's `hashlib` and `cryptography`, by the texts of C2SP and RFC 9162: its signed notes,
//! inclusion and consistency proofs, tiles and exports; and each of them made false.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::{
    independently,
    service::{Service, agent, eventually},
};

/// More than two full tiles of hashes, so that there is a second level, and a partial one at its end.
const ENTRIES: usize = 600;

fn checkpoint(service: &Service) -> String {
    service.get("auditor", "/v1/audit/checkpoint").text
}

fn size(note: &str) -> u64 {
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// A log of some hundred entries, all under the newest checkpoint.
fn grown() -> Service {
    let service = Service::spawn();
    while service.audit().len() < ENTRIES {
        for _ in 0..100 {
            service.post("app", "/v1/unwrap", json!({"wrapped": "no blob"}));
        }
    }
    let logged = service.audit().len() as u64;
    eventually("a checkpoint of all", || {
        size(&checkpoint(&service)) >= logged
    });
    service
}

fn exported(service: &Service, home: &Path) -> String {
    let out = home.join("log");
    let done = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["audit", "export", "--url", &service.url, "--token-file"])
        .arg(service.dir.join("auditor.token"))
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    fs::read_to_string(out).unwrap()
}

fn tile(service: &Service, path: &str) -> Value {
    let bearer = format!("Bearer {}", service.token("auditor"));
    let url = format!("{}/v1/audit/tile/{path}", service.url);
    let answered = agent().get(url).header("authorization", bearer).call();
    let mut answered = answered.unwrap();
    assert_eq!(answered.status(), 200, "{path}");
    let bytes = answered.body_mut().read_to_vec().unwrap();
    json!({"path": path, "bytes": hex::encode(bytes)})
}

fn case(kind: &str, of: impl Into<Value>) -> Value {
    json!({"kind": kind, "of": of.into()})
}

fn proofs(service: &Service, size: u64) -> Vec<Value> {
    let proof = |path: String| {
        service
            .get("auditor", &format!("/v1/audit/proof/{path}"))
            .is(200)
    };
    let mut cases = Vec::new();
    for of in [1, 2, 3, 7, 8, 255, 256, 257, 512, 513, size - 1, size] {
        for index in [0, 1, of / 3, of / 2, of - 1] {
            if index < of {
                cases.push(case(
                    "inclusion",
                    proof(format!("inclusion?index={index}&size={of}")),
                ));
            }
        }
        for from in [0, 1, of / 3, of / 2, of - 1, of] {
            cases.push(case(
                "consistency",
                proof(format!("consistency?from={from}&to={of}")),
            ));
        }
    }
    cases.push(case("inclusion", proof("inclusion?index=5".to_owned())));
    cases.push(case("consistency", proof("consistency?from=5".to_owned())));
    cases
}

fn tiles(service: &Service, size: u64) -> Vec<Value> {
    let last = size % 256;
    let partial = [format!("0/002.p/{last}"), format!("entries/002.p/{last}")];
    let paths = [
        "0/000",
        "0/001",
        "0/000.p/17",
        "1/000.p/1",
        "1/000.p/2",
        "entries/000",
        "entries/001.p/3",
    ];
    let paths = paths.into_iter().chain(partial.iter().map(String::as_str));
    paths
        .map(|path| case("tile", tile(service, path)))
        .collect()
}

/// A text with one of its letters changed, which is none that both sides pass over.
fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    String::from_utf8(bytes).unwrap()
}

/// The same case with something in it that is not so; each member in turn.
fn made_false(case: &Value) -> Vec<Value> {
    let with = |pointer: &str, value: Value| {
        let mut false_case = case.clone();
        *false_case.pointer_mut(pointer).unwrap() = value;
        false_case
    };
    let of = &case["of"];
    let number = |name: &str| of[name].as_u64().unwrap();
    let hex = |name: &str| Value::from(changed(of[name].as_str().unwrap(), 9));
    match case["kind"].as_str().unwrap() {
        "tile" => {
            let bytes = of["bytes"].as_str().unwrap();
            vec![
                with("/of/bytes", changed(bytes, bytes.len() / 2).into()),
                with("/of/bytes", bytes[2..].into()),
            ]
        }
        "inclusion" => {
            let mut all = vec![
                with("/of/root", hex("root")),
                with("/of/leaf_hash", hex("leaf_hash")),
            ];
            all.push(with("/of/index", (number("index") + 1).into()));
            all.push(with("/of/size", (number("size") - 1).into()));
            all.extend(paths_made_false(case));
            all
        }
        "consistency" => {
            let mut all = vec![
                with("/of/root", hex("root")),
                with("/of/to", (number("to") - 1).into()),
            ];
            if number("from") > 1 && number("from") < number("to") {
                all.push(with("/of/from", (number("from") - 1).into()));
            }
            all.extend(paths_made_false(case));
            all
        }
        other => panic!("{other}"),
    }
}

fn paths_made_false(case: &Value) -> Vec<Value> {
    let hashes = case["of"]["hashes"].as_array().unwrap();
    let with = |hashes: Vec<Value>| {
        let mut false_case = case.clone();
        false_case["of"]["hashes"] = hashes.into();
        false_case
    };
    let mut all = vec![with(
        [hashes.as_slice(), &["00".repeat(32).into()]].concat(),
    )];
    for at in 0..hashes.len() {
        let mut one = hashes.clone();
        one[at] = changed(one[at].as_str().unwrap(), 3).into();
        all.push(with(one));
        let mut one = hashes.clone();
        one.remove(at);
        all.push(with(one));
    }
    all
}

/// Texts made false: the note by its lines, the export by its entries.
fn false_texts(note: &str, export: &str) -> Vec<Value> {
    let lines: Vec<&str> = note.lines().collect();
    let mut cases = Vec::new();
    for (at, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        let mut other: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        other[at] = changed(line, line.len() - 9.min(line.len()));
        cases.push(case("note", other.join("\n") + "\n"));
    }
    let mut entries: Vec<&str> = export.lines().collect();
    let text = |entries: &[&str]| case("export", entries.join("\n") + "\n");
    let other = entries[300].replace("\"outcome\":\"", "\"outcome\":\"x");
    cases.push(text(
        &[&entries[..300], &[&other], &entries[301..]].concat(),
    ));
    cases.push(text(&[&entries[..300], &entries[301..]].concat()));
    cases.push(text(
        &[&entries[..300], &[entries[1]], &entries[300..]].concat(),
    ));
    cases.push(text(&entries[..entries.len() - 1]));
    entries.swap(300, 301);
    cases.push(text(&entries));
    cases
}

#[test]
fn python_proves_the_log_and_none_of_what_is_made_false() {
    let service = grown();
    let note = checkpoint(&service);
    let home = tempfile::tempdir().unwrap();
    let export = exported(&service, home.path());
    let keys = service.get("", "/v1/signing-keys").is(200);
    let mut right = [proofs(&service, size(&note)), tiles(&service, size(&note))].concat();
    let mut wrong: Vec<Value> = right.iter().flat_map(made_false).collect();
    right.push(case("note", note.clone()));
    right.push(case("export", export.clone()));
    wrong.extend(false_texts(&note, &export));
    let mut other_key = case("note", note);
    other_key["keys"] = keys.clone();
    let items = other_key["keys"]["items"].as_array_mut().unwrap();
    let key = items
        .iter_mut()
        .find(|key| key["purpose"] == "checkpoint")
        .unwrap();
    key["vkey"] = changed(key["vkey"].as_str().unwrap(), 30).into();
    wrong.push(other_key);

    let judge = |cases: &[Value]| {
        let given = json!({"keys": keys, "export": export, "cases": cases});
        independently("audit.py", &given)["judged"]
            .as_array()
            .unwrap()
            .clone()
    };
    for (case, judged) in right.iter().zip(judge(&right)) {
        assert_eq!(
            judged,
            true,
            "{}",
            case.to_string().get(..300).unwrap_or_default()
        );
    }
    let judged = judge(&wrong);
    assert!(
        right.len() > 100 && judged.len() > 500,
        "{} {}",
        right.len(),
        judged.len()
    );
    for (case, judged) in wrong.iter().zip(judged) {
        assert_eq!(judged, false, "{case}");
    }
}
