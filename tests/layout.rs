//! Guards the house: imports only go down, each foreign crate has one owner, files stay small.
//!
//! The floors are those of `src/lib.rs`. Whoever redraws them changes both in one step.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may

#[path = "layout/paths.rs"]
mod paths;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every top-level module and its floor. The tens are the floor; the units order what stands on one floor.
const FLOORS: [(&str, u8); 24] = [
    ("lib", 80), // the map of the house
    ("main", 73),
    ("cli", 72),
    ("server", 71),
    ("client", 70),
    ("config", 60),
    ("telemetry", 59),
    ("http", 50),
    ("custodian", 40),
    ("kek", 30),
    ("log", 30),
    ("store", 30),
    ("crypto", 21),
    ("json", 20),
    ("policy", 21),
    ("texts", 21),
    ("error", 10),
    ("algorithm", 0),
    ("duration", 0),
    ("figures", 0),
    ("private_file", 0),
    ("id", 0),
    ("secret", 0),
    ("words", 0),
];

/// A foreign crate, and the beginnings of the modules that may name it.
const OWNERS: [(&str, &[&str]); 40] = [
    ("actix_http", &["server"]),
    ("actix_server", &["server"]),
    ("actix_service", &["server"]),
    ("actix_tls", &["server"]),
    ("actix_web", &["http", "server"]),
    ("aes_gcm", &["crypto"]),
    ("age", &["cli", "crypto/sealed_copy"]),
    ("backon", &["client", "kek/pkcs11"]),
    ("bip322", &["crypto/scheme"]),
    ("bitcoin", &["crypto/scheme"]),
    ("clap", &["cli", "main"]),
    ("comfy_table", &["cli/table"]),
    ("cryptoki", &["kek/pkcs11"]),
    ("ed25519_dalek", &["crypto"]),
    ("governor", &["http"]),
    ("hmac", &["crypto"]),
    ("hpke", &["crypto"]),
    ("indicatif", &["cli/progress"]),
    ("jiter", &["json"]),
    ("k256", &["crypto"]),
    ("lru", &["custodian"]),
    ("ml_dsa", &["crypto"]),
    ("metrics_process", &["telemetry"]),
    ("percent_encoding", &["cli/list"]),
    ("pqcrypto_mldsa", &["crypto"]),
    ("pqcrypto_traits", &["crypto"]),
    ("rayon", &["custodian/crew"]),
    ("region", &["secret"]),
    ("rpassword", &["cli", "kek/pkcs11/pin"]),
    ("rusqlite", &["store"]),
    ("rusqlite_migration", &["store"]),
    ("rustix", &["custodian/crew", "server", "store/space"]),
    ("rustls", &["client", "server"]),
    ("sd_notify", &["server"]),
    ("settings", &["config"]),
    // All but server in their tests.
    (
        "tempfile",
        &[
            "client",
            "kek/pkcs11/pin",
            "private_file",
            "server",
            "store",
        ],
    ),
    ("signed_note", &["crypto/checkpoint"]),
    ("tlog_tiles", &["crypto"]),
    ("ureq", &["client"]),
    ("x509_parser", &["server/tls"]),
];

const LONGEST_FILE: usize = 400;

#[test]
fn imports_only_go_down() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|file| climbs(&file.module, &file.text))
        .collect();
    none(&wrong);
}

#[test]
fn each_foreign_crate_has_one_owner() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|file| trespasses(&file.module, &file.text))
        .collect();
    none(&wrong);
}

/// The floors above ask `crypto::feature`, so that a build that leaves something out has no other paths than a full one.
#[test]
fn only_crypto_asks_which_cargo_features_are_on() {
    let asks = |file: &&Source| file.text.contains("feature = \"");
    let all = sources();
    let asking: Vec<&str> = all.iter().filter(asks).map(|file| &*file.module).collect();
    let allowed = [
        "crypto/feature",
        "crypto/hybrid",
        "crypto/ml_dsa",
        "crypto/scheme/bip322_simple",
    ];
    assert_eq!(asking, allowed);
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let wrong: Vec<String> = ["src", "tests", "scripts", "benches", "examples", "fuzz"]
        .iter()
        .flat_map(files)
        .filter(|file| has_extension(file, &["py", "rs", "sh", "sql"]))
        .map(|file| (lines(&file), file))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, file)| format!("{} has {lines} lines: split it", file.display()))
        .collect();
    none(&wrong);
}

