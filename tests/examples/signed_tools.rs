//! `examples/signed_tools.py`, which clients copy, says the same of every change of a signed list as the service does.

use aegis_custodian::crypto::tools::Expected;
use serde_json::{Value, json};

use super::{
    ceremony::service_keys,
    example,
    toolbox::{NOW, SERVER, judge_as, now, resign, signed, usual},
    wrote,
};

/// What is put in every place.
fn others() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(9_007_199_254_740_992_u64),
        json!(""),
        json!("x"),
        json!("2026-11-23T11:59:59.5Z"),
        json!("0".repeat(64)),
        json!([]),
        json!({}),
    ]
}

/// Where every value is, the outermost one aside.
fn places(value: &Value) -> Vec<String> {
    let below = |key: &str, value: &Value| {
        let key = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let deeper = places(value).into_iter().map(|rest| format!("{key}{rest}"));
        std::iter::once(key.clone())
            .chain(deeper)
            .collect::<Vec<_>>()
    };
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(at, item)| below(&at.to_string(), item))
                .collect()
        }
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, item)| below(key, item))
            .collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The list with another value in each place, with nothing there, and with one thing more.
fn changed() -> Vec<Value> {
    let mut all = vec![usual()];
    for place in places(&usual()) {
        for other in others() {
            let mut result = usual();
            *result.pointer_mut(&place).unwrap() = other;
            all.push(result);
        }
        let (parent, key) = place.rsplit_once('/').unwrap();
        let mut result = usual();
        let around = result.pointer_mut(parent).unwrap();
        if let Value::Array(items) = around {
            let twice = items[0].clone();
            items.push(twice);
        } else {
            let members = around.as_object_mut().unwrap();
            members.remove(&key.replace("~1", "/"));
        }
        all.push(result);
    }
    all
}

/// Both verdicts on each text, theirs first.
fn verdicts(results: &[String]) -> Vec<(Value, Value)> {
    let given = json!({"keys": service_keys(), "at": NOW, "server": SERVER, "results": results});
    let judge = example(
        "../tests/examples/signed_tools.py",
        &[],
        given.to_string().as_bytes(),
    );
    let theirs: Value = serde_json::from_slice(&wrote(judge)).unwrap();
    let expected = Expected {
        server: Some(SERVER),
        ..now()
    };
    let ours = results.iter().map(|result| {
        let verdict = judge_as(result, &expected);
        json!({"error": verdict.error, "changed": verdict.changed, "missing": verdict.missing, "added": verdict.added})
    });
    theirs
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .zip(ours)
        .collect()
}

fn are_the_same(results: &[String]) -> usize {
    let verdicts = verdicts(results);
    assert_eq!(verdicts.len(), results.len());
    for (result, (theirs, ours)) in results.iter().zip(&verdicts) {
        assert_eq!(theirs, ours, "{result}");
    }
    let valid = verdicts.iter().filter(|(_, ours)| ours["error"].is_null());
    valid.count()
}

#[test]
fn a_stranger_is_found_out_by_the_same_words_in_python() {
    let results: Vec<String> = changed().iter().map(Value::to_string).collect();
    assert!(results.len() > 500, "{}", results.len());
    let valid = are_the_same(&results);
    assert!(valid < results.len() / 20, "{valid}");
}

#[test]
fn what_a_thief_of_the_key_signs_is_judged_the_same_in_python() {
    let with_manifest = |result: &Value| {
        let manifest = "/_meta/aegis-custodian~1amtss/manifest";
        result.pointer(manifest).is_some_and(Value::is_object)
    };
    let mut results: Vec<Value> = changed().into_iter().filter(with_manifest).collect();
    results.iter_mut().for_each(resign);
    let results: Vec<String> = results.iter().map(Value::to_string).collect();
    are_the_same(&results);
}

#[test]
fn a_key_in_a_state_that_is_not_known_is_refused_in_python_too() {
    for state in [json!("Revoked"), json!("compromised"), json!(null)] {
        let mut keys = service_keys();
        keys["items"][0]["state"] = state;
        let given = json!({"keys": keys, "at": NOW, "server": SERVER, "results": []}).to_string();
        let judge = example("../tests/examples/signed_tools.py", &[], given.as_bytes());
        assert_ne!(judge.status.code(), Some(0), "{judge:?}");
        let said = String::from_utf8_lossy(&judge.stderr);
        assert!(said.contains("state of a key"), "{said}");
    }
}

#[test]
fn numbers_and_texts_at_the_edge_of_the_canonical_form_are_the_same_in_python() {
    let numbers = [
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1e2",
        "9007199254740991",
        "-9007199254740991",
        "9007199254740991.0",
        "1e21",
        "999999999999999999999.0",
        "1e-7",
        "5e-324",
        "1.7976931348623157e308",
        "0.1000000000000000055511",
        "333333333.33333329",
    ];
    let texts = [
        r#""""#,
        r#""\u0000\u001f\u007f\"\\\/""#,
        "\"\u{e9}e\u{301}\u{212b}\u{1f600}\"",
        "\"\\ud83d\\ude00\"",
        "\"\u{2028}\u{2029}\u{feff}\"",
    ];
    let tools: Vec<String> = numbers.iter().chain(&texts).zip(0..).map(|(value, at)| {
        format!("{{\"name\":\"t{at}\",\"v\":{value},\"\u{1f600}\":1,\"\u{fb33}\":2,\"\\r\":3,\"1\":[{value}]}}")
    }).collect();
    let list = signed(&format!("[{}]", tools.join(",")));
    assert_eq!(are_the_same(&[list]), 1);
}
