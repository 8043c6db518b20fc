//! The JSON reader: it takes no more than `serde_json`, no key twice, and quotes nobody; canonical forms are stable.

use std::collections::{BTreeMap, HashSet};

use aegis_custodian::{
    crypto::canonical::{self, Context},
    error::Error,
    json::{self, Object, OneOrMany},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

mod scan;

/// Has a field of each form that bodies have.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    kind: Option<Kind>,
    count: Option<usize>,
    on: Option<bool>,
    context: Option<Context>,
    #[serde(default)]
    roles: Vec<Kind>,
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    First,
    Second,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(from = "Object<Names>")]
struct Inner(Names);

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Names {
    names: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl From<Object<Names>> for Inner {
    fn from(object: Object<Names>) -> Self {
        Self(object.0)
    }
}

pub fn check(text: &[u8]) {
    // `serde_json::Value` gives such a key a meaning of its own; no body of the service is read into a `Value`.
    if String::from_utf8_lossy(text).contains("$serde_json::private") {
        return;
    }
    let known: Option<Value> = serde_json::from_slice(text).ok();
    if let Some(value) = &known {
        canonical_value(value);
    }
    reads::<Value>(text, known.as_ref());
    reads::<Thing>(text, known.as_ref());
    reads::<Nothing>(text, known.as_ref());
    reads::<BTreeMap<String, Value>>(text, known.as_ref());
    batches(text, known.as_ref());
    if let Some(context) = reads::<Context>(text, known.as_ref()) {
        canonical_context(context);
    }
}

/// Reads a `T`; what is taken is what `serde_json` takes, and every refusal has a reason.
fn reads<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
    text: &[u8],
    known: Option<&Value>,
) -> Option<T> {
    let theirs: Option<T> = serde_json::from_slice(text).ok();
    match json::read::<T>(text) {
        Ok(taken) => {
            assert_eq!(Some(&taken), theirs.as_ref(), "serde_json reads otherwise");
            assert!(known.is_some_and(Value::is_object) && distinct(text));
            Some(taken)
        }
        Err(error) => {
            quotes_nobody(error);
            let sound = known.is_some_and(Value::is_object) && theirs.is_some() && distinct(text);
            assert!(!sound, "refused without a reason");
            None
        }
    }
}

fn batches(text: &[u8], known: Option<&Value>) {
    let items = known.and_then(|value| value.get("items"));
    match json::read_one_or_many::<Thing>(text) {
        Ok(OneOrMany::One(thing)) => {
            assert_eq!(items, None);
            assert_eq!(json::read::<Thing>(text).unwrap(), thing);
        }
        Ok(OneOrMany::Many(things)) => {
            let theirs: Vec<Thing> = serde_json::from_value(items.unwrap().clone()).unwrap();
            assert_eq!(theirs, things);
            assert!(distinct(text));
        }
        Err(error) => quotes_nobody(error),
    }
}

/// Whether no object anywhere has a key twice after NFC.
fn distinct(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap();
    scan::objects(text).iter().all(|keys| {
        let normal: HashSet<String> = keys.iter().map(|key| key.nfc().collect()).collect();
        normal.len() == keys.len()
    })
}

/// All that a refusal of the types above may say: a list, so that no byte of a client can be in it.
const WORDS: [&str; 21] = [
    "each key of an object once (after Unicode NFC)",
    "well-formed JSON in UTF-8 was expected",
    "missing field `items`",
    "missing field `name`",
    "missing field `names`",
    "no field at all",
    "numbers that a 64-bit double can hold: send others as texts",
    "values nested at most 127 deep",
    "no other field than `items`",
    "no other field than `names`",
    "no other field than one of `name`, `kind`, `count`, `on`, `context`, `roles`, `inner`",
    "expected `first` or `second`",
    "expected a boolean",
    "expected a map",
    "expected a sequence",
    "expected a string",
    "expected an object",
    "expected string or map",
    "expected a whole number that is not negative",
    "expected unit",
    "expected variant identifier",
];

fn quotes_nobody(error: Error) {
    let Error::Malformed { expected, .. } = error else {
        panic!("not a refusal of the reader: {error:?}");
    };
    assert!(WORDS.contains(&expected.as_str()), "new words: {expected}");
}

/// The canonical form of a context is JSON, ordered, in NFC, and its own canonical form.
fn canonical_context(context: Context) {
    let bytes = match canonical::context(Some(context)) {
        Ok(bytes) => bytes,
        Err(Error::TooLarge(_)) => return,
        Err(error) => panic!("no canonical form: {error:?}"),
    };
    let text = String::from_utf8(bytes).unwrap();
    let again: Context = json::read(text.as_bytes()).expect("a canonical form is read again");
    // Not of the form as a whole: an escape may end in a letter that a mark after it would change.
    let mut texts = again.keys().chain(again.values());
    assert!(
        texts.all(|text| unicode_normalization::is_nfc(text)),
        "{text}"
    );
    let canonical = canonical::context(Some(again)).unwrap();
    assert_eq!(canonical, text.as_bytes());
    let keys = scan::objects(&text).concat();
    let ordered = |pair: &[String]| pair[0].encode_utf16().lt(pair[1].encode_utf16());
    assert!(keys.windows(2).all(ordered), "{text}");
}

/// The canonical form of any value is its own canonical form.
fn canonical_value(value: &Value) {
    let bytes = canonical::json(value).unwrap();
    let again: Value = serde_json::from_slice(&bytes).expect("a canonical form is JSON");
    assert_eq!(canonical::json(&again).unwrap(), bytes);
}
