//! `custodian rewrap`: a file of blobs is moved whole and in order, whatever interrupts it.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{
    desk::{Desk, ended},
    service::{Service, eventually},
};

const MOVE: [&str; 5] = ["rewrap", "--in", "old", "--out", "new"];

/// Blobs whose plaintexts are their numbers.
fn blobs(service: &Service, numbers: std::ops::Range<usize>) -> Vec<String> {
    let numbers: Vec<usize> = numbers.collect();
    let wrap = |numbers: &[usize]| {
        let items: Vec<Value> = numbers
            .iter()
            .map(
                |number| json!({"plaintext": Base64::encode_string(number.to_string().as_bytes())}),
            )
            .collect();
        let answer = service
            .post("app", "/v1/wrap", json!({"items": items}))
            .is(200);
        let items = answer["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .map(|item| item["wrapped"].as_str().unwrap().to_owned())
    };
    numbers.chunks(256).flat_map(wrap).collect()
}

/// The numbers that blobs hold.
fn numbers(service: &Service, blobs: &[String]) -> Vec<usize> {
    let open = |blobs: &[String]| {
        let items: Vec<Value> = blobs.iter().map(|blob| json!({"wrapped": blob})).collect();
        let answer = service
            .post("app", "/v1/unwrap", json!({"items": items}))
            .is(200);
        let items = answer["items"].as_array().unwrap().clone();
        items.into_iter().map(|item| {
            let plaintext = Base64::decode_vec(item["plaintext"].as_str().unwrap()).unwrap();
            String::from_utf8(plaintext).unwrap().parse().unwrap()
        })
    };
    blobs.chunks(256).flat_map(open).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn is_clean(desk: &Desk) -> bool {
    ["new.partial", "new.state", "new.rejects"]
        .iter()
        .all(|name| !desk.path(name).exists())
}

#[test]
fn blobs_are_moved_in_order_by_an_operator() {
    let service = Service::spawn();
    let old = blobs(&service, 0..1500);
    let desk = Desk::of(&service, "operator");
    desk.write("old", old.join("\n")); // without a line ending at its end
    let summary = desk.json(&MOVE);
    assert_eq!(summary["lines"], 1500);
    assert_eq!(summary["rejected"], 0);
    let moved: u64 = summary["moved"]
        .as_object()
        .unwrap()
        .values()
        .map(|number| number.as_u64().unwrap())
        .sum();
    assert_eq!(moved, 1500);
    let new = lines(&desk.read("new"));
    assert_eq!(numbers(&service, &new), (0..1500).collect::<Vec<_>>());
    assert!(old.iter().zip(&new).all(|(old, new)| old != new));
    assert!(is_clean(&desk));
    let again = desk.run(&MOVE);
    assert_eq!(again.code, 1);
    assert!(again.error.contains("is there already"), "{again:?}");
    // Each batch has one entry, and an operator could not have read one.
    assert!(
        service
            .post("operator", "/v1/unwrap", json!({"wrapped": new[0]}))
            .status
            == 403
    );
}

#[test]
fn a_move_that_is_killed_again_and_again_loses_no_line_and_doubles_none() {
    let service = Service::spawn();
    let distinct = blobs(&service, 0..512);
    let old: Vec<String> = distinct.iter().cycle().take(40_000).cloned().collect();
    let desk = Desk::of(&service, "operator");
    desk.write("old", old.join("\n") + "\n");
    let is_begun = || {
        let state = fs::read_to_string(desk.path("new.state")).unwrap_or_default();
        state.contains("\"lines\":") && !state.contains("\"lines\":0,")
    };
    let (mut kills, mut rotated) = (0, false);
    for wait in 0..40 {
        let mut child = desk.start(&[&MOVE[..], &["--parallel", "2"]].concat());
        thread::sleep(Duration::from_millis(1100 + 37 * wait));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!desk.path("new").exists() || desk.path("new.state").exists());
        kills += 1;
        if kills >= 2 && !rotated && is_begun() {
            // From here on the KEK is another.
            desk.json(&["kek", "rotate"]);
            rotated = true;
        }
    }
    if !desk.path("new").exists() {
        desk.json(&MOVE);
    }
    assert!(kills > 2, "the move was too quick to be killed");
    let new = lines(&desk.read("new"));
    let wanted: Vec<usize> = (0..512).cycle().take(40_000).collect();
    assert_eq!(numbers(&service, &new), wanted);
    assert!(is_clean(&desk));
    let keks: BTreeSet<&str> = new
        .iter()
        .filter_map(|blob| blob.split(':').nth(2))
        .collect();
    assert_eq!(keks.len(), 2, "moved before and after the rotation");
}

#[test]
fn what_stands_behind_the_saved_state_is_cut_off_and_made_again() {
    let service = Service::spawn();
    let old = blobs(&service, 0..600);
    let desk = Desk::of(&service, "operator");
    desk.write("old", old.join("\n") + "\n");
    let first = desk.run(&[&MOVE[..], &["--token-file", "nowhere"]].concat());
    assert_eq!(first.code, 1);
    // Refused in its first batch: the state says that nothing is done.
    let refused = desk.run(
        &[
            &MOVE[..],
            &[
                "--token-file",
                service.dir.join("auditor.token").to_str().unwrap(),
            ],
        ]
        .concat(),
    );
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.error.contains("0 lines are done"), "{refused:?}");
    assert!(!desk.path("new").exists());
    // More than the whole output, and a torn line, as a crash leaves it.
    let behind = "cst1:kek:kek-v1-20261123:torn\n".repeat(20_000) + "cst1:ke";
    fs::write(desk.path("new.partial"), behind).unwrap();
    desk.json(&MOVE);
    assert_eq!(
        numbers(&service, &lines(&desk.read("new"))),
        (0..600).collect::<Vec<_>>()
    );
}

