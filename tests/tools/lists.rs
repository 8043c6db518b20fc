//! Tools beside those that were signed: what differs is named, what means the same is the same.

use aegis_custodian::{
    crypto::tools::{Expected, Fault, Verdict, digests},
    error::Error,
};
use serde_json::{Value, json};

use crate::toolbox::{fault, judge, judge_as, now, signed, usual};

/// The word, and the names of what was changed, is missing and was added.
fn differs(verdict: &Verdict) -> (Option<Fault>, [Vec<&str>; 3]) {
    let names = [&verdict.changed, &verdict.missing, &verdict.added];
    (
        verdict.error,
        names.map(|names| names.iter().map(String::as_str).collect()),
    )
}

fn tools(result: &mut Value) -> &mut Vec<Value> {
    result["tools"].as_array_mut().unwrap()
}

#[test]
fn each_change_of_a_tool_names_it() {
    let places = [
        ("add", "/tools/0/description", json!("Adds two numbers!")),
        ("add", "/tools/0/description", json!(null)),
        ("add", "/tools/0/inputSchema/required", json!(["b", "a"])),
        (
            "add",
            "/tools/0/inputSchema/properties/a/minimum",
            json!(-1.500_000_000_000_000_2),
        ),
        (
            "add",
            "/tools/0/inputSchema/properties/b/maximum",
            json!("100"),
        ),
        ("caf\u{e9}", "/tools/1/x-unknown/0", json!(false)),
        ("caf\u{e9}", "/tools/1/x-unknown/3/deep", json!({})),
        ("pay", "/tools/2/annotations/destructiveHint", json!(false)),
    ];
    for (name, pointer, value) in places {
        let mut result = usual();
        *result.pointer_mut(pointer).expect(pointer) = value;
        let wanted = (Some(Fault::ToolsDiffer), [vec![name], vec![], vec![]]);
        assert_eq!(differs(&judge(&result)), wanted, "{pointer}");
    }
    let mut result = usual();
    result["tools"][2]["more"] = json!(null);
    assert_eq!(judge(&result).changed, ["pay"]);
}

#[test]
fn what_is_missing_added_or_renamed_is_named() {
    let mut result = usual();
    tools(&mut result).remove(0);
    let wanted = (Some(Fault::ToolsDiffer), [vec![], vec!["add"], vec![]]);
    assert_eq!(differs(&judge(&result)), wanted);
    tools(&mut result).push(json!({"name": "delete"}));
    let wanted = (
        Some(Fault::ToolsDiffer),
        [vec![], vec!["add"], vec!["delete"]],
    );
    assert_eq!(differs(&judge(&result)), wanted);
    let mut result = usual();
    result["tools"][0]["name"] = json!("Add");
    let wanted = (Some(Fault::ToolsDiffer), [vec![], vec!["add"], vec!["Add"]]);
    assert_eq!(differs(&judge(&result)), wanted);
    // A tool under another's name.
    let mut result = usual();
    result["tools"][0]["name"] = json!("pay");
    result["tools"][2]["name"] = json!("add");
    assert_eq!(judge(&result).changed, ["add", "pay"]);
    result["tools"] = json!([]);
    assert_eq!(judge(&result).missing, ["add", "caf\u{e9}", "pay"]);
}

#[test]
fn a_page_or_a_single_tool_is_valid_in_part() {
    let partial = Expected {
        partial: true,
        ..now()
    };
    let mut result = usual();
    tools(&mut result).remove(0);
    let verdict = judge_as(&result.to_string(), &partial);
    assert_eq!(differs(&verdict), (None, [vec![], vec!["add"], vec![]]));
    result["tools"] = json!([]);
    assert!(judge_as(&result.to_string(), &partial).valid);
    for other in [
        json!({"name": "delete"}),
        json!({"name": "add", "description": ""}),
    ] {
        result["tools"] = json!([other]);
        let verdict = judge_as(&result.to_string(), &partial);
        assert_eq!(verdict.error, Some(Fault::ToolsDiffer), "{other}");
    }
}

#[test]
fn two_tools_of_one_name_are_neither_even_if_they_are_the_same() {
    for twice in ["add", "caf\u{e9}", "cafe\u{301}"] {
        let mut result = usual();
        let mut tool = result["tools"][usize::from(twice != "add")].clone();
        tool["name"] = json!(twice);
        tools(&mut result).push(tool);
        let verdict = judge(&result);
        assert_eq!(verdict.error, Some(Fault::ToolNameTwice), "{twice}");
        assert_eq!(verdict.changed, [twice.replace("e\u{301}", "\u{e9}")]);
    }
}

