//! The audit log against the game: one entry for each audited request, in its order, and nothing else but what the
//! service did by itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::World;

#[derive(Debug)]
pub struct Expected {
    pub request_id: String,
    pub action: &'static str,
    pub actor: Value,
    pub outcome: &'static str,
    /// Fields of `detail` that it has.
    pub detail: Value,
}

pub fn balance(world: &World, log: &[Value], before: usize) {
    for (index, entry) in log.iter().enumerate() {
        assert_eq!(entry["index"], index, "the log has a gap");
    }
    let (asked, alone): (Vec<_>, Vec<_>) = log[before..]
        .iter()
        .partition(|entry| !entry["actor"].is_null());
    for (entry, expected) in asked.iter().zip(&world.expected) {
        says(entry, expected);
    }
    assert_eq!(
        asked.len(),
        world.expected.len(),
        "entries too many or too few"
    );
    by_itself(world, &alone);
}

fn says(entry: &Value, expected: &Expected) {
    let fields = [
        ("request_id", json!(expected.request_id)),
        ("action", json!(expected.action)),
        ("actor", expected.actor.clone()),
        ("outcome", json!(expected.outcome)),
    ];
    for (field, value) in fields {
        assert_eq!(entry[field], value, "{entry}\n{expected:?}");
    }
    for field in ["code", "items", "refused", "replayed"] {
        assert_eq!(
            entry["detail"][field], expected.detail[field],
            "{entry}\n{expected:?}"
        );
    }
}

/// Each version whose time came was destroyed once, and nothing else was done unasked.
fn by_itself(world: &World, alone: &[&Value]) {
    let mut destroyed: BTreeMap<String, u64> = BTreeMap::new();
    for entry in alone {
        match entry["action"].as_str().unwrap() {
            "dek.destroy" => {
                *destroyed
                    .entry(entry["object"].as_str().unwrap().to_owned())
                    .or_default() += 1
            }
            other => assert_eq!(other, "sign_in", "{entry}"),
        }
    }
    let mut due: BTreeMap<String, u64> = BTreeMap::new();
    for (name, dek) in &world.deks {
        for version in &dek.versions {
            if version.destroy_at.is_some_and(|at| at <= world.now) {
                due.insert(format!("{name}/{}", version.name), 1);
            }
        }
    }
    assert_eq!(destroyed, due);
}