#[test]
fn there_is_no_mod_rs() {
    let wrong: Vec<String> = ["src", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(files)
        .filter(|file| file.ends_with("mod.rs"))
        .map(|file| format!("{}: name it after its folder, beside it", file.display()))
        .collect();
    none(&wrong);
}

#[test]
fn main_and_lib_are_short() {
    assert!(
        lines(&root().join("src/main.rs")) <= 40,
        "main.rs: arguments, command, exit code; the rest is in cli/"
    );
    assert!(
        lines(&root().join("src/lib.rs")) <= 60,
        "lib.rs is a map: move code to its module"
    );
}

#[test]
fn migrations_are_numbered_without_gaps_from_0001() {
    let mut names: Vec<String> = files("schema")
        .iter()
        .filter(|file| has_extension(file, &["sql"]))
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(
        !names.is_empty(),
        "schema/ has no migration: the first is 0001_….sql"
    );
    for (number, name) in (1..).zip(&names) {
        let wanted = format!("{number:04}_");
        assert!(
            name.starts_with(&wanted),
            "schema/{name} must start with {wanted}"
        );
    }
}

#[test]
fn the_guard_finds_every_way_to_climb() {
    let climbers = [
        "use crate::store;",
        "use crate::store::Tx as T;",
        "use crate::{error::Error, store::{self, deks::{Dek, Row}}};",
        "use crate::{\n    // a comment with } and ;\n    http::*,\n};",
        "fn f() { crate::store::open(); }",
        "type T = Vec<crate::store::Tx>;",
        "pub(crate) use super::super::store::Tx;",
        "mod tests { use super::super::super::store; }",
        "use aegis_custodian::store;",
        "fn f<'a>(x: &'a str) -> char { '\"' } use crate::store; // '\"'",
    ];
    for source in climbers {
        assert_eq!(climbs("crypto/blob", source).len(), 1, "{source}");
    }
    assert_eq!(
        climbs("store/deks", "use crate::kek::KekProvider;").len(),
        1
    );
    assert_eq!(
        climbs("secret", "mod tests { use super::super::error::Error; }").len(),
        1
    );
}

#[test]
fn the_guard_lets_go_what_goes_down() {
    let fine = [
        "use crate::{error::Error, id::{DekName, Id}, secret::Secret};",
        "use crate::crypto::aes_gcm; use super::wrapped; use self::inner::X;",
        "mod tests { use super::{open, seal}; use crate::secret::Secret; }",
        "// use crate::store;\n/* use crate::http; /* nested */ crate::server::x */",
        "const A: &str = \"use crate::store;\"; const B: &str = r#\"\"crate::http::x\"#;",
        "pub(in crate::crypto) fn f() {} pub(crate) fn g() {} use std::fmt;",
        "macro_rules! m { () => { $crate::error::Error::x() } }",
    ];
    for source in fine {
        assert_eq!(
            climbs("crypto/blob", source),
            Vec::<String>::new(),
            "{source}"
        );
    }
}

#[test]
fn the_guard_knows_no_module_that_it_was_not_told_of() {
    let complaints = climbs("utils", "");
    assert!(complaints[0].contains("FLOORS"), "{complaints:?}");
    let complaints = climbs("http", "use crate::utils::x;");
    assert!(complaints[0].contains("FLOORS"), "{complaints:?}");
}

#[test]
fn the_guard_tells_a_foreign_crate_from_our_module_of_the_same_name() {
    let foreign = [
        "use aes_gcm::Aes256Gcm;",
        "use aes_gcm;",
        "use {aes_gcm::{Aes256Gcm, Key}, std::fmt};",
        "use ::aes_gcm::Aes256Gcm;",
        "fn f() { aes_gcm::Aes256Gcm::new(); }",
        "fn f() { ::aes_gcm::new(); }",
        "use crate::crypto::aes_gcm; fn f() { ::aes_gcm::new(); }",
    ];
    for source in foreign {
        assert_eq!(trespasses("kek/software", source).len(), 1, "{source}");
        assert_eq!(trespasses("crypto/aes_gcm", source).len(), 0, "{source}");
    }
    let ours = [
        "use crate::crypto::aes_gcm; fn f() { aes_gcm::seal(); }",
        "use crate::{crypto::aes_gcm::{self, NONCE_BYTES}, id::Id}; fn f() { aes_gcm::open(); }",
        "use crate::crypto::aes_gcm::open; fn f() { crate::crypto::aes_gcm::seal(); }",
        "mod aes_gcm; fn f() { aes_gcm::seal(); }",
    ];
    for source in ours {
        assert_eq!(
            trespasses("kek/software", source),
            Vec::<String>::new(),
            "{source}"
        );
    }
}

struct Source {
    /// `kek/pkcs11` for `src/kek/pkcs11.rs`.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let base = root().join("src");
    let read = |file: &PathBuf| Source {
        module: file
            .strip_prefix(&base)
            .unwrap()
            .with_extension("")
            .display()
            .to_string(),
        text: fs::read_to_string(file).unwrap(),
    };
    let files: Vec<PathBuf> = files("src")
        .into_iter()
        .filter(|file| has_extension(file, &["rs"]))
        .collect();
    assert!(
        !files.is_empty(),
        "src/ is not here: run this from the project's root"
    );
    files.iter().map(read).collect()
}

/// What `module` imports from a floor that is not below its own.
fn climbs(module: &str, text: &str) -> Vec<String> {
    let top = module.split('/').next().unwrap();
    let Some(floor) = floor(top) else {
        return vec![unknown(module, top)];
    };
    let mut wrong: Vec<String> = paths::read(text, &module_path(module))
        .local
        .iter()
        .filter_map(|path| path.first())
        .filter(|target| *target != top && target.starts_with(char::is_lowercase))
        .filter_map(|target| match self::floor(target) {
            Some(below) if below < floor => None,
            Some(_) => Some(format!(
                "src/{module}.rs uses crate::{target}, which is not on a lower floor"
            )),
            None => Some(unknown(module, target)),
        })
        .collect();
    wrong.sort();
    wrong.dedup();
    wrong
}

/// Foreign crates that `module` names and does not own.
fn trespasses(module: &str, text: &str) -> Vec<String> {
    let foreign = paths::read(text, &module_path(module)).foreign;
    let owned = |owners: &[&str]| owners.iter().any(|owner| module.starts_with(owner));
    OWNERS
        .iter()
        .filter(|(name, owners)| foreign.contains(*name) && !owned(owners))
        .map(|(name, owners)| {
            format!(
                "src/{module}.rs names the crate {name}: only {} may",
                owners.join(", ")
            )
        })
        .collect()
}

/// `lib` and `main` are the crate's root.
fn module_path(module: &str) -> Vec<&str> {
    match module {
        "lib" | "main" => Vec::new(),
        _ => module.split('/').collect(),
    }
}

fn floor(top: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == top)
        .map(|(_, floor)| *floor)
}

fn unknown(module: &str, top: &str) -> String {
    format!(
        "src/{module}.rs: no floor is known for `{top}`: add it to FLOORS in tests/layout.rs and to the map in lib.rs"
    )
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

fn root() -> PathBuf {
    PathBuf::from(option_env!("CARGO_MANIFEST_DIR").unwrap_or("."))
}

/// All files below `folder`, sorted; none if it is not there.
fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(path)
        } else {
            vec![path]
        }
    };
    paths.into_iter().flat_map(below).collect()
}

fn has_extension(file: &Path, wanted: &[&str]) -> bool {
    file.extension()
        .is_some_and(|found| wanted.iter().any(|name| found == *name))
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}
