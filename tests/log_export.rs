//! `custodian verify audit`, by the real binary, on exports that are made here: each kind of tampering has its word, and
//! the entry that it is about. The keys are the test's, so that also a log's own key can sign what never was.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/verifier.rs"]
mod verifier;

use std::fs;

use aegis_custodian::crypto::{
    checkpoint::{Checkpoint, NoteKey},
    ed25519,
    merkle::{Frontier, leaf},
    pinned::key_id,
};
use aegis_custodian::{log::Fault, words::KeyAlgorithm};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use verifier::Verifier;

const LOG: &str = "example.com/log";
const SEED: [u8; 32] = [7; 32];
const OTHER_SEED: [u8; 32] = [8; 32];

fn entry(index: u64) -> String {
    let at = format!("2026-11-24T00:{:02}:{:02}.5Z", index / 60, index % 60);
    entry_at(index, &at)
}

fn entry_at(index: u64, at: &str) -> String {
    format!(
        r#"{{"action":"dek.rotate","actor":null,"at":"{at}","detail":{{}},"index":{index},"object":"d{index}","outcome":"ok","request_id":null}}"#
    )
}

fn entries(number: u64) -> Vec<String> {
    (0..number).map(entry).collect()
}

fn root(entries: &[String]) -> [u8; 32] {
    let mut edge = Frontier::default();
    for entry in entries {
        edge.push(leaf(entry.as_bytes())).unwrap();
    }
    edge.root().unwrap()
}

fn note_by(seed: &[u8; 32], origin: &str, entries: &[String]) -> String {
    let key = NoteKey::new(origin, ed25519::public_key(seed)).unwrap();
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: entries.len() as u64,
        root: root(entries),
    };
    let sign = |text: &[u8]| Ok(ed25519::sign(seed, text).to_vec());
    key.sign(&checkpoint, sign).unwrap()
}

fn note(entries: &[String]) -> String {
    note_by(&SEED, LOG, entries)
}

fn export(note: &str, entries: &[String]) -> String {
    let head = json!({"format": "aegis-custodian/audit/v1", "checkpoint": note});
    let lines = entries.iter().flat_map(|entry| [entry, "\n"]);
    format!("{head}\n{}", lines.collect::<String>())
}

fn key(seed: &[u8; 32], purpose: &str, state: &str) -> Value {
    let public = ed25519::public_key(seed);
    let mut key = json!({
        "key_id": key_id(KeyAlgorithm::Ed25519, &public), "purpose": purpose, "algorithm": "ed25519",
        "public_key": Base64::encode_string(&public), "state": state, "location": "token",
    });
    if purpose == "checkpoint" {
        key["vkey"] = NoteKey::new(LOG, public).unwrap().vkey().into();
    }
    key
}

fn keys() -> Value {
    json!({"items": [key(&SEED, "checkpoint", "active")]})
}

/// The word and the entry that the verdict names.
#[track_caller]
fn verdict(export: &str) -> (Value, Value) {
    verdict_by(export, &keys(), &[])
}

#[track_caller]
fn verdict_by(export: &str, keys: &Value, earlier: &[&str]) -> (Value, Value) {
    let found = judged(export, keys, earlier);
    (found["error"].clone(), found["entry"].clone())
}

#[track_caller]
fn judged(export: &str, keys: &Value, earlier: &[&str]) -> Value {
    let verifier = Verifier::new("audit", export, keys);
    let names: Vec<String> = (0..earlier.len())
        .map(|number| format!("earlier-{number}"))
        .collect();
    let mut arguments = vec![
        "audit.json",
        "--keys",
        "keys.json",
        "--at",
        "2026-11-25T00:00:00Z",
    ];
    for (name, note) in names.iter().zip(earlier) {
        verifier.put(name, note);
        arguments.extend(["--earlier", name]);
    }
    let (code, found) = verifier.json(&arguments);
    assert_eq!(
        code,
        if found["error"].is_null() { 0 } else { 3 },
        "{found}"
    );
    assert_eq!(found["valid"], found["error"].is_null());
    found
}

