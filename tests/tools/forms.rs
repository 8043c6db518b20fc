//! The forms that an answer can come in: all that mean the same are valid, and no bytes make the verifier fall.

use aegis_custodian::crypto::tools::Fault;
use serde_json::{Value, json};

use crate::toolbox::{fault, judge_as, now, signed, usual};

fn word(text: &str) -> Option<Fault> {
    judge_as(text, &now()).error
}

#[test]
fn order_white_space_escapes_and_normal_forms_are_of_no_account() {
    let mut result = usual();
    result["tools"].as_array_mut().unwrap().reverse();
    assert_eq!(fault(&result), None);
    assert_eq!(word(&serde_json::to_string_pretty(&usual()).unwrap()), None);
    let tool = r#"{"name":"café","b":[1,10,0.5,0],"a":{"x":"A\n/é","y":null}}"#;
    let list = signed(&format!("[{tool}]"));
    let tools = |text: &str| word(&list.replacen(tool, text, 1));
    assert_eq!(tools(tool), None);
    for same in [
        r#"{ "a" : {"y":null,"x":"A\n/é"} ,"b":[1,10,0.5,0],"name":"café"}"#,
        r#"{"name":"cafe\u0301","b":[1.0,1e1,5E-1,-0],"a":{"x":"\u0041\u000a\/\u00e9","y":null}}"#,
        "{\"name\":\"cafe\u{301}\",\"b\":[1,10.000,0.50,-0.0],\"\\u0061\":{\"x\":\"A\\n/e\u{301}\",\"y\":null}}",
    ] {
        assert_eq!(tools(same), None, "{same}");
    }
    for other in [
        r#"{"name":"café","b":[10,1,0.5,0],"a":{"x":"A\n/é","y":null}}"#,
        r#"{"name":"café","b":[1,10,0.5,0],"a":{"x":"A\\n/é","y":null}}"#,
        r#"{"name":"café","b":[1,10,0.5,0],"a":{"x":"A\n/é"}}"#,
        r#"{"name":"café","b":["1",10,0.5,0],"a":{"x":"A\n/é","y":null}}"#,
    ] {
        assert_eq!(tools(other), Some(Fault::ToolsDiffer), "{other}");
    }
}

#[test]
fn other_members_of_the_answer_are_somebody_elses() {
    let mut result = usual();
    result["nextCursor"] = json!("page-2");
    result["_meta"]["progressToken"] = json!(18_446_744_073_709_551_615_u64);
    result["_meta"]["example.org/other"] = json!({"alg": "none"});
    assert_eq!(fault(&result), None);
    let rpc = json!({"jsonrpc": "2.0", "id": 7, "result": result});
    assert_eq!(fault(&rpc), None);
    let wrapped_twice = json!({"result": rpc});
    assert_eq!(fault(&wrapped_twice), Some(Fault::ToolsMalformed));
    let failed = json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no"}});
    assert_eq!(fault(&failed), Some(Fault::ToolsMalformed));
}

#[test]
fn a_list_that_came_without_a_manifest_says_so() {
    let without = |meta: Option<Value>| {
        let mut result = usual();
        match meta {
            Some(meta) => result["_meta"] = meta,
            None => drop(result.as_object_mut().unwrap().remove("_meta")),
        }
        fault(&result)
    };
    for meta in [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({"aegis-custodian/amtss": null})),
        Some(json!({"Aegis-custodian/amtss": {}})),
    ] {
        assert_eq!(without(meta), Some(Fault::Missing));
    }
    for meta in [
        json!([]),
        json!(7),
        json!({"aegis-custodian/amtss": []}),
        json!({"aegis-custodian/amtss": {}}),
    ] {
        assert_eq!(without(Some(meta)), Some(Fault::ShapeInvalid));
    }
}

#[test]
fn a_key_that_stands_twice_anywhere_leaves_nothing_to_believe() {
    let sound = usual().to_string();
    for (from, to) in [
        (r#""tools":[{"#, r#""tools":[],"tools":[{"#),
        (r#""alg":"#, r#""alg":"none","alg":"#),
        (r#""server":"#, r#""server":"x","server":"#),
        (r#""name":"add""#, r#""name":"add","n\u0061me":"pay""#),
        (r#""deep":[]"#, "\"e\u{301}\":1,\"\u{e9}\":1,\"deep\":[]"),
    ] {
        assert!(sound.contains(from), "{from}");
        assert_eq!(
            word(&sound.replacen(from, to, 1)),
            Some(Fault::ToolsMalformed),
            "{to}"
        );
    }
}

#[test]
fn a_hundred_levels_are_right_and_thousands_are_refused() {
    let deep = |levels: usize| {
        let schema = format!(
            "{}0{}",
            "{\"a\":[".repeat(levels / 2),
            "]}".repeat(levels / 2)
        );
        format!(r#"[{{"name":"deep","inputSchema":{schema}}}]"#)
    };
    let list = signed(&deep(100));
    assert_eq!(word(&list), None);
    assert_eq!(
        word(&list.replacen("[0]", "[1]", 1)),
        Some(Fault::ToolsDiffer)
    );
    for levels in [130, 10_000] {
        assert!(aegis_custodian::crypto::tools::digests(&deep(levels)).is_err());
        let deeper = list.replacen("[0]", &deep(levels), 1);
        assert_eq!(word(&deeper), Some(Fault::ToolsMalformed));
    }
}

#[test]
fn what_is_no_json_object_is_no_list() {
    for text in [
        "",
        "null",
        "[]",
        "7",
        "{",
        "{}",
        "\u{feff}{}",
        "{} {}",
        &"[".repeat(100_000),
    ] {
        assert_eq!(word(text), Some(Fault::ToolsMalformed), "{text:.20}");
    }
    let bytes = [&b"{\"tools\":[],\"x\":\""[..], &[0xff], b"\"}"].concat();
    let pinned = crate::toolbox::pinned(&crate::ceremony::service_keys());
    let verdict = aegis_custodian::crypto::tools::verify_text(&bytes, &pinned, &now());
    assert_eq!(verdict.error, Some(Fault::ToolsMalformed));
}
