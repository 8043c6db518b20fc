//! `custodian dek`: an operator makes keys, rotates them, and ends them.

use serde_json::json;

use super::{
    desk::Desk,
    fake::{answer, service_that_says},
    house::House,
    service::Service,
};

#[test]
fn an_operator_makes_a_dek_rotates_it_and_takes_a_version_out_of_use() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "operator");
    let made = desk.json(&["dek", "create", "telemetry", "--rotation-period", "90d"]);
    assert_eq!(made["algorithm"], "aes-256-gcm");
    assert_eq!(made["rotation_period_seconds"], 90 * 24 * 60 * 60);
    let first = made["current"].as_str().unwrap();
    let second = desk.json(&["dek", "rotate", "telemetry"]);
    assert_eq!(second["number"], 2);
    let blob = service.post(
        "app",
        "/v1/deks/telemetry/encrypt",
        json!({"plaintext": "YQ=="}),
    );
    let blob = blob.is(200)["ciphertext"].clone();
    let decrypt = || {
        let body = json!({ "ciphertext": blob });
        service.post("app", "/v1/deks/telemetry/decrypt", body)
    };
    let current = second["version"].as_str().unwrap();
    desk.done(&["dek", "disable", "telemetry", current]);
    decrypt().is_refused(409, "conflict");
    desk.done(&["dek", "enable", "telemetry", current]);
    decrypt().is(200);

    let table = desk.done(&["dek", "show", "telemetry"]);
    for said in [first, current, "enabled", "wrapped by    | kek-v1-"] {
        assert!(table.contains(said), "{table}");
    }
    desk.refused(&["dek", "create", "telemetry"], "already_exists");
    desk.refused(&["dek", "show", "nothing"], "not_found");
    for wrong in [
        &["dek", "create", "Telemetry"][..],
        &["dek", "create", "t", "--algorithm", "des"],
        &["dek", "create", "t", "--rotation-period", "soon"],
        &["dek", "disable", "telemetry", "v1"],
    ] {
        assert_eq!(desk.run(wrong).code, 1, "{wrong:?}");
    }
}

#[test]
fn a_version_is_destroyed_only_by_its_name_and_saved_while_it_can_be() {
    let house = House::open();
    let desk = Desk::with(&house.url, &house.operator);
    let made = desk.json(&["dek", "create", "payroll"]);
    let first = made["current"].as_str().unwrap();
    desk.done(&["dek", "rotate", "payroll"]);
    let reference = format!("payroll/{first}");
    let destroy = ["dek", "destroy", "payroll", first];
    let prompt = format!("Type {reference} to go on:");

    let unasked = desk.at_terminal(&destroy, None);
    assert_eq!(unasked["code"], 1);
    let hint = format!("--confirm {reference}");
    assert!(
        unasked["shown"].as_str().unwrap().contains(&hint),
        "{unasked}"
    );
    let other = desk.at_terminal(&destroy, Some(&[(&prompt, "yes")]));
    assert_eq!(other["code"], 1, "{other}");
    assert_eq!(state(&desk), "enabled");
    let wrong = desk.run(&[&destroy[..], &["--confirm", "payroll"]].concat());
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert_eq!(state(&desk), "enabled");

    let typed = desk.at_terminal(&destroy, Some(&[(&prompt, &reference)]));
    assert_eq!(typed["code"], 0, "{typed}");
    let saved_by = format!("`custodian dek cancel-destroy payroll {first}` saves it");
    assert!(
        typed["stdout"].as_str().unwrap().contains(&saved_by),
        "{typed}"
    );
    assert_eq!(state(&desk), "pending_destruction");
    desk.done(&["dek", "cancel-destroy", "payroll", first]);
    assert_ne!(state(&desk), "pending_destruction");
    let done = desk.json(&[&destroy[..], &["--confirm", &reference]].concat());
    assert!(done["destroy_at"].is_string(), "{done}");
    house.pass(8 * 24 * 60 * 60);
    desk.refused(&["dek", "cancel-destroy", "payroll", first], "destroyed");
}

fn state(desk: &Desk) -> String {
    let dek = desk.json(&["dek", "show", "payroll"]);
    dek["versions"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_hybrid_dek_shows_its_public_key() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "operator");
    desk.done(&["dek", "create", "events", "--algorithm", "mlkem768-x25519"]);
    let newest = desk.json(&["dek", "public-key", "events"]);
    let version = newest["version"].as_str().unwrap();
    assert_eq!(desk.json(&["dek", "public-key", "events", version]), newest);
    assert_eq!(
        newest["public_key"].as_str().unwrap().len(),
        1216 * 4 / 3 + 3
    );
}

#[test]
fn a_list_is_read_to_its_end() {
    let dek = |name: &str| {
        json!({"name": name, "algorithm": "aes-256-gcm", "current": "dek-v1-20261124", "versions": [],
            "created_at": "2026-11-24T00:00:00Z", "more": 1})
    };
    let page = |name: &str, next: Option<&str>| {
        let body = json!({"items": [dek(name)], "next_cursor": next});
        answer("200 OK", "", &body.to_string())
    };
    let answers = || vec![page("one", Some("a+/=")), page("\u{1b}[2Jtwo", None)];
    let (url, served) = service_that_says(answers());
    let table = Desk::with(&url, "cst_abc").done(&["dek", "list"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("\\u{1b}[2Jtwo") && !table.contains('\u{1b}'));
    let asked = served.join().unwrap();
    assert_eq!(asked[0].head[0], "GET /v1/deks?limit=500 HTTP/1.1");
    assert_eq!(
        asked[1].head[0],
        "GET /v1/deks?limit=500&cursor=a%2B%2F%3D HTTP/1.1"
    );
    let (url, _served) = service_that_says(answers());
    let all = Desk::with(&url, "cst_abc").json(&["dek", "list"]);
    assert_eq!(all, json!({"items": [dek("one"), dek("\u{1b}[2Jtwo")]}));
}

#[test]
fn a_creation_whose_answer_was_lost_is_sent_again_as_the_same() {
    let made = json!({"version": "dek-v2-20261124", "number": 2, "state": "enabled",
        "created_at": "2026-11-24T00:00:00Z", "kek": "kek-v1-20261124"});
    let made = answer("201 Created", "", &made.to_string());
    let (url, served) = service_that_says(vec![String::new(), made]);
    let desk = Desk::with(&url, "cst_abc");
    assert_eq!(desk.json(&["dek", "rotate", "telemetry"])["number"], 2);
    let asked = served.join().unwrap();
    let key = |at: usize| asked[at].header("idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
    // What has no key is not sent twice.
    let (url, served) = service_that_says(vec![String::new()]);
    let version = "dek-v1-20261124";
    let cancel = ["dek", "cancel-destroy", "telemetry", version];
    assert_eq!(Desk::with(&url, "cst_abc").run(&cancel).code, 2);
    assert_eq!(served.join().unwrap()[0].header("idempotency-key"), None);
}
