//! DEKs: made, listed, shown, rotated, granted (api.md section 7).

use std::thread;

use serde_json::{Value, json};

use crate::service::{Answer, Service};

const AES: &str = "aes-256-gcm";

fn create(service: &Service, name: &str) -> Answer {
    let body = json!({"name": name, "algorithm": AES});
    service.post("operator", "/v1/deks", body)
}

fn rotate(service: &Service, name: &str) -> Answer {
    service.post("operator", &format!("/v1/deks/{name}/rotate"), json!({}))
}

/// A `dek-v{number}-{YYYYMMDD}` of today's day in its own creation time.
#[track_caller]
fn is_version(version: &Value, number: u64) {
    assert_eq!(version["number"], number);
    assert_eq!(version["state"], "enabled");
    let day = version["created_at"].as_str().unwrap()[..10].replace('-', "");
    assert_eq!(version["version"], format!("dek-v{number}-{day}"));
    assert!(version["created_at"].as_str().unwrap().ends_with('Z'));
    assert!(version["kek"].as_str().unwrap().starts_with("kek-v1-"));
    assert!(version.get("public_key").is_none());
}

#[test]
fn a_new_dek_has_one_version_that_encrypts() {
    let service = Service::spawn();
    let made = create(&service, "telemetry").is(201);
    assert_eq!(
        (&made["name"], &made["algorithm"]),
        (&json!("telemetry"), &json!(AES))
    );
    assert_eq!(made["current"], made["versions"][0]["version"]);
    assert_eq!(made["versions"].as_array().unwrap().len(), 1);
    is_version(&made["versions"][0], 1);
    for role in ["operator", "app", "auditor"] {
        assert_eq!(service.get(role, "/v1/deks/telemetry").is(200), made);
        assert_eq!(
            service.get(role, "/v1/deks").is(200)["items"],
            json!([made])
        );
    }
}

#[test]
fn a_dek_name_is_lower_case_letters_digits_and_hyphens() {
    let service = Service::spawn();
    let longest = "a".repeat(63);
    for good in ["a", "0", "9-", "a--b", "payroll-2026", &longest] {
        create(&service, good).is(201);
        service.get("operator", &format!("/v1/deks/{good}")).is(200);
    }
    let long = "a".repeat(64);
    for bad in [
        "", "-", "-a", "A", "a_b", "a.b", "a/b", "a b", "é", "a\0", "a\n", "..", "*", &long,
    ] {
        create(&service, bad).is_refused(400, "invalid_request");
    }
}

#[test]
fn a_name_is_taken_once() {
    let service = Service::spawn();
    create(&service, "telemetry").is(201);
    create(&service, "telemetry").is_refused(409, "already_exists");
    let other = json!({"name": "telemetry", "algorithm": AES, "rotation_period": "1d"});
    let other = service.post("operator", "/v1/deks", other);
    other.is_refused(409, "already_exists");
}

#[test]
fn eight_creations_at_once_make_one_dek() {
    let service = Service::spawn();
    let answers: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| create(&service, "telemetry")))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.is_refused(409, "already_exists");
    }
}

#[test]
fn an_algorithm_that_this_version_lacks_is_400() {
    let service = Service::spawn();
    for algorithm in ["mlkem768", "aes-128-gcm", "AES-256-GCM", "", "none"] {
        let body = json!({"name": "telemetry", "algorithm": algorithm});
        let refused = service.post("operator", "/v1/deks", body);
        refused.is_refused(400, "invalid_request");
    }
    service
        .get("operator", "/v1/deks/telemetry")
        .is_refused(404, "not_found");
}

#[test]
fn a_rotation_period_is_a_number_and_a_unit() {
    let service = Service::spawn();
    let make = |name: String, period: &str| {
        let body = json!({"name": name, "algorithm": AES, "rotation_period": period});
        service.post("operator", "/v1/deks", body)
    };
    for (at, good) in ["1s", "90m", "24h", "90d", "365d"].iter().enumerate() {
        make(format!("good-{at}"), good).is(201);
    }
    let huge = format!("{}d", "9".repeat(30));
    for bad in [
        "", "0d", "01d", "d", "1", "1w", "1D", "1.5h", "-1d", "+1d", " 1d", "1d ", "1d\n", "never",
        "1é", "١d", &huge,
    ] {
        make("bad".to_owned(), bad).is_refused(400, "invalid_request");
    }
}

#[test]
fn every_version_but_the_newest_only_decrypts() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let mut sealed = Vec::new();
    for number in 1..=4_u64 {
        let plaintext = json!({"plaintext": "YQ==", "context": {"n": number.to_string()}});
        let made = service
            .post("app", "/v1/deks/telemetry/encrypt", plaintext)
            .is(200);
        let reference = format!("cst1:dek:telemetry/{}:", made["version"].as_str().unwrap());
        assert!(made["ciphertext"].as_str().unwrap().starts_with(&reference));
        assert!(reference.contains(&format!("dek-v{number}-")));
        sealed.push((number, made));
        let rotated = rotate(&service, "telemetry").is(201);
        is_version(&rotated, number + 1);
        let shown = service.get("app", "/v1/deks/telemetry").is(200);
        assert_eq!(shown["current"], rotated["version"]);
    }
    for (number, made) in sealed {
        let body = json!({"ciphertext": made["ciphertext"], "context": {"n": number.to_string()}});
        let opened = service
            .post("app", "/v1/deks/telemetry/decrypt", body)
            .is(200);
        assert_eq!(
            opened,
            json!({"plaintext": "YQ==", "version": made["version"]})
        );
    }
}

