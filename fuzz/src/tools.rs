//! Signed lists of MCP tools: no bytes make the verifier fall, and what it calls valid means what was signed.
//!
//! One list is ever signed by the key that is pinned here, so whatever is valid in full must be that list. An input is
//! judged as it is, and spliced into the signed list; as a list of its own it is signed where that can be done.

use std::{collections::BTreeMap, sync::OnceLock};

use aegis_custodian::{
    crypto::{
        ed25519,
        pinned::{Pinned, key_id},
        tools::{Amtss, Digests, Expected, Manifest, digests, message, verify_text},
    },
    words::KeyAlgorithm,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

/// The key that signs once, and one that signs whatever it is given.
const SEEDS: [[u8; 32]; 2] = [[3; 32], [5; 32]];

/// The list that is signed. The seeds of this target are made of it.
const TOOLS: &str = r#"[{"name":"add","description":"Adds.","n":[1,1.5,9007199254740991.0,1e21,-0.0]},{"name":"café","x":{"a":[null,true,{}],"b":"é\n"}}]"#;

struct Stage {
    list: String,
    tools: BTreeMap<String, Meaning>,
    pinned: [Pinned; 2],
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage {
        list: signed(&SEEDS[0], TOOLS, digests(TOOLS).unwrap()),
        tools: meant(&serde_json::from_str(TOOLS).unwrap()).unwrap(),
        pinned: SEEDS.each_ref().map(pinned),
    })
}

/// Answers whether the input is the whole list as it was signed.
pub fn check(input: &[u8]) -> bool {
    // `serde_json::Value` gives such a key a meaning of its own.
    if String::from_utf8_lossy(input).contains("$serde_json::private") {
        return false;
    }
    judged(&spliced(input));
    if let Ok(tools) = str::from_utf8(input) {
        signed_itself(tools);
    }
    judged(input)
}

fn expected(partial: bool) -> Expected<'static> {
    Expected {
        at: "2026-11-23T12:00:00Z".parse().unwrap(),
        server: None,
        partial,
    }
}

/// What is valid means what was signed; in part, no more than that. Answers whether the whole of it is.
fn judged(answer: &[u8]) -> bool {
    let [whole, part] = [false, true].map(|partial| judged_as(answer, partial));
    assert!(part || !whole, "the whole is no part");
    whole
}

fn judged_as(answer: &[u8], partial: bool) -> bool {
    let stage = stage();
    let verdict = verify_text(answer, &stage.pinned[0], &expected(partial));
    assert_eq!(verdict.valid, verdict.error.is_none());
    serde_json::to_string(&verdict).unwrap();
    if verdict.valid {
        let answer: Value = serde_json::from_slice(answer).unwrap();
        let tools = answer.get("tools").unwrap_or(&answer["result"]["tools"]);
        let tools = meant(tools).expect("what is no list of tools is valid");
        let same = |(name, tool): (&String, &Meaning)| stage.tools.get(name) == Some(tool);
        assert!(tools.iter().all(same), "another list is valid");
        let all = tools.len() == stage.tools.len();
        assert!(partial || all, "a part is the whole");
    }
    verdict.valid
}

/// The signed list with a part of it replaced: two bytes say where, one how much of it goes.
fn spliced(input: &[u8]) -> Vec<u8> {
    let list = stage().list.as_bytes();
    let Some((place, rest)) = input.split_first_chunk::<3>() else {
        return list.to_vec();
    };
    let from = usize::from(u16::from_be_bytes([place[0], place[1]])) % (list.len() + 1);
    let to = (from + usize::from(place[2])).min(list.len());
    [&list[..from], rest, &list[to..]].concat()
}

/// What can be signed is valid once it is; what cannot is refused for a reason.
fn signed_itself(tools: &str) {
    let said: Option<Value> = serde_json::from_str(tools).ok();
    let Ok(digests) = digests(tools) else { return };
    let names: Vec<String> = digests.keys().cloned().collect();
    let meant = meant(&said.expect("what is no JSON was signed")).expect("no list was signed");
    assert_eq!(meant.into_keys().collect::<Vec<_>>(), names);
    let list = signed(&SEEDS[1], tools, digests);
    let verdict = verify_text(list.as_bytes(), &stage().pinned[1], &expected(false));
    // One level more than what was signed may be one too many.
    let deep = tools.bytes().filter(|byte| b"[{".contains(byte)).count() > 120;
    assert!(verdict.valid || deep, "{:?}", verdict.error);
    let other = verify_text(list.as_bytes(), &stage().pinned[0], &expected(true));
    assert!(!other.valid, "another key's list is valid");
}

fn signed(seed: &[u8; 32], tools: &str, digests: Digests) -> String {
    let time = |text: &str| text.parse().unwrap();
    let (from, to) = (time("2026-11-23T10:00:00Z"), time("2026-11-24T10:00:00Z"));
    let manifest = Manifest::new("app", digests, from, to).canonical().unwrap();
    let signature = ed25519::sign(seed, &message(&manifest));
    let amtss = Amtss::new(id(seed), manifest, &signature).unwrap();
    let amtss = serde_json::to_string(&amtss).unwrap();
    format!(r#"{{"tools":{tools},"_meta":{{"aegis-custodian/amtss":{amtss}}}}}"#)
}

fn id(seed: &[u8; 32]) -> String {
    key_id(KeyAlgorithm::Ed25519, &ed25519::public_key(seed))
}

fn pinned(seed: &[u8; 32]) -> Pinned {
    let public_key = Base64::encode_string(&ed25519::public_key(seed));
    let key = json!({"key_id": id(seed), "purpose": "schema", "algorithm": "ed25519", "public_key": public_key,
        "state": "active"});
    Pinned::read(json!({"items": [key]}).to_string().as_bytes()).unwrap()
}

/// What a value means, read without the service.
#[derive(Debug, PartialEq)]
enum Meaning {
    Literal(Option<bool>),
    /// An integer that no double carries; it is the same as nothing that was signed.
    Beyond(String),
    Number(f64),
    Text(String),
    List(Vec<Meaning>),
    Object(BTreeMap<String, Meaning>),
}

fn meaning(value: &Value) -> Meaning {
    match value {
        Value::Null => Meaning::Literal(None),
        Value::Bool(value) => Meaning::Literal(Some(*value)),
        Value::Number(number) => {
            let double = number.as_f64().unwrap();
            let whole = !number.is_f64() || double.abs() < 1e21;
            match whole && double.abs() > 9_007_199_254_740_991.0 {
                true => Meaning::Beyond(number.to_string()),
                false => Meaning::Number(double),
            }
        }
        Value::String(text) => Meaning::Text(text.nfc().collect()),
        Value::Array(items) => Meaning::List(items.iter().map(meaning).collect()),
        Value::Object(pairs) => {
            let pair = |(key, value): (&String, &Value)| (key.nfc().collect(), meaning(value));
            Meaning::Object(pairs.iter().map(pair).collect())
        }
    }
}

/// Tools by their names; `None` if they are no list of tools, each with a name of its own.
fn meant(tools: &Value) -> Option<BTreeMap<String, Meaning>> {
    let list = tools.as_array()?;
    let named = |tool: &Value| Some((tool.get("name")?.as_str()?.nfc().collect(), meaning(tool)));
    let tools: BTreeMap<_, _> = list.iter().map(named).collect::<Option<_>>()?;
    (tools.len() == list.len()).then_some(tools)
}
