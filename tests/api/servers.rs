//! For which MCP servers a principal may have tools signed: `grants.servers` (api.md sections 4 and 10).

use serde_json::{Value, json};

use crate::{
    service::Service,
    tools::{AMTSS, SIGN},
};

#[test]
fn a_server_is_the_callers_own_name_or_one_that_it_was_granted() {
    let service = Service::spawn();
    let more =
        json!({"subject": "tools", "grants": {"servers": ["payments", "team-a/*", "cafe\u{301}"]}});
    let caller = service.principal("Tools (EU)", &["app"], &more);
    let sign = |server: Value| {
        let body = json!({"tools": [], "server": server}).to_string();
        service.send(&caller.token, "POST", SIGN, &[], &body)
    };
    for fine in [
        "Tools (EU)",
        "payments",
        "team-a/",
        "team-a/x",
        "caf\u{e9}",
        "cafe\u{301}",
    ] {
        let manifest = &sign(json!(fine)).is(200)["_meta"][AMTSS]["manifest"];
        assert_eq!(manifest["server"], fine.replace("e\u{301}", "\u{e9}"));
    }
    for other in [
        "payment",
        "payments2",
        "Payments",
        "team-",
        "*",
        "team-a",
        "app",
        "cafe",
    ] {
        let answer = sign(json!(other));
        answer.is_refused(403, "forbidden");
        assert!(
            answer.json()["detail"]
                .to_string()
                .contains("grants.servers")
        );
    }
    for bad in ["", "a\nb", "\u{7f}", &"x".repeat(129)] {
        sign(json!(bad)).is_refused(400, "invalid_request");
    }
    // Another's name before another's tools: who may not is not told what is wrong with them.
    let body = json!({"tools": [7], "server": "app"}).to_string();
    service
        .send(&caller.token, "POST", SIGN, &[], &body)
        .is_refused(403, "forbidden");
    let nameless = service.principal("plain", &["app"], &Value::Null);
    let body = json!({"tools": []}).to_string();
    let own = service
        .send(&nameless.token, "POST", SIGN, &[], &body)
        .is(200);
    assert_eq!(own["_meta"][AMTSS]["manifest"]["server"], "plain");
}

#[test]
fn a_name_has_one_principal_however_it_is_written() {
    let service = Service::spawn();
    let first = service.principal("cafe\u{301}", &["app"], &json!({"subject": "first"}));
    let path = format!("/v1/admin/principals/{}", first.id);
    assert_eq!(service.get("admin", &path).is(200)["name"], "caf\u{e9}");
    let propose = |name: &str| {
        let body = json!({"name": name, "subject": "other", "roles": ["app"]});
        service.call("admin", "POST", "/v1/admin/principals", Some(body))
    };
    for taken in ["caf\u{e9}", "cafe\u{301}"] {
        propose(taken).is_refused(409, "already_exists");
    }
    let longer = "\u{fb2c}"; // three characters in NFC
    propose(&longer.repeat(42)).is(201);
    propose(&longer.repeat(43)).is_refused(400, "invalid_request");
}

#[test]
fn grants_of_servers_have_their_form_and_are_shown_where_there_are_some() {
    let service = Service::spawn();
    let caller = service.principal("late", &["app"], &json!({"grants": {"deks": ["a"]}}));
    let path = format!("/v1/admin/principals/{}", caller.id);
    let grants = || service.get("admin", &path).is(200)["grants"].clone();
    assert_eq!(grants(), json!({"deks": ["a"]}));
    let change =
        |grants: Value| service.call("admin", "PUT", &format!("{path}/grants"), Some(grants));
    let servers = json!(["x", "Team \u{e9} (EU)/*", "*"]);
    change(json!({"deks": [], "servers": servers})).is(200);
    assert_eq!(grants(), json!({"deks": [], "servers": servers}));
    let longest = "x".repeat(128);
    change(json!({"deks": [], "servers": [longest, format!("{longest}*")]})).is(200);
    let many = vec!["x"; 257];
    for bad in [
        json!([""]),
        json!(["**"]),
        json!(["a*b"]),
        json!(["a\tb"]),
        json!(["x".repeat(129)]),
        json!(many),
    ] {
        change(json!({"deks": [], "servers": bad})).is_refused(400, "invalid_request");
    }
    change(json!({"deks": ["b"]})).is(200);
    assert_eq!(grants(), json!({"deks": ["b"]}));
    let entries = service.audit();
    let details = |action: &str| -> Vec<Value> {
        let of = entries
            .iter()
            .filter(|entry| entry["action"] == action && entry["outcome"] == "ok");
        of.map(|entry| entry["detail"].clone()).collect()
    };
    let changes = details("grants.change");
    assert_eq!(
        changes[0],
        json!({"deks": [], "servers": servers, "in_force": true})
    );
    assert_eq!(
        changes.last().unwrap(),
        &json!({"deks": ["b"], "in_force": true})
    );
    assert_eq!(details("principal.create")[0].get("servers"), None);
}
