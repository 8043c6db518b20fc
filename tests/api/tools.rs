//! Signed MCP tools over REST (api.md section 10, formats.md section 7).

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::service::{Answer, Service};

pub const SIGN: &str = "/v1/mcp/tools/sign";
const VERIFY: &str = "/v1/mcp/tools/verify";
pub const AMTSS: &str = "aegis-custodian/amtss";

/// Sends a body as it is written.
fn sign(service: &Service, body: &str) -> Answer {
    service.send(&service.token("app"), "POST", SIGN, &[], body)
}

fn signed(service: &Service, tools: &Value) -> Value {
    sign(service, &json!({"tools": tools}).to_string()).is(200)
}

fn verify(service: &Service, mut result: Value, more: &Value) -> Value {
    for (member, value) in more.as_object().into_iter().flatten() {
        result[member] = value.clone();
    }
    service.post("app", VERIFY, result).is(200)
}

/// The signing key of a purpose.
fn key(service: &Service, purpose: &str) -> Value {
    let keys = service.get("", "/v1/signing-keys").is(200);
    let mut keys = keys["items"].as_array().unwrap().iter();
    keys.find(|key| key["purpose"] == purpose).unwrap().clone()
}

fn seconds(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    assert_eq!(time.subsec_nanosecond(), 0);
    time.as_second()
}