#[test]
fn a_move_goes_on_where_the_service_left_it() {
    let home = tempfile::tempdir().unwrap();
    let service = Service::start(home.path(), &[]);
    let distinct = blobs(&service, 0..256);
    let old: Vec<String> = distinct.iter().cycle().take(20_000).cloned().collect();
    let mut desk = Desk::of(&service, "operator");
    desk.write("old", old.join("\n") + "\n");
    let child = desk.start(&[&MOVE[..], &["--patience", "1s"]].concat());
    eventually("some lines are written", || {
        fs::metadata(desk.path("new.partial")).is_ok_and(|about| about.len() > 0)
    });
    service.kill();
    let stopped = ended(child.wait_with_output().unwrap());
    assert_eq!(stopped.code, 2, "{stopped:?}");
    assert!(
        stopped
            .error
            .contains("the same command goes on from there"),
        "{stopped:?}"
    );
    drop(service);
    let service = Service::start(home.path(), &[]);
    desk.url.clone_from(&service.url);
    let summary = desk.json(&MOVE);
    assert_eq!(summary["lines"], 20_000);
    let new = lines(&desk.read("new"));
    assert_eq!(new.len(), 20_000);
    let sample: Vec<String> = new.iter().step_by(97).cloned().collect();
    let wanted: Vec<usize> = (0..20_000).step_by(97).map(|at| at % 256).collect();
    assert_eq!(numbers(&service, &sample), wanted);
}

#[test]
fn lines_that_cannot_be_moved_are_named_and_kept_only_if_asked() {
    let service = Service::spawn();
    let good = blobs(&service, 0..4);
    let mut stranger = good[3].clone();
    let end = stranger.pop().unwrap();
    stranger.push_str(if end == 'A' { "Q" } else { "A" });
    // The wrapped key itself is damaged: this the token finds, and says so.
    let (head, body) = good[2].rsplit_once(':').unwrap();
    let (front, back) = body.split_at(60);
    let flipped = if back.starts_with('A') { "B" } else { "A" };
    let damaged = format!("{head}:{front}{flipped}{}", &back[1..]);
    let old = [
        &*good[0],
        "",
        "no blob",
        &damaged,
        &good[1],
        "cst1:dek:a/dek-v1-20261123:AAAA",
    ];
    let desk = Desk::of(&service, "operator");
    desk.write("old", old.join("\n") + "\n");
    let ended = desk.run(&MOVE);
    assert_eq!(ended.code, 1, "{ended:?}");
    let new = lines(&desk.read("new"));
    assert_eq!(numbers(&service, &new), [0, 1]);
    let rejects: Vec<Value> = desk
        .read("new.rejects")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = rejects
        .iter()
        .map(|one| (one["line"].as_u64().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (2, "not_a_blob"),
            (3, "not_a_blob"),
            (4, "integrity_failure"),
            (6, "not_a_blob")
        ]
    );
    assert!(
        rejects
            .iter()
            .all(|one| one["reason"].as_str().unwrap().len() > 10)
    );

    for name in ["new", "new.rejects"] {
        fs::remove_file(desk.path(name)).unwrap();
    }
    let ended = desk.run(&[&MOVE[..], &["--keep-rejected"]].concat());
    assert_eq!(ended.code, 1);
    let new = lines(&desk.read("new"));
    assert_eq!(
        [&*new[1], &*new[2], &*new[3], &*new[5]],
        [old[1], old[2], old[3], old[5]]
    );
    assert_eq!(numbers(&service, &[new[0].clone(), new[4].clone()]), [0, 1]);
}

#[test]
fn a_member_of_json_lines_is_moved_and_all_else_stays_to_the_byte() {
    let service = Service::spawn();
    let old = blobs(&service, 0..300);
    let desk = Desk::of(&service, "operator");
    let line = |(number, blob): (usize, &String)| {
        format!("{{ \"n\": {number}.0,\"key\" :\"{blob}\",\"z\":[1e3,\"\\u00e9\"]}}\n")
    };
    desk.write("old", old.iter().enumerate().map(line).collect::<String>());
    desk.json(&[&MOVE[..], &["--field", "key"]].concat());
    let text = desk.read("new");
    let new: Vec<String> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["key"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(numbers(&service, &new), (0..300).collect::<Vec<_>>());
    assert_eq!(text, new.iter().enumerate().map(line).collect::<String>());
}

#[test]
fn a_move_does_not_go_on_with_another_file_or_in_another_way_or_twice_at_once() {
    let service = Service::spawn();
    let old = blobs(&service, 0..256);
    let desk = Desk::of(&service, "operator");
    let many: Vec<String> = old.iter().cycle().take(30_000).cloned().collect();
    desk.write("old", many.join("\n") + "\n");
    let mut child = desk.start(&MOVE);
    eventually("some lines are saved", || {
        fs::read_to_string(desk.path("new.state"))
            .is_ok_and(|state| !state.contains("\"bytes\":0,"))
    });
    let second = desk.run(&MOVE);
    assert_eq!(second.code, 1);
    assert!(second.error.contains("another process"), "{second:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let otherwise = desk.run(&[&MOVE[..], &["--keep-rejected"]].concat());
    assert_eq!(otherwise.code, 1);
    assert!(otherwise.error.contains("--keep-rejected"), "{otherwise:?}");
    let mut changed = many.clone();
    changed.swap(0, 1);
    desk.write("old", changed.join("\n") + "\n");
    let other = desk.run(&MOVE);
    assert_eq!(other.code, 1);
    assert!(
        other
            .error
            .contains("is not the file that this move began with"),
        "{other:?}"
    );
    assert!(!desk.path("new").exists());
}
