//! Published test vectors (`../shared/vectors`, whose README names their sources): BIP-340, BIP-322 and Wycheproof.
//! Each test counts what it ran, so that a loop over nothing fails.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(missing_docs, unreachable_pub)]

#[path = "vectors/bip322.rs"]
mod bip322_simple;
#[path = "vectors/bip340.rs"]
mod bip340;
#[path = "vectors/ed25519.rs"]
mod ed25519;
#[path = "vectors/ml_dsa.rs"]
mod ml_dsa;

use std::{fs, path::Path};

use serde_json::Value;

/// The text of one file of vectors.
fn vectors(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let path = folder.join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: the folder `shared` must lie beside the project",
            path.display()
        )
    })
}

/// One test of a Wycheproof file.
struct Case {
    id: u64,
    /// The group that it is in: it has the key.
    group: Value,
    test: Value,
}

impl Case {
    fn all(name: &str) -> Vec<Self> {
        let file: Value = serde_json::from_str(&vectors(name)).unwrap();
        let groups = file["testGroups"].as_array().unwrap();
        let of = |group: &Value| {
            let tests = group["tests"].as_array().unwrap().clone();
            let case = |test: Value| Self {
                id: test["tcId"].as_u64().unwrap(),
                group: group.clone(),
                test,
            };
            tests.into_iter().map(case).collect::<Vec<_>>()
        };
        let cases: Vec<Self> = groups.iter().flat_map(of).collect();
        assert_eq!(file["numberOfTests"].as_u64(), Some(cases.len() as u64));
        cases
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.test[field].as_str().unwrap())
    }

    fn is_valid(&self) -> bool {
        match self.test["result"].as_str().unwrap() {
            "valid" => true,
            "invalid" => false,
            other => panic!("test {}: a result of `{other}` is new: judge it", self.id),
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}
