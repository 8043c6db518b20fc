//! What may be asked (api.md section 8).

use serde_json::{Value, json};

use crate::{
    Alone, House,
    people::{Desk, text},
};

#[test]
fn a_request_shows_all_that_a_custodian_signs() {
    let house = House::open();
    let made = house
        .request("the change is small", json!({"on_behalf_of": "Hal"}))
        .is(201);
    assert_eq!(made["status"], "pending");
    assert_eq!(made["requested_by"], "house-app");
    assert_eq!(made["on_behalf_of"], "hal");
    assert_eq!(made["failed_gates"], json!(["novelty", "risk"]));
    assert_eq!(made["environment"], "production");
    assert_eq!(made["instance"], "house");
    assert_eq!(made["binding"], "bound");
    assert_eq!(made["signatures"], json!([]));
    let signing = made["signing"].as_object().unwrap();
    assert_eq!(signing.len(), 4);
    let m = hex::decode(text(&made, "signing_hash")).unwrap();
    let bytes = |scheme: &str| {
        use base64ct::{Base64, Encoding};
        Base64::decode_vec(signing[scheme]["message_to_sign"].as_str().unwrap()).unwrap()
    };
    assert_eq!(bytes("ed25519"), m);
    assert_eq!(bytes("ed25519+ml-dsa-44"), m);
    assert_ne!(bytes("bip340"), m, "BIP-340 signs the tagged hash");
    assert_eq!(
        signing["bip322-simple"]["message_to_sign"],
        made["signing_hash"]
    );
}

#[test]
fn a_question_is_asked_once_whatever_its_normal_form() {
    let house = House::open();
    let made = house.request("caf\u{e9}", json!({})).is(201);
    let again = house.request("cafe\u{301}", json!({"environment": "staging"}));
    again.is_refused(409, "already_exists");
    // Even when it is closed: an old signature can never be played again.
    let path = format!("/v1/overrides/{}/withdraw", text(&made, "id"));
    house.tell(&house.app, &path, json!({})).is(200);
    house
        .request("caf\u{e9}", json!({}))
        .is_refused(409, "already_exists");
    // A blank at its end makes another question: it is hashed untrimmed.
    house.request("caf\u{e9} ", json!({})).is(201);
}

#[test]
fn what_is_no_sound_request_is_refused_and_nothing_is_stored() {
    let house = House::open();
    let gates: Vec<_> = (0..100_000).map(|_| "risk").collect();
    let bad = [
        json!({"proposal_id": ""}),
        json!({"proposal_id": "x".repeat(257)}),
        json!({"proposal_id": "a\nb"}),
        json!({"justification": " \n"}),
        json!({"justification": "x".repeat(4097)}),
        json!({"justification": "a\u{1b}[2Jb"}),
        json!({"justification": "a\u{0}b"}),
        json!({"failed_gates": []}),
        json!({"failed_gates": ["risk", "risk"]}),
        json!({"failed_gates": ["speed"]}),
        json!({"failed_gates": gates}),
        json!({"environment": "moon"}),
        json!({"expires_in": "59s"}),
        json!({"expires_in": "25h"}),
        json!({"expires_in": "never"}),
        json!({"on_behalf_of": "a b"}),
        json!({"surprise": 1}),
    ];
    for more in bad {
        let shown: String = more.to_string().chars().take(80).collect();
        let refused = house.request("sound", more);
        assert_eq!(refused.status, 400, "{shown}");
        refused.is_refused(400, "invalid_request");
    }
    let surrogate = r#"{"proposal_id":"p","justification":"\ud800","failed_gates":["risk"]}"#;
    let refused = house.raw(&house.app, "/v1/overrides", surrogate);
    refused.is_refused(400, "invalid_request");
    let all = house.look(&house.auditor().1, "/v1/overrides");
    assert_eq!(all["items"], json!([]));
}

#[test]
fn the_longest_texts_and_the_shortest_times_are_taken() {
    let house = House::open();
    let longest = "e\u{301}".repeat(4096);
    let more = json!({"proposal_id": "\u{e9}".repeat(256), "expires_in": "1m"});
    let made = house.request(&longest, more).is(201);
    assert_eq!(text(&made, "justification"), "\u{e9}".repeat(4096));
}

#[test]
fn complexity_is_overridden_by_nobody() {
    let house = House::open();
    for gates in [json!(["complexity"]), json!(["risk", "complexity"])] {
        house
            .request("please", json!({"failed_gates": gates}))
            .is_refused(422, "not_overridable");
    }
}

#[test]
fn an_application_sees_its_own_overrides_only() {
    let house = Alone::open();
    let body = json!({"name": "other", "subject": "other", "roles": ["app"]});
    let other = house
        .tell(&house.admin(), "/v1/admin/principals", body)
        .is(201);
    let other = text(&other, "token");
    let made = house.request("mine", json!({})).is(201);
    let path = format!("/v1/overrides/{}", text(&made, "id"));
    house
        .ask(&other, "GET", &path, &Value::Null)
        .is_refused(404, "not_found");
    let withdraw = format!("{path}/withdraw");
    house
        .tell(&other, &withdraw, json!({}))
        .is_refused(404, "not_found");
    assert_eq!(house.look(&other, "/v1/overrides")["items"], json!([]));
    let mine = house.look(&house.app(), "/v1/overrides");
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
    house
        .ask(&house.admin(), "GET", &path, &Value::Null)
        .is_refused(403, "forbidden");
}

#[test]
fn a_list_is_filtered_by_what_overrides_are_now() {
    let house = House::open();
    let (_, auditor) = house.auditor();
    house.request("one", json!({"expires_in": "1m"})).is(201);
    house.request("two", json!({"proposal_id": "p-2"})).is(201);
    let count = |query: &str| {
        let list = house.look(&auditor, &format!("/v1/overrides?{query}"));
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((count("status=pending"), count("status=expired")), (2, 0));
    house.pass(60);
    assert_eq!((count("status=pending"), count("status=expired")), (1, 1));
    assert_eq!((count("proposal_id=p-2"), count("proposal_id=p")), (1, 0));
    assert_eq!(count("limit=1"), 1);
    let refused = house.get(&auditor, "/v1/overrides?status=open");
    refused.is_refused(400, "invalid_request");
}

#[test]
fn the_human_behind_a_request_can_be_made_compulsory() {
    use aegis_custodian::{
        config::TERMS,
        custodian::{Rules, Terms},
    };
    let house = House::ruled(Rules {
        overrides: Terms {
            require_on_behalf_of: true,
            ..TERMS
        },
        ..crate::house::RULES
    });
    house
        .request("x", json!({}))
        .is_refused(400, "invalid_request");
    house.request("x", json!({"on_behalf_of": "hal"})).is(201);
}