fn is(word: &str, entry: impl Into<Value>) -> (Value, Value) {
    (word.into(), entry.into())
}

#[test]
fn an_export_of_any_length_is_valid_and_says_what_it_holds() {
    for number in [0, 1, 2, 3, 8, 300] {
        let all = entries(number);
        let found = judged(&export(&note(&all), &all), &keys(), &[]);
        assert_eq!(found["valid"], true, "{found}");
        assert_eq!(
            (&found["size"], &found["entries"]),
            (&number.into(), &number.into())
        );
        assert_eq!(found["root"], hex::encode(root(&all)));
        assert_eq!(found["signed_root"], found["root"]);
        assert_eq!(found["origin"], LOG);
        assert_eq!(found["proven_until"], number);
    }
    let all = entries(5);
    let whole = export(&note(&all), &all);
    assert_eq!(judged(whole.trim_end(), &keys(), &[])["valid"], true);
    let verifier = Verifier::new("audit", "", &keys());
    let arguments = ["-", "--keys", "keys.json"];
    let (code, out, _) = verifier.run_with(whole.as_bytes(), &arguments);
    assert_eq!((code, out.starts_with("VALID as of ")), (0, true), "{out}");
}

#[test]
fn each_tampering_with_entries_has_its_word_and_its_entry() {
    let all = entries(20);
    let note = note(&all);
    let tampered = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = all.clone();
        change(&mut changed);
        verdict(&export(&note, &changed))
    };
    let changed =
        |entries: &mut Vec<String>| entries[7] = entries[7].replace("\"ok\"", "\"refused\"");
    assert_eq!(tampered(&changed), is("EntryChanged", Value::Null));
    let spaced = |entries: &mut Vec<String>| entries[7] = entries[7].replace(",\"at\"", ", \"at\"");
    assert_eq!(tampered(&spaced), is("EntryChanged", 7));
    let older = |entries: &mut Vec<String>| entries[7] = entry_at(7, "2026-11-23T00:00:00Z");
    assert_eq!(tampered(&older), is("EntryChanged", 7));
    let renumbered = |entries: &mut Vec<String>| entries[7] = entry(3);
    assert_eq!(tampered(&renumbered), is("EntryChanged", 7));
    let missing = |entries: &mut Vec<String>| drop(entries.remove(7));
    assert_eq!(tampered(&missing), is("EntryMissing", 7));
    let first_missing = |entries: &mut Vec<String>| drop(entries.remove(0));
    assert_eq!(tampered(&first_missing), is("EntryMissing", 0));
    let swapped = |entries: &mut Vec<String>| entries.swap(7, 12);
    assert_eq!(tampered(&swapped), is("EntryMoved", 7));
    let moved = |entries: &mut Vec<String>| {
        let entry = entries.remove(12);
        entries.insert(7, entry);
    };
    assert_eq!(tampered(&moved), is("EntryMoved", 7));
    let inserted = |entries: &mut Vec<String>| entries.insert(7, entry(7).replace("ok", "failed"));
    assert_eq!(tampered(&inserted), is("EntryInserted", 7));
    let appended = |entries: &mut Vec<String>| entries.push(entry(20));
    assert_eq!(tampered(&appended), is("EntryInserted", 20));
    let empty_line = |entries: &mut Vec<String>| entries.push(String::new());
    assert_eq!(tampered(&empty_line), is("EntryInserted", 20));
    let cut = |entries: &mut Vec<String>| entries.truncate(12);
    assert_eq!(tampered(&cut), is("TailCut", 12));
    let emptied = |entries: &mut Vec<String>| entries.clear();
    assert_eq!(tampered(&emptied), is("TailCut", 0));
}

