//! `hpke` blobs in both directions against the HPKE of Python's `cryptography`: what it makes with the public key
//! opens here, what is made here opens there with the seed, and nothing that differs opens at all.

use std::{fs, path::Path};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ELSEWHERE, PLAINTEXT, dek_row, independently,
    service::{Answer, Service, eventually},
    software_kek,
};

/// Makes a hybrid DEK and answers its first version.
pub fn make(service: &Service, name: &str) -> String {
    let body = json!({"name": name, "algorithm": "mlkem768-x25519"});
    let dek = service.post("operator", "/v1/deks", body).is(201);
    dek["current"].as_str().unwrap().to_owned()
}

pub fn rotate(service: &Service, name: &str) -> String {
    let path = format!("/v1/deks/{name}/rotate");
    let made = service.post("operator", &path, json!({})).is(201);
    made["version"].as_str().unwrap().to_owned()
}

/// The public key as any granted application gets it.
fn public_key(service: &Service, name: &str, query: &str) -> Value {
    let path = format!("/v1/deks/{name}/public-key{query}");
    service.get("app", &path).is(200)["public_key"].clone()
}

fn encrypt(service: &Service, name: &str, context: &Value) -> Answer {
    let path = format!("/v1/deks/{name}/encrypt");
    let body = json!({"plaintext": PLAINTEXT, "context": context});
    service.post("app", &path, body)
}

fn decrypt(service: &Service, name: &str, blob: &Value, context: &Value) -> Answer {
    let path = format!("/v1/deks/{name}/decrypt");
    let body = json!({"ciphertext": blob, "context": context});
    service.post("app", &path, body)
}

/// What Python is to encrypt.
fn sealing(key: &Value, reference: &str, context: &Value) -> Value {
    json!({"public_key": key, "reference": reference, "context": context, "plaintext": ELSEWHERE})
}

fn sealed(jobs: &[Value]) -> Vec<Value> {
    let made = independently("hybrid.py", &json!({"seal": jobs}));
    made["sealed"].as_array().unwrap().clone()
}

/// Python decrypts with the seed out of the database; it answers the plaintext and the seed's public key.
fn opened(dir: &Path, name: &str, version: &str, blob: &Value, context: &Value) -> Value {
    let job = json!({
        "kek": software_kek(dir).1,
        "row": dek_row(dir, name, version),
        "reference": format!("{name}/{version}"),
        "ciphertext": blob,
        "context": context,
    });
    independently("hybrid.py", &json!({"open": [job]}))["opened"][0].clone()
}

/// Contexts as Python writes them, and the same ones written otherwise: another order, another Unicode form.
fn contexts() -> [(Value, Value); 5] {
    [
        (json!({}), json!({})),
        (
            json!({"event": "e-17", "field": "actor_email"}),
            json!({"field": "actor_email", "event": "e-17"}),
        ),
        (
            json!({"z": "cafe\u{301}", "e\u{301}": "\u{1f600}"}),
            json!({"\u{e9}": "\u{1f600}", "z": "caf\u{e9}"}),
        ),
        (
            json!({"a": "\"\\\u{1}\u{7f}\n", "": ""}),
            json!({"": "", "a": "\"\\\u{1}\u{7f}\n"}),
        ),
        // By UTF-16 code units the second key comes first (RFC 8785), by code points the first.
        (
            json!({"\u{ff21}": "1", "\u{1f600}": "2"}),
            json!({"\u{1f600}": "2", "\u{ff21}": "1"}),
        ),
    ]
}

#[test]
fn what_python_encrypts_to_the_public_key_the_service_decrypts() {
    let service = Service::spawn();
    let version = make(&service, "events");
    let key = public_key(&service, "events", "");
    let reference = format!("events/{version}");
    let jobs = contexts().map(|(there, _)| sealing(&key, &reference, &there));
    for (blob, (there, here)) in sealed(&jobs).iter().zip(contexts()) {
        for context in [there, here] {
            let answer = decrypt(&service, "events", blob, &context).is(200);
            assert_eq!(answer["plaintext"], ELSEWHERE, "{context}");
            assert_eq!(answer["version"], version);
        }
    }
}

#[test]
fn what_the_service_encrypts_python_decrypts_with_the_stored_seed() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--kek", "software"]);
    let version = make(&service, "events");
    for (here, there) in contexts() {
        let made = encrypt(&service, "events", &here).is(200);
        assert_eq!(made["version"], version);
        let back = opened(home.path(), "events", &version, &made["ciphertext"], &there);
        assert_eq!(back["plaintext"], PLAINTEXT, "{here}");
        assert_eq!(back["public_key"], public_key(&service, "events", ""));
    }
}

