//! The event walker: the members of some names are found, whatever surrounds them, and only they change.

use aegis_custodian::json::ObjectText;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

const NAMES: [&str; 3] = ["actor_id", "a", "client_ip"];

/// What stands in their places afterwards.
const OTHER: &str = "\"changed\"";

pub fn check(text: &[u8]) {
    // `serde_json::Value` gives such a key a meaning of its own.
    if String::from_utf8_lossy(text).contains("$serde_json::private") {
        return;
    }
    let Ok(event) = ObjectText::read(text) else {
        return;
    };
    let members = event
        .members(usize::MAX, |name, _| NAMES.contains(&name))
        .unwrap();
    let same = members.iter().map(|member| (member, member.value));
    assert_eq!(event.with(same).unwrap().expose(), event.expose());
    let others = members.iter().map(|member| (member, OTHER));
    let changed = event.with(others).unwrap();
    let again = ObjectText::read(changed.expose().as_bytes()).unwrap();
    let found: Vec<_> = again
        .members(usize::MAX, |name, _| NAMES.contains(&name))
        .unwrap();
    assert_eq!(found.len(), members.len());
    assert!(found.iter().all(|member| member.value == OTHER));

    let mut wanted: Value = serde_json::from_str(event.expose()).unwrap();
    let pointers = change(&mut wanted, String::new());
    assert_eq!(
        wanted,
        serde_json::from_str::<Value>(changed.expose()).unwrap()
    );
    let mut found: Vec<_> = members.iter().map(|member| member.pointer()).collect();
    found.sort();
    assert_eq!(found, pointers);
}

/// The same by another way; answers where it was done, sorted.
fn change(value: &mut Value, at: String) -> Vec<String> {
    let mut places = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name: String = name.nfc().collect();
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                if NAMES.contains(&name.as_str()) {
                    *value = serde_json::from_str(OTHER).unwrap();
                    places.push(at);
                } else {
                    places.extend(change(value, at));
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                places.extend(change(item, format!("{at}/{index}")));
            }
        }
        _ => (),
    }
    places.sort();
    places
}
