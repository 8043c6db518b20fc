//! Keys and signatures that are none: refused with a word that says which, and nothing stored.

use aegis_custodian::crypto::scheme::{Kind, SigningKey};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::{
    Alone,
    people::{Desk, KINDS, Person, RISK, SECURITY, enrol, prove, text},
};

fn offer(house: &Alone, scheme: &str, key: &str) -> crate::service::Answer {
    let body = json!({"name": "rita", "subject": "rita", "role": RISK, "scheme": scheme, "public_key": key});
    house.tell(&house.admin(), "/v1/admin/custodians", body)
}

#[test]
fn keys_that_are_none_are_refused() {
    let house = Alone::open();
    let b64 = |bytes: &[u8]| Base64::encode_string(bytes);
    let small_order = b64(&[
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ]);
    let bad = [
        ("ed25519", b64(&[7; 31])),
        ("ed25519", b64(&[7; 33])),
        ("ed25519", "not base64".to_owned()),
        ("ed25519", small_order),
        ("ed25519", b64(&[0xff; 32])),
        ("bip340", b64(&[0xff; 32])),
        ("bip340", b64(&[2; 33])),
        ("bip340", String::new()),
        ("ed25519+ml-dsa-44", b64(&[7; 1343])),
        ("ed25519+ml-dsa-44", b64(&[7; 32])),
        ("bip322-simple", b64(&[7; 32])),
        (
            "bip322-simple",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2".to_owned(),
        ),
        (
            "bip322-simple",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy".to_owned(),
        ),
        (
            "bip322-simple",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx".to_owned(),
        ),
        (
            "bip322-simple",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5".to_owned(),
        ),
        ("rot13", "x".to_owned()),
        ("ed25519", "x".repeat(100_000)),
    ];
    for (scheme, key) in bad {
        let refused = offer(&house, scheme, &key);
        assert_eq!(
            refused.status,
            400,
            "{scheme} {}",
            &key[..key.len().min(60)]
        );
        refused.is_refused(400, "invalid_request");
    }
    let all = house.look(&house.admin(), "/v1/custodians");
    assert_eq!(all["items"], json!([]));
}

#[test]
fn signatures_of_every_wrong_length_are_refused_and_nothing_is_stored() {
    let house = Alone::open();
    for (at, kind) in KINDS.into_iter().enumerate() {
        let rita = Person::enrol(&house, &format!("rita-{at}"), RISK, kind);
        let asked = house.request(&format!("{at}"), json!({})).is(201);
        let good = rita.signature(&asked);
        let bare = good.strip_prefix("smp").unwrap_or(&good);
        let bytes = Base64::decode_vec(bare).unwrap();
        let lengths = [
            0,
            1,
            63,
            65,
            bytes.len() - 1,
            bytes.len() + 1,
            2 * bytes.len(),
        ];
        for length in lengths.into_iter().filter(|length| *length != bytes.len()) {
            let mut other = bytes.clone();
            other.resize(length, 0);
            let other = Base64::encode_string(&other);
            let refused = rita.post_signature(&house, &asked, &other);
            assert_eq!(refused.code(), "bad_signature", "{kind:?} {length}");
        }
        for text in [
            "",
            "!",
            "smp",
            "ful",
            &format!("ful{bare}"),
            &format!("pof{bare}"),
            &format!(" {good}"),
            &format!("{good}\n"),
            &"A".repeat(500_000),
        ] {
            rita.post_signature(&house, &asked, text)
                .is_refused(422, "bad_signature");
        }
        for flipped in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[flipped] ^= 1;
            let other = Base64::encode_string(&other);
            rita.post_signature(&house, &asked, &other)
                .is_refused(422, "bad_signature");
        }
        let path = format!("/v1/overrides/{}", text(&asked, "id"));
        assert_eq!(house.look(&house.app(), &path)["signatures"], json!([]));
        assert_eq!(
            rita.post_signature(&house, &asked, &good).is(200)["status"],
            "partial"
        );
    }
}

#[test]
fn one_key_comes_back_in_no_form() {
    let house = Alone::open();
    let forms: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| matches!(kind, Kind::Bip340 | Kind::Bip322Simple { .. }))
        .collect();
    for first in &forms {
        for second in forms.iter().filter(|second| *second != first) {
            let made = Person::enrol(&house, "rita", RISK, *first);
            let secret = made.key.secret().expose().to_vec();
            let other =
                SigningKey::new(*second, aegis_custodian::secret::Plaintext::new(secret)).unwrap();
            comes_back(&house, &other, &format!("{first:?} as {second:?}"));
            made.change(&house, "revoke").is(200);
            comes_back(&house, &other, &format!("revoked {first:?} as {second:?}"));
            let principals = house.look(&house.admin(), "/v1/admin/principals");
            let own = principals["items"].as_array().unwrap().iter();
            let own = own
                .filter(|one| one["subject"] == "rita")
                .map(|one| text(one, "id"));
            for id in own {
                let path = format!("/v1/admin/principals/{id}");
                house
                    .ask(&house.admin(), "DELETE", &path, &Value::Null)
                    .is(204);
            }
        }
    }
}

/// Refused at once, or as soon as the proof shows the key that the address hides.
fn comes_back(house: &Alone, key: &SigningKey, what: &str) {
    let offered = enrol(house, "theo", SECURITY, key);
    if offered.status == 201 {
        let made = offered.json();
        let path = format!("/v1/admin/custodians/{}", text(&made, "id"));
        let proof = json!({"signature": prove(key, &made)});
        let refused = house.tell(&house.admin(), &format!("{path}/activate"), proof);
        assert_eq!(refused.code(), "already_exists", "{what}");
        house
            .tell(
                &house.admin(),
                &format!("{path}/revoke"),
                json!({"reason": "x"}),
            )
            .is(200);
        return;
    }
    assert_eq!(offered.code(), "already_exists", "{what}");
}

#[test]
fn an_address_in_capitals_is_the_same_address() {
    let house = Alone::open();
    let kind = KINDS[4];
    let key = SigningKey::generate(kind).unwrap();
    let made = offer(
        &house,
        "bip322-simple",
        &key.public_key().text().to_uppercase(),
    )
    .is(201);
    assert_eq!(made["public_key"], key.public_key().text());
    enrol(&house, "theo", SECURITY, &key).is_refused(409, "already_exists");
}

#[test]
fn an_hybrid_key_shares_no_half_with_another() {
    let house = Alone::open();
    let both = SigningKey::generate(Kind::Ed25519MlDsa44).unwrap();
    enrol(&house, "rita", RISK, &both).is(201);
    let seed = both.secret().expose()[..32].to_vec();
    let half =
        SigningKey::new(Kind::Ed25519, aegis_custodian::secret::Plaintext::new(seed)).unwrap();
    enrol(&house, "theo", SECURITY, &half).is_refused(409, "already_exists");
}