#[test]
fn a_line_of_any_length_is_one_entry_at_most() {
    let all = entries(20);
    let note = note(&all);
    let long = |line: &str| format!("{line}{}", " ".repeat(5 << 20));
    let mut changed = all.clone();
    changed[7] = long(&all[7]);
    let found = judged(&export(&note, &changed), &keys(), &[]);
    assert_eq!(found["error"], "EntryMalformed", "{found}");
    assert_eq!(
        (&found["entry"], &found["entries"]),
        (&7.into(), &20.into())
    );
    let mut inserted = all.clone();
    inserted.insert(7, long(""));
    let found = judged(&export(&note, &inserted), &keys(), &[]);
    assert_eq!(found["error"], "EntryMalformed", "{found}");
    assert_eq!(
        (&found["entry"], &found["entries"]),
        (&7.into(), &21.into())
    );
    let torn = export(&note, &all) + &long("");
    assert_eq!(verdict(&torn), is("EntryMalformed", 20));

    // What is cut off must not make a whole one of what is not: neither of an entry nor of the first line.
    let fits = 1 << 20;
    let mut full = entries(20);
    let padding = "d".repeat(fits - full[7].len() + "d7".len());
    full[7] = full[7].replace("\"d7\"", &format!("\"{padding}\""));
    let mut more = full.clone();
    more[7] += "and more";
    let signed = note_by(&SEED, LOG, &full);
    assert_eq!(verdict(&export(&signed, &more)), is("EntryMalformed", 7));
    let whole = export(&note, &all);
    let (head, rest) = whole.split_once('\n').unwrap();
    let padded = format!("{head}{}and more\n{rest}", " ".repeat(fits - head.len()));
    assert_eq!(verdict(&padded), is("ExportMalformed", Value::Null));
}

#[test]
fn each_tampering_with_the_checkpoint_has_its_word() {
    let all = entries(5);
    let by = |note: &str, keys: &Value| verdict_by(&export(note, &all), keys, &[]);
    let whole = note(&all);
    let smaller = whole.replace("\n5\n", "\n4\n");
    assert_eq!(by(&smaller, &keys()), is("CheckpointForged", Value::Null));
    assert_eq!(
        by("no note", &keys()),
        is("CheckpointMalformed", Value::Null)
    );
    let other_key = note_by(&OTHER_SEED, LOG, &all);
    assert_eq!(
        by(&other_key, &keys()),
        is("CheckpointByAnotherKey", Value::Null)
    );
    let other_log = note_by(&SEED, "example.com/other", &all);
    assert_eq!(
        by(&other_log, &keys()),
        is("CheckpointOfAnotherLog", Value::Null)
    );
    let revoked = json!({"items": [key(&SEED, "checkpoint", "revoked")]});
    assert_eq!(
        by(&whole, &revoked),
        is("CheckpointKeyRevoked", Value::Null)
    );
    let two = json!({"items": [key(&OTHER_SEED, "checkpoint", "active"), key(&SEED, "checkpoint", "retired")]});
    assert_eq!(by(&whole, &two), (Value::Null, Value::Null));
    for head in [
        "",
        "{}",
        "{\"format\":\"aegis-custodian/audit/v2\",\"checkpoint\":\"\"}",
    ] {
        assert_eq!(
            verdict(&format!("{head}\n")),
            is("ExportMalformed", Value::Null),
            "{head}"
        );
    }
    assert_eq!(verdict(""), is("ExportMalformed", Value::Null));
}

#[test]
fn a_log_whose_own_key_signed_what_no_log_has_is_not_valid() {
    let mut all = entries(9);
    all[4] = all[4].replace(",\"at\"", ", \"at\"");
    assert_eq!(verdict(&export(&note(&all), &all)), is("EntryMalformed", 4));
    all[4] = entry_at(4, "2026-11-24T00:00:03.4Z");
    assert_eq!(verdict(&export(&note(&all), &all)), is("TimeReversed", 4));
    all[4] = entry(4);
    all[8] = entry_at(8, "2026-11-25T00:06:00Z");
    assert_eq!(verdict(&export(&note(&all), &all)), is("LogAhead", 8));
    all.remove(3);
    assert_eq!(verdict(&export(&note(&all), &all)), is("EntryMissing", 3));
}

