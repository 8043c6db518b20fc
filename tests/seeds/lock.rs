//! The fuzz targets are a workspace of their own, with a `Cargo.lock` of their own: it has to follow the service's.

use std::{collections::BTreeSet, fs, process::Command};

/// What the service is built of, without what only its tests need or turn on: `name version`.
fn shipped(more: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "no-dev"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(more)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let lines = String::from_utf8(tree.stdout).unwrap();
    let package = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("{name} {version}"))
    };
    // The first is the service itself.
    lines.lines().skip(1).filter_map(package).collect()
}

/// The packages of a lock file: `name version`, each with what it depends on.
fn locked(path: &str) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(path).unwrap();
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let package = |block: &str| {
        let value = |key: &str| {
            block
                .lines()
                .find(|line| line.starts_with(key))
                .and_then(quoted)
        };
        let needs = block.lines().filter(|line| line.starts_with(" \""));
        let id = format!(
            "{} {}",
            value("name = ").unwrap(),
            value("version = ").unwrap()
        );
        (id, needs.filter_map(quoted).collect())
    };
    text.split("[[package]]").skip(1).map(package).collect()
}

/// `name`, without the version that may stand behind it.
fn name(package: &str) -> &str {
    package.split(' ').next().unwrap()
}

#[test]
fn the_fuzz_targets_are_built_of_what_ships() {
    let (all, direct) = (shipped(&[]), shipped(&["--depth", "1"]));
    assert!(all.len() > 50 && direct.len() > 20, "cargo says: {all:?}");
    let theirs = locked("fuzz/Cargo.lock");
    let root = theirs.iter().find(|(id, _)| name(id) == "aegis-custodian");
    let needs: BTreeSet<_> = root.unwrap().1.iter().map(|need| name(need)).collect();
    let ids: BTreeSet<_> = theirs.iter().map(|(id, _)| id.as_str()).collect();
    let mut missing: BTreeSet<_> = all.iter().map(String::as_str).collect();
    missing.retain(|id| !ids.contains(id));
    missing.extend(
        direct
            .iter()
            .map(|id| name(id))
            .filter(|name| !needs.contains(name)),
    );
    assert!(
        missing.is_empty(),
        "fuzz/Cargo.lock is behind: `cp Cargo.lock fuzz/ && cargo update --workspace --manifest-path fuzz/Cargo.toml`; it has no {missing:?}"
    );
}