#[test]
fn tools_come_back_byte_for_byte_with_a_manifest_that_the_schema_key_signed() {
    let service = Service::spawn();
    let tools = "[ {\"x-n\" : [1.0, 1E30, -0, 12e-1],\n\"name\":\"e\u{301}\", \"x\":\"\\u00e9\\/\"} ,{\"name\":\"b\"}]";
    let answer = sign(&service, &format!("{{\"tools\":{tools}}}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        answer
            .text
            .starts_with(&format!("{{\"tools\":{tools},\"_meta\":{{")),
        "{answer:?}"
    );
    let result = answer.is(200);
    let amtss = &result["_meta"][AMTSS];
    let manifest = &amtss["manifest"];
    let canonical = "{\"name\":\"\u{e9}\",\"x\":\"\u{e9}/\",\"x-n\":[1,1e+30,0,1.2]}";
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let wanted = json!({"\u{e9}": digest(canonical), "b": digest(r#"{"name":"b"}"#)});
    assert_eq!(manifest["tools"], wanted);
    assert_eq!(
        (&manifest["server"], &manifest["version"]),
        (&json!("app"), &json!(1))
    );
    let lifetime = seconds(&manifest["expires_at"]) - seconds(&manifest["issued_at"]);
    assert_eq!(lifetime, 24 * 60 * 60);
    let key = key(&service, "schema");
    assert_eq!(
        (&amtss["alg"], &amtss["keyid"]),
        (&json!("ed25519"), &key["key_id"])
    );
    let raw = |value: &Value| Base64::decode_vec(value.as_str().unwrap()).unwrap();
    let public_key = raw(&key["public_key"]).try_into().unwrap();
    let signature = raw(&amtss["signature"]).try_into().unwrap();
    // Of texts as plain as these, sorted keys without white space are the canonical form.
    let message = format!("aegis-custodian/amtss/v1\0{manifest}");
    aegis_custodian::crypto::ed25519::verify(&public_key, message.as_bytes(), &signature).unwrap();
    assert_eq!(verify(&service, result, &json!({}))["valid"], true);
}

#[test]
fn a_lifetime_is_from_a_minute_to_a_year() {
    let service = Service::spawn();
    let lasts = |text: &str| {
        sign(
            &service,
            &json!({"tools": [], "expires_in": text}).to_string(),
        )
    };
    for (text, wanted) in [
        ("1m", 60),
        ("60s", 60),
        ("7d", 7 * 86_400),
        ("365d", 365 * 86_400),
    ] {
        let manifest = &lasts(text).is(200)["_meta"][AMTSS]["manifest"];
        let lifetime = seconds(&manifest["expires_at"]) - seconds(&manifest["issued_at"]);
        assert_eq!(lifetime, wanted);
    }
    for text in ["59s", "366d", "8761h", "", "0d", "never", "1 d"] {
        lasts(text).is_refused(400, "invalid_request");
    }
}

#[test]
fn what_cannot_be_signed_is_refused_with_a_sentence() {
    let service = Service::spawn();
    let many: Vec<_> = (0..4097)
        .map(|name| json!({"name": name.to_string()}))
        .collect();
    let deep = format!("{}{}", "[".repeat(124), "]".repeat(124));
    let deeper = format!("{}{}", "[".repeat(125), "]".repeat(125));
    for (tools, status, wanted) in [
        ("{}", 400, "tools is an array"),
        ("null", 400, "tools is an array"),
        ("[7]", 400, "item 1 of the list: an object with a `name`"),
        (
            r#"[{"name":"a"},{}]"#,
            400,
            "item 2 of the list: an object with a `name`",
        ),
        (r#"[{"name":""}]"#, 400, "1 to 256 characters"),
        (r#"[{"name":7}]"#, 400, "a `name`, a text"),
        (
            r#"[{"name":"a"},{"name":"b"},{"name":"a"}]"#,
            400,
            "item 3 of the list: a name that no tool before it has",
        ),
        (
            "[{\"name\":\"e\u{301}\"},{\"name\":\"\u{e9}\"}]",
            400,
            "item 2",
        ),
        (
            r#"[{"name":"a","n":9007199254740992}]"#,
            400,
            "item 1 of the list: integers from -9007199254740991 to",
        ),
        (
            r#"[{"name":"a","n":-9007199254740992}]"#,
            400,
            "send them as texts",
        ),
        (
            r#"[{"name":"a","n":123456789012345678901234567890}]"#,
            400,
            "send them as texts",
        ),
        (
            r#"[{"name":"a","n":1e400}]"#,
            400,
            "numbers that a 64-bit double can hold",
        ),
        (
            r#"[{"name":"a","b":1,"b":2}]"#,
            400,
            "each key of an object once",
        ),
        (
            "[{\"name\":\"a\",\"e\u{301}\":1,\"\u{e9}\":2}]",
            400,
            "each key of an object once",
        ),
        (r#"[{"name":"\ud800"}]"#, 400, "well-formed JSON"),
        (
            &format!(r#"[{{"name":"a","deep":{deeper}}}]"#),
            400,
            "nested at most 127 deep",
        ),
        (&json!(many).to_string(), 413, "4,096"),
    ] {
        let answer = sign(&service, &format!("{{\"tools\":{tools}}}"));
        let code = if status == 413 {
            "too_large"
        } else {
            "invalid_request"
        };
        answer.is_refused(status, code);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(wanted), "{tools:.80}: {detail}");
    }
    let fine = format!(
        r#"[{{"name":"a","deep":{deep},"n":[9007199254740991,-9007199254740991.0,1e21]}}]"#
    );
    let result = sign(&service, &format!("{{\"tools\":{fine}}}"));
    let again = service.send(&service.token("app"), "POST", VERIFY, &[], &result.text);
    assert_eq!(again.is(200)["valid"], true);
}

#[test]
fn a_body_of_tools_up_to_the_limit_is_signed() {
    let service = Service::spawn();
    let tool = |name: usize| json!({"name": name.to_string(), "description": "x".repeat(200)});
    let tools: Vec<_> = (0..4096).map(tool).collect();
    let result = signed(&service, &json!(tools));
    let digests = result["_meta"][AMTSS]["manifest"]["tools"]
        .as_object()
        .unwrap();
    assert_eq!(digests.len(), 4096);
}

#[test]
fn each_signing_leaves_one_entry_that_tells_which_manifest_it_was() {
    let service = Service::spawn();
    let result = signed(&service, &json!([{"name": "add"}, {"name": "pay"}]));
    let amtss = &result["_meta"][AMTSS];
    sign(&service, r#"{"tools":[7]}"#).is_refused(400, "invalid_request");
    let other = service.principal("other", &["app"], &Value::Null);
    service
        .send(
            &other.token,
            "POST",
            SIGN,
            &[],
            r#"{"tools":[],"server":"app"}"#,
        )
        .is_refused(403, "forbidden");
    verify(&service, result.clone(), &json!({}));
    let mut entries = service.audit();
    entries.retain(|entry| entry["action"].as_str().unwrap().starts_with("tools."));
    assert_eq!(entries.len(), 3, "{entries:?}");
    let sha256 = hex::encode(Sha256::digest(amtss["manifest"].to_string()));
    let wanted = json!({"tools": 2, "key_id": amtss["keyid"], "manifest_sha256": sha256, "expires_at": amtss["manifest"]["expires_at"]});
    assert_eq!(entries[0]["detail"], wanted);
    assert_eq!(
        (&entries[0]["object"], &entries[0]["outcome"]),
        (&json!("app"), &json!("ok"))
    );
    for (entry, code) in entries[1..].iter().zip(["invalid_request", "forbidden"]) {
        assert_eq!(
            (&entry["outcome"], &entry["detail"]["code"]),
            (&json!("refused"), &json!(code))
        );
    }
}

#[test]
fn a_list_is_judged_with_all_that_differs() {
    let service = Service::spawn();
    let tools =
        json!([{"name": "add", "description": "Adds."}, {"name": "pay"}, {"name": "clock"}]);
    let result = signed(&service, &tools);
    let said = verify(&service, result.clone(), &json!({"expected_server": "app"}));
    assert_eq!(
        (&said["valid"], &said["error"], &said["server"]),
        (&json!(true), &Value::Null, &json!("app"))
    );
    let members: Vec<_> = said
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let all = [
        "added",
        "as_of_issue",
        "at",
        "changed",
        "error",
        "expires_at",
        "issued_at",
        "keyid",
        "missing",
        "server",
        "valid",
    ];
    assert_eq!(members, all);
    let word = |more: Value| verify(&service, result.clone(), &more)["error"].clone();
    assert_eq!(
        word(json!({"expected_server": "apps"})),
        "ManifestServerMismatch"
    );
    let page = json!([{"name": "add", "description": "Adds."}]);
    assert_eq!(word(json!({"tools": page})), "ToolsDiffer");
    assert_eq!(word(json!({"tools": page, "partial": true})), Value::Null);
    assert_eq!(word(json!({"_meta": {}})), "ManifestMissing");
    assert_eq!(word(json!({"tools": [7]})), "ToolsMalformed");
    let changed =
        json!([{"name": "add", "description": "Adds!"}, {"name": "pay"}, {"name": "delete"}]);
    let said = verify(&service, result.clone(), &json!({"tools": changed}));
    assert_eq!(
        (&said["valid"], &said["error"]),
        (&json!(false), &json!("ToolsDiffer"))
    );
    assert_eq!(
        (&said["changed"], &said["missing"], &said["added"]),
        (&json!(["add"]), &json!(["clock"]), &json!(["delete"]))
    );
    // A tool with an integer that no double carries was never signed.
    let text = result
        .to_string()
        .replacen("\"Adds.\"", "9007199254740993", 1);
    let said = service
        .send(&service.token("auditor"), "POST", VERIFY, &[], &text)
        .is(200);
    assert_eq!(said["changed"], json!(["add"]));
}

#[test]
fn another_services_list_and_another_purposes_key_are_not_believed() {
    let (here, there) = (Service::spawn(), Service::spawn());
    let result = signed(&there, &json!([{"name": "add"}]));
    assert_eq!(
        verify(&here, result, &json!({}))["error"],
        "ManifestKeyUnknown"
    );
    let mut result = signed(&here, &json!([{"name": "add"}]));
    result["_meta"][AMTSS]["keyid"] = key(&here, "checkpoint")["key_id"].clone();
    let said = verify(&here, result, &json!({}));
    assert_eq!(
        (&said["error"], &said["server"]),
        (&json!("ManifestKeyPurpose"), &Value::Null)
    );
}
