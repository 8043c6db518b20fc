//! What goes to standard error.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::Service;

#[test]
fn as_json_each_line_is_an_object_and_each_request_is_named_in_its_line() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--log-format", "json"]);
    let bearer = format!("Bearer {}", service.token("app"));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("x-request-id", "named-in-the-log"),
    ];
    let body = json!({"plaintext": "bm90IGluIHRoZSBsb2c="}).to_string();
    service.hide("bm90IGluIHRoZSBsb2c=");
    service
        .raw("POST", "/v1/wrap", &headers, body.as_bytes())
        .is(200);
    assert_eq!(service.stop(), Some(0));
    let log = service.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let answered = |line: &&Value| {
        line["message"] == "answered" && line["span"]["request_id"] == "named-in-the-log"
    };
    let answered: Vec<_> = lines.iter().filter(answered).collect();
    assert_eq!(answered.len(), 1, "{log}");
    assert_eq!(answered[0]["status"], 200);
    assert_eq!(answered[0]["route"], "/v1/wrap");
}

#[test]
fn a_level_that_is_not_understood_is_refused_with_a_sentence() {
    let refused = crate::process::run(&["--log", "a=b=c", "dev", "--listen", "127.0.0.1:0"]);
    crate::process::is_refused(&refused);
}
