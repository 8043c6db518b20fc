//! Events in both directions against Python: what `examples/encrypt_event.py` encrypts with the public key alone the
//! service decrypts, what the service encrypts Python decrypts with the seed; both to the byte.

use serde_json::{Value, json, value::RawValue};
use tempfile::TempDir;

use super::{
    dek_row,
    dice::Dice,
    hybrid::{make, rotate},
    independently,
    service::{Answer, Service},
    software_kek,
    twelve::TWELVE,
};

const EVENTS: usize = 256;
const DEPTH: usize = 30;

/// Values as texts: every type, and what a reader of JSON is tempted to write otherwise.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.0",
    "1E2",
    "12345678901234567890",
    "0.1000000000000000055511151231257827",
    "\"\"",
    "\"ada@example.org\"",
    "\"\\u00e9\\/\\ud83d\\ude00\u{e9}\u{1f600}\\u0000\"",
    "\"cst1:hpke:telemetry/dek-v1-20261123:AAAA\"",
    "[ ]",
    "{\n}",
    "[1.50 , {\"actor_id\" : [\"x\"]}]",
];

/// Keys that are no fields.
const OTHERS: [&str; 5] = ["", "at", "Actor_id", "\\\"actor_id\\\"", "\\u00e9"];

/// An event that is [`DEPTH`] deep, with fields in objects and in objects inside lists.
fn event(dice: &mut Dice) -> String {
    let mut text = object(dice, None);
    for depth in 1..DEPTH {
        let inner = if dice.once_in(3) {
            format!("[{} ,{text}\n]", dice.one_of(&VALUES))
        } else {
            text
        };
        let key = format!("level {depth}");
        text = object(dice, Some((&key, &inner)));
    }
    text
}

fn object(dice: &mut Dice, inner: Option<(&str, &str)>) -> String {
    let (field, other) = (dice.one_of(&TWELVE), dice.one_of(&OTHERS));
    let mut members = vec![format!("\"{other}\":{}", dice.one_of(&VALUES))];
    if dice.once_in(4) {
        members.push(format!("\"{field}\" : {}", dice.one_of(&VALUES)));
    }
    if let Some((key, inner)) = inner {
        members.insert(dice.below(members.len() + 1), format!("\"{key}\":{inner}"));
    }
    format!("{{ {} }}", members.join(",\t"))
}

fn events(seed: u64) -> Vec<String> {
    let mut dice = Dice::seeded(seed);
    (0..EVENTS).map(|_| event(&mut dice)).collect()
}

fn post(service: &Service, verb: &str, body: &str) -> Answer {
    let path = format!("/v1/pii/{verb}");
    service.send(&service.token("app"), "POST", &path, &[], body)
}

/// The events of an answer to a batch, as they stand there.
fn batch(service: &Service, verb: &str, more: &str, events: &[String]) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Reply {
        items: Vec<Item>,
    }
    #[derive(serde::Deserialize)]
    struct Item {
        event: Box<RawValue>,
    }
    let answer = post(
        service,
        verb,
        &format!("{{{more}\"events\":[{}]}}", events.join(",")),
    );
    assert_eq!(answer.status, 200, "{}", answer.text);
    let reply: Reply = serde_json::from_str(&answer.text).unwrap();
    let texts = reply.items.iter().map(|item| item.event.get().to_owned());
    texts.collect()
}

fn public(service: &Service, query: &str) -> Value {
    let path = format!("/v1/deks/telemetry/public-key{query}");
    service.get("app", &path).is(200)
}

/// Python with a public key and no more.
fn there(work: &str, public: &Value, events: &[String]) -> Vec<Value> {
    let job = json!({"dek": "telemetry", "public": public, "events": events});
    let made = independently("events.py", &json!({ work: job }));
    made[work].as_array().unwrap().clone()
}

fn encrypted_there(public: &Value, events: &[String]) -> Vec<String> {
    let made = there("encrypt", public, events);
    made.iter()
        .map(|event| event.as_str().unwrap().to_owned())
        .collect()
}

fn blobs(events: &[String]) -> usize {
    let count = |event: &String| event.matches("\"cst1:hpke:telemetry/dek-v").count();
    events.iter().map(count).sum()
}

#[test]
fn events_that_python_encrypts_with_the_public_key_the_service_decrypts_to_the_byte() {
    let service = Service::spawn();
    make(&service, "telemetry");
    let (events, first) = (events(1), public(&service, ""));
    let sealed = encrypted_there(&first, &events);
    assert!(blobs(&sealed) > 5 * EVENTS, "{} blobs", blobs(&sealed));
    assert_eq!(batch(&service, "decrypt", "", &sealed), events);
    // Whoever has the older public key goes on; whoever gets such events mixed decrypts them all the same.
    rotate(&service, "telemetry");
    let second = public(&service, "");
    let half = EVENTS / 2;
    let mut mixed = encrypted_there(&first, &events[..half]);
    mixed.extend(encrypted_there(&second, &events[half..]));
    assert_eq!(batch(&service, "decrypt", "", &mixed), events);
}