#[test]
fn nothing_that_differs_opens() {
    let service = Service::spawn();
    let (version, other) = (make(&service, "events"), make(&service, "others"));
    let newer = rotate(&service, "events");
    let key = public_key(&service, "events", &format!("?version={version}"));
    let (reference, context) = (format!("events/{version}"), json!({"field": "actor_id"}));
    let right = sealing(&key, &reference, &context);
    let mut label = right.clone();
    label["label"] = json!("actor_id"); // a label of another use of the same key
    // Info that names another DEK, and another version.
    let elsewhere = sealing(&key, &format!("others/{other}"), &context);
    let later = sealing(&key, &format!("events/{newer}"), &context);
    let made = sealed(&[right, label, elsewhere, later]);
    let blob = made[0].as_str().unwrap();
    decrypt(&service, "events", &made[0], &context).is(200);
    let mut wrong = vec![made[1].clone(), made[2].clone(), made[3].clone()];
    for (was, is) in [
        (reference.as_str(), format!("events/{newer}")),
        (reference.as_str(), format!("others/{other}")),
        (reference.as_str(), "events/dek-v9-20260101".to_owned()),
        (":hpke:", ":dek:".to_owned()),
    ] {
        wrong.push(json!(blob.replace(was, &is)));
    }
    // As they came, and with a head that claims what the service would accept.
    for index in [2, 3] {
        let body = made[index].as_str().unwrap().rsplit(':').next().unwrap();
        wrong.push(json!(format!("cst1:hpke:{reference}:{body}")));
    }
    wrong.extend(damaged(blob));
    for blob in &wrong {
        decrypt(&service, "events", blob, &context).is_refused(422, "integrity_failure");
    }
    only_its_dek_and_context_open(&service, &made[0], &context);
}

fn only_its_dek_and_context_open(service: &Service, blob: &Value, context: &Value) {
    decrypt(service, "others", blob, context).is_refused(422, "integrity_failure");
    for context in [
        json!({"field": "actor_name"}),
        json!({"Field": "actor_id"}),
        json!({}),
    ] {
        decrypt(service, "events", blob, &context).is_refused(422, "integrity_failure");
    }
}

/// A blob with one bit flipped in each of its parts, and cut or made longer at its end.
fn damaged(blob: &str) -> Vec<Value> {
    let (head, body) = blob.rsplit_once(':').unwrap();
    let body = Base64UrlUnpadded::decode_vec(body).unwrap();
    let again = |body: &[u8]| json!(format!("{head}:{}", Base64UrlUnpadded::encode_string(body)));
    // ML-KEM's ciphertext is 1,088 bytes, X25519's share 32; then what was encrypted, and a tag of 16.
    let places = [
        0,
        543,
        1087,
        1088,
        1118,
        1120,
        body.len() - 16,
        body.len() - 1,
    ];
    let flipped = places.map(|place| {
        let mut body = body.clone();
        body[place] ^= 0x10;
        again(&body)
    });
    let mut all = flipped.to_vec();
    all.extend([0, 1119, 1120, 1135, body.len() - 1].map(|length| again(&body[..length])));
    all.push(again(&[&body[..], &[0]].concat()));
    all
}

#[test]
fn in_a_batch_each_item_is_judged_alone() {
    let service = Service::spawn();
    let version = make(&service, "events");
    let key = public_key(&service, "events", "");
    let (reference, context) = (format!("events/{version}"), json!({"field": "actor_id"}));
    let there = sealed(&[sealing(&key, &reference, &context)])[0].clone();
    let here = encrypt(&service, "events", &context).is(200)["ciphertext"].clone();
    let bad = &damaged(there.as_str().unwrap())[3];
    let item = |blob: &Value, name: &str| json!({"ciphertext": blob, "context": context, "reference": name});
    let items = [
        item(&there, "there"),
        item(bad, "bad"),
        item(&here, "here"),
        json!({"ciphertext": here}),
    ];
    let body = json!({"items": items});
    let answer = service.post("app", "/v1/deks/events/decrypt", body).is(200);
    let items = answer["items"].as_array().unwrap();
    assert_eq!(
        (&items[0]["plaintext"], &items[0]["reference"]),
        (&json!(ELSEWHERE), &json!("there"))
    );
    assert_eq!(
        (&items[1]["error"]["code"], &items[1]["reference"]),
        (&json!("integrity_failure"), &json!("bad"))
    );
    assert_eq!(
        (&items[2]["plaintext"], &items[2]["reference"]),
        (&json!(PLAINTEXT), &json!("here"))
    );
    assert_eq!(items[3]["error"]["code"], "integrity_failure");
}

