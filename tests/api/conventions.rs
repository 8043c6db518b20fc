//! Request ids, pages, places of what was made (api.md section 1).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::service::{Answer, Service};

fn with_id(service: &Service, path: &str, id: &str) -> Answer {
    let token = service.token("app");
    service.send(&token, "GET", path, &[("x-request-id", id)], "")
}

#[test]
fn a_well_formed_request_id_is_taken_whatever_is_answered() {
    let service = Service::spawn();
    let longest = "a".repeat(64);
    for id in ["a", "A-z_0.9", "....", &longest] {
        for path in [
            "/v1/capabilities",
            "/v1/health/live",
            "/v1/nothing",
            "/metrics",
        ] {
            let answer = with_id(&service, path, id);
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
        let refused = with_id(&service, "/v1/nothing", id);
        assert_eq!(refused.json()["request_id"], id);
    }
}

#[test]
fn a_malformed_request_id_is_replaced() {
    let service = Service::spawn();
    let too_long = "a".repeat(65);
    for id in ["", "a b", "a/b", "a\"b", "{}", "a:b", &too_long] {
        let answer = with_id(&service, "/v1/capabilities", id);
        let made = answer.header("x-request-id").unwrap();
        assert_ne!(made, id);
        assert!(made.len() >= 16 && made.len() <= 64, "{made}");
        assert!(!answer.text.contains(&too_long));
    }
}

#[test]
fn every_request_without_an_id_gets_one_of_its_own() {
    let service = Service::spawn();
    let ids: BTreeSet<_> = (0..20)
        .map(|_| service.get("", "/v1/health/live"))
        .map(|answer| answer.header("x-request-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn the_request_id_is_in_the_audit_entry_and_in_the_log() {
    let service = Service::spawn();
    let app = service.token("app");
    let body = json!({"plaintext": ""}).to_string();
    service
        .send(
            &app,
            "POST",
            "/v1/wrap",
            &[("x-request-id", "find-me.1")],
            &body,
        )
        .is(200);
    service
        .send(
            &app,
            "POST",
            "/v1/wrap",
            &[("x-request-id", "find-me.2")],
            "{",
        )
        .is_refused(400, "invalid_request");
    for id in ["find-me.1", "find-me.2"] {
        let entries = service.audit();
        assert_eq!(
            entries
                .iter()
                .filter(|entry| entry["request_id"] == id)
                .count(),
            1
        );
        assert!(service.log().contains(id));
    }
}

#[test]
fn what_is_made_has_a_place_where_it_is() {
    let service = Service::spawn();
    let dek = json!({"name": "telemetry", "algorithm": "aes-256-gcm"});
    let place = location(&service.post("operator", "/v1/deks", dek));
    assert_eq!(service.get("operator", &place).is(200)["name"], "telemetry");
    let rotated = service.post("operator", "/v1/deks/telemetry/rotate", json!({}));
    service.get("operator", &location(&rotated)).is(200);
    let new = json!({"name": "n", "subject": "s", "roles": ["app"]});
    let made = service.post("admin", "/v1/admin/principals", new);
    let shown = service.get("admin", &location(&made)).is(200);
    assert_eq!(shown["id"], made.json()["id"]);
    let tokens = format!("{}/tokens", location(&made));
    let issued = service.post("admin", &tokens, json!({}));
    service
        .call("admin", "DELETE", &location(&issued), None)
        .is(204);
}

#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    let place = answer.header("location").unwrap();
    assert!(place.starts_with("/v1/"), "{place}");
    place.to_owned()
}

const LISTS: [(&str, &str); 2] = [("operator", "/v1/deks"), ("admin", "/v1/admin/principals")];

#[test]
fn a_limit_is_1_to_500() {
    let service = Service::spawn();
    let lists = LISTS.iter().chain(&[("auditor", "/v1/audit/entries")]);
    for (role, path) in lists {
        for good in ["1", "50", "500"] {
            service.get(role, &format!("{path}?limit={good}")).is(200);
        }
        for bad in [
            "0",
            "501",
            "-1",
            "1.5",
            "x",
            "",
            "99999999999999999999",
            "%00",
            "1&limit=2",
        ] {
            let answer = service.get(role, &format!("{path}?limit={bad}"));
            answer.is_refused(400, "invalid_request");
        }
    }
}

#[test]
fn a_query_parameter_that_nobody_knows_is_400() {
    let service = Service::spawn();
    let lists = LISTS.iter().chain(&[("auditor", "/v1/audit/entries")]);
    for (role, path) in lists {
        for query in ["unknown=1", "limit=5&offset=3", "Limit=5", "limit[]=5", "x"] {
            let answer = service.get(role, &format!("{path}?{query}"));
            answer.is_refused(400, "invalid_request");
        }
    }
}

#[test]
fn a_cursor_that_the_service_never_gave_is_400() {
    let service = Service::spawn();
    for (role, path) in LISTS {
        for cursor in [
            "!",
            "%ff",
            "a%20b",
            "%00",
            "%E2%98%83",
            "AAA=",
            "_w",
            "gICA",
        ] {
            let answer = service.get(role, &format!("{path}?cursor={cursor}"));
            answer.is_refused(400, "invalid_request");
        }
    }
    let principals = "/v1/admin/principals?cursor=";
    for cursor in ["YWJj", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"] {
        let answer = service.get("admin", &format!("{principals}{cursor}"));
        answer.is_refused(400, "invalid_request");
    }
}

#[test]
fn walking_the_pages_meets_each_item_once_in_order() {
    let service = Service::spawn();
    let names: BTreeSet<String> = (0..7).map(|number| format!("dek-{number}")).collect();
    for name in names.iter().rev() {
        service.make_dek(name);
    }
    for limit in [1, 2, 3, 6, 7, 8] {
        let met = walk(&service, "operator", "/v1/deks", "name", limit);
        assert_eq!(met, names.iter().cloned().collect::<Vec<_>>(), "{limit}");
    }
    for number in 0..5 {
        service.principal(&format!("p-{number}"), &["auditor"], &Value::Null);
    }
    for limit in [1, 2, 4, 9] {
        let met = walk(&service, "admin", "/v1/admin/principals", "name", limit);
        assert_eq!(met.len(), 9);
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 9);
    }
}

/// The items' `field`, page by page; asserts that no page but the last is short.
fn walk(service: &Service, role: &str, path: &str, field: &str, limit: usize) -> Vec<String> {
    let (mut met, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service
            .get(role, &format!("{path}?limit={limit}{cursor}"))
            .is(200);
        assert_eq!(page.as_object().unwrap().len(), 2, "{page}");
        let items = page["items"].as_array().unwrap();
        met.extend(
            items
                .iter()
                .map(|item| item[field].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            return met;
        };
        cursor = format!("&cursor={next}");
        assert_eq!(items.len(), limit);
    }
}

#[test]
fn a_page_has_50_items_unless_another_number_is_asked_for() {
    let service = Service::spawn();
    for number in 0..47 {
        service.principal(&format!("p-{number}"), &["auditor"], &Value::Null);
    }
    let page = service.get("admin", "/v1/admin/principals").is(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 50);
    assert!(page["next_cursor"].is_string());
    let all = service
        .get("admin", "/v1/admin/principals?limit=500")
        .is(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 51);
    assert_eq!(all["next_cursor"], Value::Null);
}

#[test]
fn what_appears_while_someone_walks_harms_no_page() {
    let service = Service::spawn();
    for name in ["b", "d", "f"] {
        service.make_dek(name);
    }
    let first = service.get("operator", "/v1/deks?limit=2").is(200);
    for name in ["a", "c", "e"] {
        service.make_dek(name);
    }
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = service
        .get("operator", &format!("/v1/deks?cursor={cursor}"))
        .is(200);
    let names: Vec<_> = rest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dek| &dek["name"])
        .collect();
    assert_eq!(names, ["e", "f"]);
}

#[test]
fn no_answer_is_for_a_cache() {
    let service = Service::spawn();
    for path in ["/v1/capabilities", "/v1/nothing", "/v1/health/ready"] {
        assert_eq!(
            service.get("app", path).header("cache-control"),
            Some("no-store")
        );
    }
}