#[test]
fn events_that_the_service_encrypts_python_decrypts_with_the_stored_seeds_to_the_byte() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--kek", "software"]);
    let mut versions = vec![make(&service, "telemetry")];
    let (events, half) = (events(2), EVENTS / 2);
    let mut sealed = batch(
        &service,
        "encrypt",
        "\"dek\":\"telemetry\",",
        &events[..half],
    );
    versions.push(rotate(&service, "telemetry"));
    sealed.extend(batch(
        &service,
        "encrypt",
        "\"dek\":\"telemetry\",",
        &events[half..],
    ));
    assert!(blobs(&sealed) > 5 * EVENTS, "{} blobs", blobs(&sealed));
    let row = |version: &String| {
        let row = dek_row(home.path(), "telemetry", version);
        (format!("telemetry/{version}"), row)
    };
    let rows: serde_json::Map<_, _> = versions.iter().map(row).collect();
    let job = json!({"kek": software_kek(home.path()).1, "rows": rows, "events": sealed});
    let opened = independently("events.py", &json!({"decrypt": job}));
    assert_eq!(opened["decrypt"], json!(events));
}

#[test]
fn what_one_encrypted_the_other_leaves_as_it_is() {
    let service = Service::spawn();
    make(&service, "telemetry");
    let (events, public) = (events(3), public(&service, ""));
    let here = batch(&service, "encrypt", "\"dek\":\"telemetry\",", &events[..32]);
    assert_eq!(encrypted_there(&public, &here), here);
    let there = encrypted_there(&public, &events[..32]);
    assert_eq!(
        batch(&service, "encrypt", "\"dek\":\"telemetry\",", &there),
        there
    );
}

#[test]
fn what_python_encrypted_for_one_field_opens_in_no_other_and_the_refusal_names_it() {
    let service = Service::spawn();
    make(&service, "telemetry");
    let event = r#"{"id":7,"who":[{"actor_email":"ada@example.org"}]}"#.to_owned();
    let sealed = encrypted_there(&public(&service, ""), &[event])[0].clone();
    for (name, pointer) in [
        ("actor_name", "/who/0/actor_name"),
        ("email", "/who/0/email"),
    ] {
        let moved = sealed.replace("actor_email", name);
        let refusal = post(&service, "decrypt", &format!("{{\"event\":{moved}}}"));
        refusal.is_refused(422, "integrity_failure");
        let problem = refusal.json();
        assert_eq!(problem["field"], name);
        assert_eq!(problem["pointer"], pointer);
    }
}

#[test]
fn python_refuses_what_the_service_refuses() {
    let service = Service::spawn();
    make(&service, "telemetry");
    let bad = [
        "",
        "[]",
        "{",
        "{\"a\":1} x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"\\u00e9\":1,\"e\u{301}\":2}}",
        "{\"actor_id\":NaN}",
        "{\"actor_id\":\"\\ud800\"}",
        "{\"\\udc00\":1}",
        "{\"a\":01}",
        "{\"a\":\"\n\"}",
        "{'a':1}",
        &nested("actor_id", LEVELS + 1),
        &nested("other", LEVELS + 1),
        &nested("actor_id", 200),
        &nested("actor_id", 5_000),
        &"{\"a\":".repeat(140),
    ]
    .map(str::to_owned);
    let said = there("refusals", &public(&service, ""), &bad);
    for (event, said) in bad.iter().zip(said) {
        assert!(said.is_string(), "{event}");
        let body = format!("{{\"dek\":\"telemetry\",\"event\":{event}}}");
        post(&service, "encrypt", &body).is_refused(400, "invalid_request");
    }
    let many = format!("{{\"a\":[{}1]}}", "{\"actor_id\":1},".repeat(4097));
    let said = there(
        "refusals",
        &public(&service, ""),
        std::slice::from_ref(&many),
    );
    assert!(said[0].as_str().unwrap().contains("4,096"), "{said:?}");
    let body = format!("{{\"dek\":\"telemetry\",\"event\":{many}}}");
    post(&service, "encrypt", &body).is_refused(413, "too_large");
}

/// Levels of an event, its own braces counted, and bytes of an encrypted one.
const LEVELS: usize = 126;
const EVENT_BYTES: usize = 8 * 1024 * 1024 - 64 * 1024;

fn nested(name: &str, levels: usize) -> String {
    let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
    format!("{{\"{name}\":{open}1{close}}}")
}

#[test]
fn the_deepest_and_the_largest_event_that_python_encrypts_comes_back() {
    let service = Service::spawn();
    make(&service, "telemetry");
    let key = public(&service, "");
    let padded = |bytes| format!("{{\"pad\":\"{}\",\"actor_id\":1}}", "x".repeat(bytes));
    let empty = there("encrypt", &key, &[padded(0)])[0]
        .as_str()
        .unwrap()
        .len();
    let pad = EVENT_BYTES - empty;
    let said = there("refusals", &key, &[padded(pad), padded(pad + 1)]);
    assert_eq!(said[0], Value::Null);
    assert!(
        said[1].as_str().unwrap().contains("make several"),
        "{}",
        said[1]
    );
    let over = padded(pad + 1);
    let over = format!("{{\"dek\":\"telemetry\",\"event\":{over}}}");
    post(&service, "encrypt", &over).is_refused(413, "too_large");
    let events = [
        nested("actor_id", LEVELS),
        nested("other", LEVELS),
        padded(pad),
    ];
    for (event, sealed) in events.iter().zip(there("encrypt", &key, &events)) {
        let body = format!("{{\"event\":{}}}", sealed.as_str().unwrap());
        let opened = post(&service, "decrypt", &body);
        assert_eq!(opened.status, 200);
        assert!(opened.text.contains(&**event));
    }
}
