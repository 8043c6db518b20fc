//! What the service says of itself (api.md section 3): OpenAPI, its viewer, metrics.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    routes::{GUARDED, OPEN, World},
    service::Service,
    wire,
};

#[test]
fn openapi_is_3_1_and_has_every_route_with_its_roles() {
    let service = Service::spawn();
    let document = service.get("", "/openapi.json").is(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in OPEN {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    let mut described = BTreeSet::new();
    for route in &GUARDED {
        let path = route
            .path
            .replace("{dek}", "{name}")
            .replace("/{token}", "/{token_id}")
            .replace("{custodian}", "{id}")
            .replace("{override}", "{id}")
            .replace("{job}", "{id}");
        let operation = &document["paths"][&path][route.method.to_lowercase()];
        let roles: BTreeSet<_> = operation["x-roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role.as_str().unwrap())
            .collect();
        let wanted: BTreeSet<_> = route.roles.iter().copied().collect();
        assert_eq!(roles, wanted, "{path}");
        assert!(operation["responses"]["401"].is_object() && operation["security"].is_array());
        described.insert((path, route.method.to_lowercase()));
    }
    let paths = document["paths"].as_object().unwrap();
    let operations: usize = paths
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum();
    assert_eq!(
        operations,
        GUARDED.len() + OPEN.len(),
        "a route that the contract's table here lacks"
    );
}

#[test]
fn every_reference_inside_openapi_leads_somewhere() {
    let service = Service::spawn();
    let document = service.get("", "/openapi.json").is(200);
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let place = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(place.is_some(), "{reference}");
    }
}

#[test]
fn words_stand_in_openapi_as_they_are_sent() {
    let service = Service::spawn();
    let document = service.get("", "/openapi.json").is(200);
    let words = |schema: &str| document["components"]["schemas"][schema]["enum"].clone();
    assert_eq!(words("Lead"), json!(["risk_lead", "security_lead"]));
    assert_eq!(
        words("Environment"),
        json!(["preview", "production", "staging"])
    );
    assert_eq!(words("KeyAlgorithm"), json!(["ed25519", "ml-dsa-65"]));
    let request = &document["components"]["schemas"]["RequestOverride"]["properties"];
    assert_eq!(request["failed_gates"]["uniqueItems"], true);
}

/// Two schemas of one name are one in the document: the last one that was put in.
#[test]
fn each_verdict_has_a_schema_of_its_own_in_openapi() {
    let service = Service::spawn();
    let document = service.get("", "/openapi.json").is(200);
    for (path, member) in [
        ("/v1/audit/verify", "size"),
        ("/v1/mcp/tools/verify", "missing"),
        ("/v1/overrides/verify", "override"),
    ] {
        let answers = &document["paths"][path]["post"]["responses"];
        let schema = &answers["200"]["content"]["application/json"]["schema"]["$ref"];
        let schema = schema.as_str().unwrap().strip_prefix('#').unwrap();
        let properties = &document.pointer(schema).unwrap()["properties"];
        assert!(properties[member].is_object(), "{path}: {schema}");
    }
}

#[test]
fn openapi_describes_every_member_of_the_capabilities() {
    let service = Service::spawn();
    let document = service.get("", "/openapi.json").is(200);
    let able = service.get("auditor", "/v1/capabilities").is(200);
    let described = described(&document, &able, "#/components/schemas/Capabilities");
    assert!(described >= 30, "{described}");
}

/// Asserts that a value has the members of its schema and no others; answers how many there are.
fn described(document: &Value, value: &Value, reference: &str) -> usize {
    let schema = document
        .pointer(reference.strip_prefix('#').unwrap())
        .unwrap();
    let Some(properties) = schema["properties"].as_object() else {
        return 0; // a word
    };
    let members = value.as_object().unwrap();
    assert_eq!(
        members.keys().collect::<BTreeSet<_>>(),
        properties.keys().collect(),
        "{reference}"
    );
    let below = properties.iter().map(|(name, property)| {
        let value = &members[name];
        match (
            property["$ref"].as_str(),
            property["items"]["$ref"].as_str(),
        ) {
            (Some(reference), _) => described(document, value, reference),
            (None, Some(reference)) => described(document, &value[0], reference),
            (None, None) => 0,
        }
    });
    members.len() + below.sum::<usize>()
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(
                fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_viewer_is_whole_and_asks_nothing_of_the_outside() {
    let service = Service::spawn();
    for path in ["/docs", "/docs/"] {
        let (place, page) = follow(&service.url, path);
        assert!(
            page.header("content-type")
                .unwrap()
                .starts_with("text/html"),
            "{page:?}"
        );
        let resources = resources(&page.text);
        assert!(resources.len() >= 3, "{resources:?}");
        for resource in resources {
            assert!(!resource.contains("//"), "{resource} is from outside");
            let reply = wire::ask(&service.url, "GET", &resolve(&place, &resource), "");
            assert_eq!(reply.status, 200, "{resource} of {path}: {}", reply.status);
        }
    }
}

#[test]
fn the_viewer_shows_this_service_s_own_description() {
    let service = Service::spawn();
    let start = wire::ask(&service.url, "GET", "/docs/swagger-initializer.js", "");
    assert_eq!(start.status, 200);
    assert!(start.text.contains("/openapi.json"), "{}", start.text);
    assert!(
        !start.text.contains("http://") && !start.text.contains("https://"),
        "{}",
        start.text
    );
}

/// Follows redirects within the service; answers where it ended.
fn follow(url: &str, path: &str) -> (String, wire::Reply) {
    let reply = wire::ask(url, "GET", path, "");
    match reply.header("location") {
        Some(to) if (300..400).contains(&reply.status) => {
            let to = resolve(path, to);
            (to.clone(), wire::ask(url, "GET", &to, ""))
        }
        _ => (path.to_owned(), reply),
    }
}

/// A relative reference as a browser reads it.
fn resolve(base: &str, reference: &str) -> String {
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let (folder, _) = base.rsplit_once('/').unwrap();
    format!("{folder}/{}", reference.trim_start_matches("./"))
}

/// Every `src` and `href` of a page.
fn resources(page: &str) -> Vec<String> {
    let after = |mark: &'static str| {
        page.split(mark)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
    };
    let found = after("src=\"").chain(after("href=\""));
    found.map(str::to_owned).collect()
}

#[test]
fn what_the_viewer_lacks_is_404_in_the_shape_of_every_refusal() {
    let service = Service::spawn();
    for path in [
        "/docs/nothing.js",
        "/docs/../etc/passwd",
        "/docs/%2e%2e/x",
        "/docsx",
        "/docs%ff",
    ] {
        wire::ask(&service.url, "GET", path, "").is_refused(404, "not_found");
    }
    for path in ["/docs", "/docs/"] {
        wire::ask(&service.url, "POST", path, "").is_refused(405, "method_not_allowed");
    }
}

#[test]
fn metrics_are_prometheus_text_for_auditor_and_metrics_only() {
    let world = World::new();
    for role in ["auditor", "metrics"] {
        let answer = world
            .service
            .send(&world.token(role), "GET", "/metrics", &[], "");
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
        let samples: Vec<_> = answer
            .text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(samples.len() > 3, "{}", answer.text);
        for sample in samples {
            let (_, value) = sample.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{sample}");
        }
        assert!(!answer.text.contains("cst_"));
    }
}

#[test]
fn paths_that_strangers_invent_make_no_series() {
    let world = World::new();
    for number in 0..20 {
        world.service.get("", &format!("/invented-{number}"));
        world
            .service
            .get("app", &format!("/v1/deks/invented-{number}"));
    }
    let metrics = world.service.get("auditor", "/metrics");
    assert!(!metrics.text.contains("invented"), "{}", metrics.text);
}
