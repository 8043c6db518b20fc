//! Signed lists of MCP tools against Python's `cryptography` and `rfc8785`, both ways; and the numbers of RFC 8785.

use std::{fs, process::Command};

use aegis_custodian::{crypto::canonical, json::Tree};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ceremony::{SCHEMA, service_keys},
    independently,
    service::Service,
    toolbox::{EXPIRES_AT, ISSUED_AT, NOW, judge_as, now},
};

/// Two tools in no normal form, keys in no order, every kind of number, and keys that `serde_json` keeps for itself.
const TOOLS: &str = "[ {\"x-n\":[1.0,1E30,-0.0,5e-324,1.7976931348623157e308,333333333.33333329,9007199254740991,\
    -9007199254740991,0.000001,1e-7,1e21,9007199254740991.0,999999999999999999999.0],\"name\":\"cafe\u{301}\",\
    \"\u{fb03}\":1,\"\u{1f600}\":2,\"e\u{301}\":3,\"\":null,\"x\":\"\\u00e9\\/\\u001f\\ud83d\\ude00\u{2028}\"},\
    {\"name\":\"b\",\"magic\":[{\"$serde_json::private::RawValue\":\"[1]\"},\
    {\"$serde_json::private::Number\":\"7\"}],\"inputSchema\":{\"type\":\"object\",\"properties\":{\"\\u0061\":{\"type\":\"number\"}}}} ]";

fn schema_key(service: &Service) -> Value {
    let keys = service.get("", "/v1/signing-keys").is(200);
    let mut keys = keys["items"].as_array().unwrap().iter();
    let key = keys.find(|key| key["purpose"] == "schema").unwrap();
    key["public_key"].clone()
}

#[test]
fn a_list_that_the_service_signed_is_verified_by_python() {
    let service = Service::spawn();
    let body = format!("{{\"tools\":{TOOLS}}}");
    let token = service.token("app");
    let answer = service.send(&token, "POST", "/v1/mcp/tools/sign", &[], &body);
    let text = answer.text.clone();
    answer.is(200);
    let changed = text.replacen("\"number\"", "\"integer\"", 1);
    let resigned = text.replacen("\"server\":\"app\"", "\"server\":\"apx\"", 1);
    assert!(changed != text && resigned != text);
    let given = json!({"public_key": schema_key(&service), "judge": [text, changed, resigned]});
    let judged = independently("tools.py", &given)["judged"].take();
    let found = |at: usize| ["signed", "same", "keyid"].map(|of| judged[at][of] == true);
    assert_eq!(
        [found(0), found(1), found(2)],
        [[true, true, true], [true, false, true], [false, true, true]]
    );
    let entries = service.audit();
    let logged = entries
        .iter()
        .find(|entry| entry["action"] == "tools.sign")
        .unwrap();
    assert_eq!(
        logged["detail"]["manifest_sha256"],
        judged[0]["manifest_sha256"]
    );
}

#[test]
fn a_list_that_python_signed_is_verified_here_and_by_the_command() {
    let job = json!({"seed": hex::encode(SCHEMA), "tools": TOOLS, "server": "cafe\u{301}", "issued_at": ISSUED_AT,
        "expires_at": EXPIRES_AT});
    let signed = independently("tools.py", &json!({"sign": [job]}))["signed"][0].take();
    let signed = signed.as_str().unwrap();
    let expected = aegis_custodian::crypto::tools::Expected {
        server: Some("caf\u{e9}"),
        ..now()
    };
    assert_eq!(judge_as(signed, &expected).error, None);
    let home = TempDir::new().unwrap();
    let put = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    put("keys.json", &service_keys().to_string());
    put("tools.json", signed);
    put(
        "changed.json",
        &signed.replacen("\"number\"", "\"integer\"", 1),
    );
    for (file, code) in [("tools.json", 0), ("changed.json", 3)] {
        let status = Command::new(env!("CARGO_BIN_EXE_custodian"))
            .args(["verify", "tools", file, "--keys", "keys.json", "--at", NOW])
            .current_dir(home.path())
            .status();
        assert_eq!(status.unwrap().code(), Some(code), "{file}");
    }
    let given = json!({"public_key": service_keys()["items"][2]["public_key"], "judge": [signed]});
    assert_eq!(independently("tools.py", &given)["judged"][0]["same"], true);
}

/// Numbers at every edge, and some thousands that a dice makes.
fn numbers() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for power in [0, 1, 31, 32, 52, 53, 54, 63, 64, 100] {
        for off in -2_i128..=2 {
            let whole = (1_i128 << power) + off;
            all.extend([
                whole.to_string(),
                (-whole).to_string(),
                format!("{whole}.0"),
                format!("{whole}e0"),
            ]);
        }
    }
    for text in [
        "-0",
        "0.0",
        "-0.0",
        "0e9",
        "1e400",
        "-1e400",
        "1e-400",
        "1.7976931348623157e308",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e21",
        "1e20",
        "999999999999999999999.0",
        "1e-6",
        "1e-7",
        "333333333.33333329",
        "4.50",
        "2e-3",
        "1E30",
        "0.000000000000000000000000001",
    ] {
        all.push(text.to_owned());
    }
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..4000 {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let double = f64::from_bits(dice);
        if double.is_finite() {
            all.extend([format!("{double:e}"), format!("{double:.25e}")]);
        }
        all.push(format!(
            "{}.{}e{}",
            dice % 1000,
            dice % 10_000_019,
            (dice >> 32) % 40
        ));
    }
    all
}

#[test]
fn every_number_has_the_canonical_form_that_python_gives_it_or_none() {
    let numbers = numbers();
    let theirs = independently("tools.py", &json!({"canonical": numbers}))["canonical"].take();
    for (number, theirs) in numbers.iter().zip(theirs.as_array().unwrap()) {
        let ours = Tree::exact(number.as_bytes()).ok();
        let ours = ours.map(|tree| String::from_utf8(canonical::json(&tree).unwrap()).unwrap());
        assert_eq!(ours.as_deref(), theirs.as_str(), "{number}");
    }
    let refused = theirs
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one.is_null())
        .count();
    assert!(
        refused > 20 && numbers.len() > 10_000,
        "{refused} of {}",
        numbers.len()
    );
}