#[test]
fn a_log_contains_what_its_earlier_checkpoints_commit_to() {
    let all = entries(20);
    let whole = export(&note(&all), &all);
    let (early, late) = (note(&all[..5]), note(&all[..13]));
    let found = judged(&whole, &keys(), &[&early, &late, &note(&all), &note(&[])]);
    assert_eq!(found["valid"], true);
    let contained = found["earlier"].as_array().unwrap().iter();
    assert_eq!(contained.filter(|one| one["contained"] == true).count(), 4);

    // The log's own key signs another past, of which only the kept checkpoints know.
    let mut forked = all.clone();
    forked[8] = forked[8].replace("\"ok\"", "\"refused\"");
    let resigned = export(&note(&forked), &forked);
    let found = judged(&resigned, &keys(), &[&early, &late]);
    assert_eq!(
        (&found["error"], &found["proven_until"]),
        (&"Forked".into(), &5.into())
    );
    assert_eq!(
        verdict_by(&resigned, &keys(), &[&early]),
        (Value::Null, Value::Null)
    );
    let shorter = export(&early, &all[..5]);
    assert_eq!(verdict_by(&shorter, &keys(), &[&late]), is("RolledBack", 5));
    // What was changed is narrowed down.
    let found = judged(&export(&note(&all), &forked), &keys(), &[&early, &late]);
    assert_eq!(
        (&found["error"], &found["proven_until"]),
        (&"EntryChanged".into(), &5.into())
    );
}

#[test]
fn every_word_is_explained_to_auditors() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md")).unwrap();
    for fault in Fault::ALL {
        assert!(page.contains(&format!("`{}`", fault.word())), "{fault:?}");
    }
}

#[test]
fn what_the_auditor_gives_wrongly_is_no_verdict() {
    let all = entries(5);
    let verifier = Verifier::new("audit", export(&note(&all), &all), &keys());
    verifier.put("forged", note(&all).replace("\n5\n", "\n4\n"));
    let mut nameless = keys();
    nameless["items"][0].as_object_mut().unwrap().remove("vkey");
    verifier.put("nameless.json", nameless.to_string());
    let mut swapped = keys();
    swapped["items"][0]["vkey"] = key(&OTHER_SEED, "checkpoint", "active")["vkey"].clone();
    verifier.put("swapped.json", swapped.to_string());
    let none = json!({"items": [key(&SEED, "schema", "active")]});
    verifier.put("none.json", none.to_string());
    let lost = json!({"items": [key(&SEED, "checkpoint", "compromised")]});
    verifier.put("lost.json", lost.to_string());
    for (arguments, said) in [
        (&["audit.json", "--keys", "lost.json"][..], "state of a key"),
        (
            &["audit.json", "--keys", "keys.json", "--earlier", "forged"],
            "CheckpointForged",
        ),
        (&["audit.json", "--keys", "nameless.json"], "--origin"),
        (&["audit.json", "--keys", "swapped.json"], "vkey"),
        (&["audit.json", "--keys", "none.json"], "purpose checkpoint"),
        (&["nowhere", "--keys", "keys.json"], "nowhere"),
        (&["-", "--keys", "-"], "standard input"),
    ] {
        let (code, _, error) = verifier.run(arguments);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(said), "{error}");
    }
    let named = ["audit.json", "--keys", "nameless.json", "--origin", LOG];
    assert_eq!(verifier.run(&named).0, 0);
    let other = [
        "audit.json",
        "--keys",
        "keys.json",
        "--origin",
        "example.com/other",
    ];
    assert_eq!(verifier.run(&other).0, 3);
}