#[test]
fn what_is_no_list_of_tools_is_malformed() {
    let long = "x".repeat(257);
    for bad in [json!({}), json!(null), json!("add"), json!(7)] {
        let mut result = usual();
        result["tools"] = bad;
        assert_eq!(fault(&result), Some(Fault::ToolsMalformed));
    }
    for bad in [
        json!(null),
        json!("add"),
        json!(["name", "add"]),
        json!({}),
        json!({"name": null}),
        json!({"name": ["add"]}),
        json!({"name": ""}),
        json!({"name": long}),
        json!({"Name": "add"}),
    ] {
        let mut result = usual();
        tools(&mut result).push(bad.clone());
        let verdict = judge(&result);
        assert_eq!(
            differs(&verdict),
            (Some(Fault::ToolsMalformed), [vec![], vec![], vec![]])
        );
        let refused = digests(&json!([{"name": "a"}, bad]).to_string()).unwrap_err();
        assert!(
            matches!(&refused, Error::Item { number: 2, expected } if expected.contains("name")),
            "{refused}"
        );
    }
    for name in [
        "x".repeat(256),
        "e\u{301}".repeat(256),
        "\u{1f600}".to_owned(),
    ] {
        let list = signed(&json!([{"name": name}]).to_string());
        assert!(judge_as(&list, &now()).valid);
    }
}

#[test]
fn a_tool_without_a_canonical_form_is_changed_and_never_the_same() {
    // What a reader that rounds takes for the same.
    let list = signed(r#"[{"name":"a","n":9007199254740991},{"name":"b","n":1e21}]"#);
    assert!(judge_as(&list, &now()).valid);
    for (from, to, name) in [
        ("40991}", "40991.0}", None),
        ("40991}", "40991e0}", None),
        ("40991}", "40992}", Some("a")),
        ("40991}", "40992.0}", Some("a")),
        ("40991}", "40991.5}", Some("a")),
        ("1e21", "1e+21", None),
        ("1e21", "1000000000000000000000.0", None),
        ("1e21", "1000000000000000000000", Some("b")),
        ("1e21", "1000000000000000000001", Some("b")),
        ("1e21", "1e20", Some("b")),
    ] {
        assert!(list.contains(from));
        let verdict = judge_as(&list.replacen(from, to, 1), &now());
        let changed: Vec<_> = name.into_iter().collect();
        assert_eq!(verdict.changed, changed, "{to}");
        assert_eq!(verdict.valid, name.is_none());
    }
}

#[test]
fn a_list_that_cannot_be_signed_is_refused_and_says_which_tool_it_was() {
    let refusal = |list: &str| digests(list).unwrap_err().to_string();
    for (list, wanted) in [
        (
            r#"[{"name":"a"},{"name":"a"}]"#,
            "item 2 of the list: a name that no tool before it",
        ),
        (
            "[{\"name\":\"e\u{301}\"},{\"name\":\"b\"},{\"name\":\"\u{e9}\"}]",
            "item 3",
        ),
        (
            r#"[{"name":"a","n":[{"n":9007199254740992}]}]"#,
            "item 1 of the list: integers from",
        ),
        (
            r#"[{"name":"a","n":-9007199254740992}]"#,
            "send them as texts",
        ),
        (
            r#"[{"name":"a","n":1e400}]"#,
            "item 1 of the list: numbers that a 64-bit double",
        ),
        (
            r#"[{"name":"a","\u006eame":"b"}]"#,
            "each key of an object once",
        ),
        (
            "[{\"name\":\"a\",\"e\u{301}\":1,\"\u{e9}\":2}]",
            "each key of an object once",
        ),
        (r#"[{"name":"a","n":"\ud800"}]"#, "item 1"),
        (r#"{"name":"a"}"#, "tools is an array"),
        ("", "tools is an array"),
    ] {
        assert!(refusal(list).contains(wanted), "{list}: {}", refusal(list));
    }
    let many = |number: usize| {
        let tools: Vec<_> = (0..number)
            .map(|name| json!({"name": name.to_string()}))
            .collect();
        json!(tools).to_string()
    };
    assert_eq!(digests(&many(4096)).unwrap().len(), 4096);
    assert!(matches!(digests(&many(4097)), Err(Error::TooLarge(_))));
    assert!(judge_as(&signed("[]"), &now()).valid);
}
