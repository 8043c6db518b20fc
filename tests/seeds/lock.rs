//! The fuzz targets are a workspace of their own, with a `Cargo.lock` of their own: it has to follow the service's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Packages by `name version`, each with what it depends on.
struct Lock(BTreeMap<String, Vec<String>>);

impl Lock {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(path).unwrap();
        Self(text.split("[[package]]").skip(1).map(package).collect())
    }

    /// The package that a dependency names: with its version only where there are several.
    fn resolve(&self, named: &str) -> &str {
        let is = |package: &&String| *package == named || package.starts_with(&format!("{named} "));
        self.0.keys().find(is).unwrap()
    }
}

fn package(block: &str) -> (String, Vec<String>) {
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let value = |key: &str| {
        let line = block.lines().find(|line| line.starts_with(key));
        line.and_then(quoted).unwrap()
    };
    let needs = block.lines().filter(|line| line.starts_with(" \""));
    let id = format!("{} {}", value("name = "), value("version = "));
    (id, needs.filter_map(quoted).collect())
}

/// Whether the service itself has this dependency, and not only its tests.
fn ships(manifest: &str, named: &str) -> bool {
    let (_, after) = manifest.split_once("\n[dependencies]\n").unwrap();
    let own = after.split("\n[").next().unwrap();
    own.lines().any(|line| name(line) == name(named))
}

/// `name`, without the version that stands behind it where there are several.
fn name(package: &str) -> &str {
    package.split(' ').next().unwrap()
}

#[test]
fn the_fuzz_targets_are_built_of_what_ships() {
    let (ours, theirs) = (Lock::read("Cargo.lock"), Lock::read("fuzz/Cargo.lock"));
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let root = ours.resolve("aegis-custodian");
    let direct = ours.0[root].iter().filter(|name| ships(&manifest, name));
    let mut open: Vec<_> = direct.collect();
    let known: BTreeSet<_> = theirs.0[root].iter().map(|package| name(package)).collect();
    let mut missing: BTreeSet<_> = open.iter().map(|package| name(package)).collect();
    missing.retain(|name| !known.contains(name));
    let mut seen = BTreeSet::new();
    while let Some(package) = open.pop() {
        let id = ours.resolve(package);
        if seen.insert(id) {
            open.extend(&ours.0[id]);
        }
    }
    assert!(seen.len() > 50, "Cargo.lock is not read as it is written");
    missing.extend(seen.iter().filter(|id| !theirs.0.contains_key(**id)));
    assert!(
        missing.is_empty(),
        "fuzz/Cargo.lock is behind: `cp Cargo.lock fuzz/ && cargo update --workspace --manifest-path fuzz/Cargo.toml`; it has no {missing:?}"
    );
}
