//! What each route answers and refuses.

use super::*;

#[test]
fn the_kek_is_shown_as_the_token_has_it() {
    let house = House::open();
    let kek = house.kek();
    assert_eq!(kek["provider"], "pkcs11");
    assert_eq!(kek["mechanism"], "aes-gcm");
    assert_eq!(kek["keys_in_token"], true);
    assert_eq!(kek["job"], Value::Null);
    let first = &kek["versions"][0];
    assert_eq!(kek["current"], first["version"]);
    assert_eq!(first["state"], "enabled");
    assert_eq!(first["number"], 1);
    // The row key and the seeds of the three ML-DSA signing keys.
    let seeds = "SELECT count(*) FROM signing_keys WHERE location = 'wrapped'";
    let seeds: i64 = house.column(seeds)[0];
    assert_eq!(first["records"], 1 + seeds);
    let as_they_must_be = json!({
        "sensitive": true, "extractable": false, "always_sensitive": true, "never_extractable": true
    });
    assert_eq!(first["attributes"], as_they_must_be);
    assert!(first["encryptions"].as_u64().unwrap() > 0);
    let (_, auditor) = house.auditor();
    house.get(&auditor, "/v1/kek").is(200);
    house
        .get(&house.app, "/v1/kek")
        .is_refused(403, "forbidden");
}

#[test]
fn a_rotation_answers_its_job_and_the_job_ends() {
    let house = House::open();
    let begun = house.ask_to_rotate();
    let path = begun.header("location").unwrap().to_owned();
    let job = begun.is(202);
    assert_eq!(path, format!("/v1/jobs/{}", text(&job["id"])));
    assert_eq!(job["kind"], "kek.rotate");
    assert_eq!(
        (&job["status"], &job["done"], &job["error"]),
        (&json!("running"), &json!(0), &Value::Null)
    );
    assert!(text(&job["kek"]).starts_with("kek-v2-"));
    let ended = house.finished(&path);
    assert_eq!(ended["status"], "done");
    assert_eq!(ended["done"], ended["total"]);
    assert_eq!(ended["total"], job["total"]);
    assert!(ended["finished_at"].is_string());
    let kek = house.kek();
    assert_eq!(kek["current"], job["kek"]);
    assert_eq!(kek["versions"][0]["records"], 0);
    assert_eq!(kek["versions"][1]["records"], job["total"]);
    let jobs = house.get(&house.operator, "/v1/jobs").is(200);
    assert_eq!(jobs["items"], json!([ended]));
    let other = "/v1/jobs/0199e1e8-0000-7000-8000-000000000000";
    house
        .get(&house.operator, other)
        .is_refused(404, "not_found");
}

#[test]
fn jobs_are_listed_by_pages() {
    let house = House::open();
    for _ in 0..3 {
        house.rotate_kek();
    }
    let first = house.get(&house.operator, "/v1/jobs?limit=2").is(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = format!("/v1/jobs?cursor={}", text(&first["next_cursor"]));
    let rest = house.get(&house.operator, &next).is(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next_cursor"], Value::Null);
    house
        .get(&house.operator, "/v1/jobs?cursor=eA")
        .is_refused(400, "invalid_request");
}

#[test]
fn the_same_request_to_rotate_is_answered_again_and_begins_nothing() {
    let house = House::open();
    let url = format!("{}/v1/kek/rotate", house.url);
    let bearer = format!("Bearer {}", house.operator);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let ask = |body: &str| service::send(&house.agent, "POST", &url, &headers, body.as_bytes());
    let first = ask("{}");
    let place = first.header("location").unwrap().to_owned();
    let job = first.is(202);
    house.finished(&place);
    let again = ask("{}");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("location"), Some(place.as_str()));
    assert_eq!(again.is(202), job);
    ask("{ }").is_refused(422, "idempotency_mismatch");
    assert_eq!(house.kek()["versions"].as_array().unwrap().len(), 2);
}

#[test]
fn who_rotated_what_came_of_it_and_how_it_ended_is_in_the_audit_log() {
    let house = House::open();
    let job = house.rotate_kek();
    let log = house.audit();
    let of = |action: &str| {
        let found = log.iter().filter(|entry| entry["action"] == action);
        let found: Vec<_> = found
            .filter(|one| one["detail"]["job"] == job["id"])
            .collect();
        assert_eq!(found.len(), 1, "{action}: {log:#?}");
        assert_eq!(found[0]["object"], job["kek"]);
        found[0].clone()
    };
    assert_eq!(of("kek.rotate")["actor"]["subject"], "house-operator");
    assert_eq!(of("kek.create")["actor"], Value::Null);
    let end = of("kek.rewrap_records");
    assert_eq!(end["detail"]["moved"], job["total"]);
    assert_eq!(end["detail"]["unmoved"], 0);
    assert_eq!(end["detail"]["status"], "done");
}

#[test]
fn a_verb_on_a_version_that_is_not_there_or_not_confirmed_is_refused() {
    let house = House::open();
    let other = "/v1/kek/versions/kek-v9-20261123";
    for verb in ["retire", "destroy", "destroy/approve"] {
        let body = json!({"confirm": "kek-v9-20261123"});
        let answer = house.post(&house.operator, &format!("{other}/{verb}"), body);
        answer.is_refused(404, "not_found");
        let path = format!("/v1/kek/versions/{}/{verb}", house.kek_name(1));
        let answer = house.post(&house.operator, &path, json!({"confirm": "yes"}));
        answer.is_refused(400, "invalid_request");
    }
    let answer = house.post(&house.operator, &format!("{other}/restore"), json!({}));
    answer.is_refused(404, "not_found");
}
