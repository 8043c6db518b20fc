//! Every seed of the fuzz targets holds, in an ordinary test run too; and `make fuzz` fuzzes what ships.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

use std::{collections::BTreeSet, fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod checks;
#[path = "seeds/lock.rs"]
mod lock;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new("fuzz/seeds").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    let read = |path: std::path::PathBuf| (path.display().to_string(), fs::read(&path).unwrap());
    paths.into_iter().map(read).collect()
}

#[test]
fn blobs() {
    for (name, input) in seeds("blob") {
        println!("{name}");
        checks::blob::check(&input);
    }
}

#[test]
fn certificates() {
    for (name, input) in seeds("certificate") {
        println!("{name}");
        checks::certificate::check(&input);
    }
}

#[test]
fn events() {
    for (name, input) in seeds("events") {
        println!("{name}");
        checks::events::check(&input);
    }
}

#[test]
fn exports() {
    for (name, input) in seeds("export") {
        println!("{name}");
        let whole = name.contains("/signed");
        assert_eq!(checks::export::check(&input), whole, "{name}");
    }
}

#[test]
fn json() {
    for (name, input) in seeds("json") {
        println!("{name}");
        checks::json::check(&input);
    }
}

#[test]
fn tools() {
    for (name, input) in seeds("tools") {
        println!("{name}");
        let whole = name.contains("/signed") || name.ends_with("/manifest-version-1.0");
        assert_eq!(checks::tools::check(&input), whole, "{name}");
    }
}

#[test]
fn bodies_and_each_operation_succeeds_with_one() {
    let mut stage = checks::bodies::Stage::new();
    let mut missing: BTreeSet<String> = stage.operations().collect();
    for (name, input) in [seeds("bodies"), stage.samples()].concat() {
        println!("{name}");
        if let Some(operation) = stage.check(&input) {
            missing.remove(&operation);
        }
    }
    assert!(
        missing.is_empty(),
        "no file in fuzz/seeds/bodies is a valid body of {missing:#?}"
    );
}

#[test]
fn what_changes_make_of_a_seed_holds_too() {
    let mut stage = checks::bodies::Stage::new();
    let mut reversed = |part: &[u8]| part.iter().rev().copied().collect();
    let seeds = seeds("bodies");
    for (seed, (name, input)) in (0..200).zip(seeds.iter().cycle()) {
        println!("{name} {seed}");
        let changed = stage.change(input, seed, &mut reversed);
        stage.check(&changed);
    }
}
