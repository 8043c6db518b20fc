//! The audit log beside the game: one entry for each request about custodians and overrides, in its order, and one for
//! each approval and each expiry, which nobody asks for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    steps::Call,
    world::{End, World},
};

/// What the entry of a request says.
pub struct Expected {
    pub request_id: String,
    pub action: &'static str,
    pub actor: String,
    pub outcome: &'static str,
    pub code: Value,
}

impl Expected {
    /// `code` is that of a refusal. A signature that was taken though it could not be countersigned is no refusal.
    pub fn of(call: &Call, actor: &str, request_id: &str, code: &str) -> Self {
        let refused = !["", "kek_unavailable"].contains(&code);
        Self {
            request_id: request_id.to_owned(),
            action: call.action,
            actor: actor.to_owned(),
            outcome: if refused { "refused" } else { "ok" },
            code: if refused { code.into() } else { Value::Null },
        }
    }
}

pub fn balance(world: &World, expected: &[Expected], log: &[Value]) {
    for (index, entry) in log.iter().enumerate() {
        assert_eq!(entry["index"], index, "the log has a gap");
    }
    let of_the_game = |entry: &&Value| {
        let action = entry["action"].as_str().unwrap();
        action.starts_with("custodian.") || action.starts_with("override.")
    };
    let (alone, asked): (Vec<_>, Vec<_>) = log
        .iter()
        .filter(of_the_game)
        .partition(|entry| entry["actor"].is_null());
    for (entry, expected) in asked.iter().zip(expected) {
        says(entry, expected);
    }
    assert_eq!(asked.len(), expected.len(), "entries too many or too few");
    by_itself(world, &alone);
}

fn says(entry: &Value, expected: &Expected) {
    let wrong = || format!("{entry}, wanted {} {}", expected.action, expected.code);
    assert_eq!(
        entry["request_id"],
        expected.request_id.as_str(),
        "{}",
        wrong()
    );
    assert_eq!(entry["action"], expected.action, "{}", wrong());
    assert_eq!(
        entry["actor"]["subject"],
        expected.actor.as_str(),
        "{}",
        wrong()
    );
    assert_eq!(entry["outcome"], expected.outcome, "{}", wrong());
    assert_eq!(entry["detail"]["code"], expected.code, "{}", wrong());
}

fn by_itself(world: &World, alone: &[&Value]) {
    let mut found: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for entry in alone {
        let word = |name: &str| entry[name].as_str().unwrap();
        *found.entry((word("action"), word("object"))).or_default() += 1;
    }
    let end = |over: &crate::world::Override| match over.end {
        Some((End::Approved, _)) => Some("override.approve"),
        Some((End::Rejected | End::Withdrawn, _)) => None,
        None => (world.status(over) == "expired").then_some("override.expire"),
    };
    let due = world.overrides.iter();
    let due = due.filter_map(|over| Some(((end(over)?, over.id.as_str()), 1)));
    assert_eq!(
        found,
        due.collect(),
        "the service did more or less by itself"
    );
}