#[test]
fn versions_are_listed_in_order_even_beyond_nine() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    for _ in 0..10 {
        rotate(&service, "telemetry").is(201);
    }
    let dek = service.get("operator", "/v1/deks/telemetry").is(200);
    for number in 1..=11 {
        is_version(&dek["versions"][number - 1], number as u64);
    }
    assert_eq!(dek["current"], dek["versions"][10]["version"]);
}

#[test]
fn eight_threads_that_rotate_make_consecutive_versions() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let mut numbers: Vec<u64> = thread::scope(|scope| {
        let four = || {
            (0..4)
                .map(|_| {
                    rotate(&service, "telemetry").is(201)["number"]
                        .as_u64()
                        .unwrap()
                })
                .collect()
        };
        let all: Vec<_> = (0..8).map(|_| scope.spawn(four)).collect();
        let done: Vec<Vec<u64>> = all.into_iter().map(|one| one.join().unwrap()).collect();
        done.concat()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=33).collect::<Vec<u64>>());
    let dek = service.get("operator", "/v1/deks/telemetry").is(200);
    let listed: Vec<_> = dek["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["number"].as_u64().unwrap())
        .collect();
    assert_eq!(listed, (1..=33).collect::<Vec<u64>>());
}

#[test]
fn encryption_goes_on_while_versions_change() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    thread::scope(|scope| {
        scope.spawn(|| (0..10).for_each(|_| drop(rotate(&service, "telemetry").is(201))));
        for _ in 0..3 {
            scope.spawn(|| (0..25).for_each(|_| there_and_back(&service)));
        }
    });
}

fn there_and_back(service: &Service) {
    let sealed = service
        .post(
            "app",
            "/v1/deks/telemetry/encrypt",
            json!({"plaintext": "YQ=="}),
        )
        .is(200);
    let body = json!({"ciphertext": sealed["ciphertext"]});
    let opened = service
        .post("app", "/v1/deks/telemetry/decrypt", body)
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
    assert_eq!(opened["version"], sealed["version"]);
}

#[test]
fn a_dek_that_is_not_there_is_404() {
    let service = Service::spawn();
    rotate(&service, "absent").is_refused(404, "not_found");
    for role in ["operator", "app", "auditor"] {
        service
            .get(role, "/v1/deks/absent")
            .is_refused(404, "not_found");
    }
    let sealed = service.post("app", "/v1/deks/absent/encrypt", json!({"plaintext": ""}));
    sealed.is_refused(404, "not_found");
    let opened = json!({"ciphertext": "cst1:dek:absent/dek-v1-20261123:AAAA"});
    service
        .post("app", "/v1/deks/absent/decrypt", opened)
        .is_refused(404, "not_found");
}

#[test]
fn an_app_knows_of_the_deks_in_its_grants_only() {
    let service = Service::spawn();
    for name in [
        "telemetry",
        "telemetry2",
        "payroll-de",
        "payroll-fr",
        "payroll",
        "other",
    ] {
        service.make_dek(name);
    }
    let grants = json!({"grants": {"deks": ["telemetry", "payroll-*"]}});
    let app = service.principal("narrow", &["app"], &grants).token;
    let ask = |method, path: &str, body| service.send(&app, method, path, &[], body);
    let listed = ask("GET", "/v1/deks", "").is(200);
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dek| &dek["name"])
        .collect();
    assert_eq!(names, ["payroll-de", "payroll-fr", "telemetry"]);
    for name in ["telemetry", "payroll-de"] {
        ask("GET", &format!("/v1/deks/{name}"), "").is(200);
        ask(
            "POST",
            &format!("/v1/deks/{name}/encrypt"),
            r#"{"plaintext":""}"#,
        )
        .is(200);
    }
    let sealed = service
        .post("app", "/v1/deks/other/encrypt", json!({"plaintext": ""}))
        .is(200);
    let open = json!({"ciphertext": sealed["ciphertext"]}).to_string();
    let absent = ask("GET", "/v1/deks/absent", "").json()["detail"].clone();
    for name in ["telemetry2", "payroll", "other"] {
        let path = format!("/v1/deks/{name}");
        let hidden = [
            ask("GET", &path, ""),
            ask("POST", &format!("{path}/encrypt"), r#"{"plaintext":""}"#),
            ask("POST", &format!("{path}/decrypt"), &open),
        ];
        for answer in hidden {
            answer.is_refused(404, "not_found");
            assert_eq!(
                answer.json()["detail"],
                absent,
                "it tells what is hidden from what is not there"
            );
        }
    }
}

#[test]
fn pages_of_an_app_are_full_though_others_lie_between() {
    let service = Service::spawn();
    for number in 0..12 {
        service.make_dek(&format!(
            "{}-{number:02}",
            if number % 3 == 0 { "mine" } else { "hers" }
        ));
    }
    let app = service
        .principal("narrow", &["app"], &json!({"grants": {"deks": ["mine-*"]}}))
        .token;
    let first = service
        .send(&app, "GET", "/v1/deks?limit=3", &[], "")
        .is(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let next = format!(
        "/v1/deks?limit=3&cursor={}",
        first["next_cursor"].as_str().unwrap()
    );
    let last = service.send(&app, "GET", &next, &[], "").is(200);
    assert_eq!(last["items"][0]["name"], "mine-09");
    assert_eq!(
        (
            last["items"].as_array().unwrap().len(),
            &last["next_cursor"]
        ),
        (1, &Value::Null)
    );
}

#[test]
fn an_app_without_grants_has_no_dek() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let app = service.principal("none", &["app"], &Value::Null).token;
    let listed = service.send(&app, "GET", "/v1/deks", &[], "").is(200);
    assert_eq!(listed, json!({"items": [], "next_cursor": null}));
    service
        .send(&app, "GET", "/v1/deks/telemetry", &[], "")
        .is_refused(404, "not_found");
}
