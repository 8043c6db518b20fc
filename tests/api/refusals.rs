//! Bad bodies at every route that takes one (api.md section 1).

use serde_json::{Value, json};

use crate::{
    routes::{GUARDED, Route, World, wrong_types},
    service::Answer,
};

const MIB: usize = 1024 * 1024;
const JSON: (&str, &str) = ("content-type", "application/json");

fn routes() -> impl Iterator<Item = Route> {
    GUARDED.into_iter().filter(Route::takes_body)
}

/// Sends these bytes as a role that may.
fn send(world: &World, route: &Route, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", world.token(route.allowed()));
    let mut headers = headers.to_vec();
    headers.push(("authorization", &bearer));
    let path = world.fill(route.path);
    world.service.raw(route.method, &path, &headers, body)
}

/// Asserts that each route refuses the bodies that `bad` makes for it.
#[track_caller]
fn each_is_invalid(bad: impl Fn(&Route) -> Vec<String>) {
    let world = World::new();
    for route in routes() {
        for body in bad(&route) {
            let body = world.fill(&body);
            let answer = send(&world, &route, &[JSON], body.as_bytes());
            assert_eq!(answer.status, 400, "{} {body}: {answer:?}", route.path);
            answer.is_refused(400, "invalid_request");
        }
    }
}

#[test]
fn a_body_that_is_not_json_by_its_content_type_is_415() {
    let world = World::new();
    for route in routes() {
        let body = world.fill(route.body);
        for kind in [
            "text/plain",
            "application/jsonx",
            "",
            "application/x-www-form-urlencoded",
        ] {
            let answer = send(&world, &route, &[("content-type", kind)], body.as_bytes());
            answer.is_refused(415, "unsupported_media_type");
        }
        send(&world, &route, &[], body.as_bytes()).is_refused(415, "unsupported_media_type");
    }
}

#[test]
fn a_charset_and_another_letter_case_are_json_too() {
    let world = World::new();
    for route in routes() {
        let headers = [("content-type", "Application/JSON; charset=utf-8")];
        let answer = send(&world, &route, &headers, b"{");
        answer.is_refused(400, "invalid_request");
    }
}

#[test]
fn what_is_not_json_is_400() {
    each_is_invalid(|route| {
        let sound = route.body;
        vec![
            "{".to_owned(),
            "{}}".to_owned(),
            "\u{feff}{}".to_owned(),
            "nonsense".to_owned(),
            "{'a':1}".to_owned(),
            format!("{sound} x"),
            format!("{sound}{sound}"),
            sound.replacen('}', ",}", 1),
            "[".repeat(100_000),
            "{\"a\":".repeat(50_000),
        ]
    });
}

#[test]
fn bytes_that_are_not_utf8_are_400() {
    let world = World::new();
    for route in routes() {
        for body in [
            &b"\xff\xfe"[..],
            b"{\"reference\":\"\xc3\x28\"}",
            b"\0",
            b"{\"\xed\xa0\x80\":1}",
        ] {
            let answer = send(&world, &route, &[JSON], body);
            answer.is_refused(400, "invalid_request");
        }
    }
}

#[test]
fn what_is_json_but_no_object_is_400() {
    let scalars = ["null", "7", "true", "\"x\"", "[]", "[1]", "[null]", "[{}]"];
    each_is_invalid(|_| scalars.map(str::to_owned).to_vec());
}

#[test]
fn an_array_of_the_fields_values_is_no_object() {
    each_is_invalid(|route| {
        let values = match route.path {
            "/v1/admin/principals" => json!(["n", "s", ["app"], null, null, null, null, null]),
            "/v1/admin/principals/{id}/grants" => json!([["a"]]),
            "/v1/admin/principals/{id}/tokens" => json!(["1h"]),
            "/v1/deks" => json!(["positional", "aes-256-gcm", null]),
            "/v1/rewrap" => json!(["cst1:kek:x", null]),
            "/v1/unwrap" | "/v1/deks/{dek}/decrypt" => json!(["cst1:dek:x", null, null]),
            "/v1/wrap" | "/v1/deks/{dek}/encrypt" => json!(["c2VjcmV0", null, null]),
            _ => json!([]),
        };
        vec![values.to_string()]
    });
}