#[test]
fn blobs_made_elsewhere_outlive_rotation_and_can_be_moved_on() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--kek", "software"]);
    let (first, context) = (make(&service, "events"), json!({"field": "actor_id"}));
    let key = public_key(&service, "events", "");
    let job = sealing(&key, &format!("events/{first}"), &context);
    let before = sealed(std::slice::from_ref(&job))[0].clone();
    let second = rotate(&service, "events");
    assert_ne!(public_key(&service, "events", ""), key);
    assert_eq!(
        public_key(&service, "events", &format!("?version={first}")),
        key
    );
    // Whoever still has the older public key goes on encrypting to it.
    for blob in [before.clone(), sealed(&[job])[0].clone()] {
        let answer = decrypt(&service, "events", &blob, &context).is(200);
        assert_eq!(
            (&answer["plaintext"], &answer["version"]),
            (&json!(ELSEWHERE), &json!(first))
        );
    }
    let body = json!({"ciphertext": before, "context": context});
    let moved = service.post("app", "/v1/deks/events/rewrap", body).is(200);
    assert_eq!(moved["version"], second);
    let back = opened(
        home.path(),
        "events",
        &second,
        &moved["ciphertext"],
        &context,
    );
    assert_eq!(back["plaintext"], ELSEWHERE);
    let confirm = json!({"confirm": format!("events/{first}")});
    let path = format!("/v1/deks/events/versions/{first}/destroy");
    service.post("operator", &path, confirm).is(200);
    decrypt(&service, "events", &before, &context).is_refused(410, "destroyed");
    let answer = decrypt(&service, "events", &moved["ciphertext"], &context).is(200);
    assert_eq!(answer["plaintext"], ELSEWHERE);
}

#[test]
fn without_the_token_hybrid_deks_go_on_encrypting() {
    let service = Service::spawn();
    let (version, context) = (make(&service, "events"), json!({"field": "actor_id"}));
    let before = encrypt(&service, "events", &context).is(200)["ciphertext"].clone();
    decrypt(&service, "events", &before, &context).is(200);
    let (tokens, away) = (service.dir.join("softhsm/tokens"), service.dir.join("away"));
    fs::rename(&tokens, &away).unwrap();
    // What was opened before is dropped as soon as the token is missed.
    eventually("readiness notices", || {
        service.get("", "/v1/health/ready").status == 503
    });
    let during = encrypt(&service, "events", &context).is(200);
    assert_eq!(during["version"], version);
    let key = public_key(&service, "events", "");
    let there = sealed(&[sealing(&key, &format!("events/{version}"), &context)])[0].clone();
    let made = [
        (before, PLAINTEXT),
        (during["ciphertext"].clone(), PLAINTEXT),
        (there, ELSEWHERE),
    ];
    for (blob, _) in &made {
        let answer = decrypt(&service, "events", blob, &context);
        answer.is_refused(503, "kek_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    let _none = fs::remove_dir_all(&tokens);
    fs::rename(&away, &tokens).unwrap();
    for (blob, plaintext) in &made {
        eventually("the token is used again", || {
            decrypt(&service, "events", blob, &context).status == 200
        });
        let answer = decrypt(&service, "events", blob, &context).is(200);
        assert_eq!(answer["plaintext"], *plaintext);
    }
}

#[test]
fn a_public_key_is_what_its_page_says() {
    let service = Service::spawn();
    let version = make(&service, "events");
    let shown = service.get("app", "/v1/deks/events/public-key").is(200);
    assert_eq!(
        (&shown["version"], &shown["algorithm"]),
        (&json!(version), &json!("mlkem768-x25519"))
    );
    let bytes = Base64::decode_vec(shown["public_key"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 1216);
    let dek = service.get("operator", "/v1/deks/events").is(200);
    assert_eq!(dek["versions"][0]["public_key"], shown["public_key"]);
    service.make_dek("plain");
    service
        .get("app", "/v1/deks/plain/public-key")
        .is_refused(409, "conflict");
    service
        .get("admin", "/v1/deks/events/public-key")
        .is_refused(403, "forbidden");
}
