//! Changes of a good certificate and of what it is judged by, a line each: a JSON pointer and the new value, or a
//! pointer alone for what is to go.
//!
//! The pointers lead into `{"envelope", "expected", "keys", "statement", "thief"}`. A changed statement becomes the
//! payload, in canonical form; if `thief` is true the service's own keys sign it. Then the envelope's changes follow.

use aegis_custodian::crypto::{canonical, certificate::Expected};
use serde_json::{Value, json};

use super::{
    Good,
    ceremony::{NOW, carrying, countersign},
};

/// More is not looked at.
const LINES: usize = 16;

/// What is judged after all changes.
pub struct Setting {
    pub envelope: Vec<u8>,
    pub keys: Value,
    pub thief: bool,
    /// Whether it is another certificate, or it is judged by something else.
    pub is_changed: bool,
    expected: Value,
}

struct Change<'a> {
    place: &'a str,
    value: Option<Value>,
}

impl Setting {
    /// `None` if the input is no list of changes, or one that leads nowhere.
    pub fn read(input: &[u8], good: &Good) -> Option<Self> {
        let lines = std::str::from_utf8(input).ok()?.lines().take(LINES);
        let changes: Vec<_> = lines.map(Change::read).collect::<Option<_>>()?;
        let (late, early): (Vec<_>, Vec<_>) = changes
            .iter()
            .partition(|change| change.place.starts_with("/envelope"));
        let before = json!({
            "expected": {"at": NOW, "message_hash": null, "environment": null, "instance": null},
            "keys": good.keys,
            "statement": good.statement,
            "thief": false,
        });
        let mut all = before.clone();
        early.iter().try_for_each(|change| change.make(&mut all))?;
        let thief = all["thief"].as_bool()?;
        let envelope = envelope(&all["statement"], thief, good);
        all["envelope"] = serde_json::from_slice(&envelope).unwrap();
        late.iter().try_for_each(|change| change.make(&mut all))?;
        all["expected"]["at"]
            .as_str()?
            .parse::<jiff::Timestamp>()
            .ok()?;
        let envelope = serde_json::to_vec(&all["envelope"]).unwrap();
        let same = ["expected", "keys"]
            .iter()
            .all(|part| all[part] == before[part]);
        Some(Self {
            is_changed: !same || envelope != as_written(&good.envelope),
            envelope,
            keys: all["keys"].take(),
            thief,
            expected: all["expected"].take(),
        })
    }

    pub fn expected(&self) -> Expected<'_> {
        let of = |member: &str| self.expected.get(member).and_then(Value::as_str);
        Expected {
            at: of("at").unwrap().parse().unwrap(),
            message_hash: of("message_hash"),
            environment: of("environment"),
            instance: of("instance"),
        }
    }
}

/// The good envelope; with the statement as its payload if that is another one.
fn envelope(statement: &Value, thief: bool, good: &Good) -> Vec<u8> {
    match canonical::json(statement) {
        Ok(body) if thief => countersign(&body),
        Ok(body) if *statement != good.statement => carrying(&good.envelope, &body),
        Ok(_) | Err(_) => good.envelope.clone(),
    }
}

fn as_written(envelope: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&super::parsed(envelope)).unwrap()
}

impl<'a> Change<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (place, value) = match line.split_once(' ') {
            Some((place, value)) => (place, Some(serde_json::from_str(value).ok()?)),
            None => (line, None),
        };
        place.starts_with('/').then_some(Self { place, value })
    }

    fn make(&self, all: &mut Value) -> Option<()> {
        let (parent, key) = self.place.rsplit_once('/')?;
        match (all.pointer_mut(parent)?, self.value.clone()) {
            (Value::Object(members), Some(value)) => drop(members.insert(key.to_owned(), value)),
            (Value::Object(members), None) => drop(members.remove(key)?),
            (Value::Array(items), Some(value)) if key == "-" => items.push(value),
            (Value::Array(items), Some(value)) => {
                *items.get_mut(key.parse::<usize>().ok()?)? = value
            }
            (Value::Array(items), None) => {
                let at: usize = key.parse().ok()?;
                (at < items.len()).then(|| items.remove(at))?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// Where two values differ: the innermost places that one of them has not, or that are unlike.
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    let below = |key: &str, one: &Value, other: &Value| {
        let deeper = differences(one, other).into_iter();
        deeper
            .map(|rest| format!("/{key}{rest}"))
            .collect::<Vec<_>>()
    };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let pairs = one.iter().zip(other.values());
            pairs
                .flat_map(|((key, one), other)| below(key, one, other))
                .collect()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .flat_map(|(at, (one, other))| below(&at.to_string(), one, other))
                .collect()
        }
        _ if one == other => Vec::new(),
        _ => vec![String::new()],
    }
}