#[test]
fn an_array_inside_a_body_is_no_object_either() {
    let world = World::new();
    let principal = GUARDED
        .iter()
        .find(|route| route.path == "/v1/admin/principals");
    let body = principal.unwrap().with("grants", &json!([["a"]]));
    let answer = send(&world, principal.unwrap(), &[JSON], body.as_bytes());
    answer.is_refused(400, "invalid_request");
    for route in GUARDED
        .iter()
        .filter(|route| route.body.contains("reference"))
    {
        let body = json!({"items": [["c2VjcmV0", null, null]]}).to_string();
        let two = json!({"items": [["cst1:kek:x", null]]}).to_string();
        for body in [body, two] {
            let answer = send(&world, route, &[JSON], body.as_bytes());
            answer.is_refused(400, "invalid_request");
        }
    }
}

#[test]
fn a_field_that_nobody_knows_is_400() {
    each_is_invalid(|route| {
        let unknown = ["unknown", "", "Name", "plaintext ", "__proto__", "\0"];
        unknown
            .iter()
            .map(|field| route.with(field, &json!("x")))
            .collect()
    });
}

#[test]
fn a_key_that_comes_twice_is_400() {
    each_is_invalid(|route| {
        let mut bodies = vec![r#"{"a":1,"a":1}"#.to_owned()];
        let sound: Value = serde_json::from_str(route.body).unwrap();
        for field in route.fields() {
            let again = format!("{{{}:{},", json!(field), sound[&field]);
            bodies.push(route.body.replacen('{', &again, 1));
            let (first, rest) = field.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            let again = format!("{{\"{escaped}\":{},", sound[&field]);
            bodies.push(route.body.replacen('{', &again, 1));
        }
        bodies
    });
}

#[test]
fn keys_that_are_equal_after_nfc_are_400() {
    let twice = "{\"\u{e9}\":\"1\",\"e\u{301}\":\"2\"}";
    each_is_invalid(|route| {
        let mut bodies = vec![twice.to_owned()];
        if route.body.contains("context") {
            bodies.push(route.body.replace(r#"{"a":"b"}"#, twice));
        }
        bodies
    });
}

#[test]
fn a_lone_surrogate_is_400_wherever_it_stands() {
    each_is_invalid(|route| {
        let mut bodies = vec![
            r#"{"\ud800":1}"#.to_owned(),
            r#"{"a":"\udfff"}"#.to_owned(),
            r#"{"a":"\udc00\ud800"}"#.to_owned(),
        ];
        for field in route.fields() {
            let body = route.with(&field, &json!("@@"));
            bodies.push(body.replace("@@", "\\ud83d"));
        }
        bodies
    });
}

#[test]
fn a_value_of_the_wrong_type_is_400() {
    each_is_invalid(|route| {
        let fields = route.fields();
        let bodies = fields.iter().flat_map(|field| {
            // What is wrong with what is to be judged is the verdict, and with an event nothing is.
            let judged = route.path.ends_with("/verify");
            let right = move |value: &Value| match field.as_str() {
                "certificate" | "event" | "_meta" => value.is_object(),
                "tools" => judged && value.is_array(),
                "partial" => value.is_boolean(),
                _ => false,
            };
            wrong_types()
                .into_iter()
                .filter(move |value| !right(value))
                .map(|value| route.with(field, &value))
        });
        bodies.collect()
    });
}

#[test]
fn a_batch_of_the_wrong_type_is_400() {
    let batches = [
        r#"{"items":null}"#,
        r#"{"items":7}"#,
        r#"{"items":{}}"#,
        r#"{"items":"x"}"#,
        r#"{"items":[null]}"#,
        r#"{"items":["x"]}"#,
        r#"{"items":[[]]}"#,
        r#"{"items":[{}]}"#,
        r#"{"items":[]}"#,
        r#"{"items":[],"unknown":1}"#,
    ];
    each_is_invalid(|_| batches.map(str::to_owned).to_vec());
}

#[test]
fn a_body_of_one_mebibyte_is_read_and_one_byte_more_is_413() {
    let world = World::new();
    for route in routes() {
        let padded = |length| {
            let mut body = b"{\"unknown\":1".to_vec();
            body.resize(length - 1, b' ');
            body.push(b'}');
            body
        };
        let most = route.largest_body();
        send(&world, &route, &[JSON], &padded(most)).is_refused(400, "invalid_request");
        send(&world, &route, &[JSON], &padded(most + 1)).is_refused(413, "too_large");
    }
}

#[test]
fn seven_mebibytes_get_their_413_read() {
    let world = World::new();
    let body = vec![b' '; 7 * MIB];
    for path in ["/v1/wrap", "/v1/deks"] {
        let route = routes().find(|route| route.path == path).unwrap();
        send(&world, &route, &[JSON], &body).is_refused(413, "too_large");
    }
}
