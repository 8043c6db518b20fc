//! Eight first requests at once under one idempotency key make one thing (api.md section 1).

use std::{sync::Barrier, thread};

use serde_json::{Value, json};

use crate::service::{Answer, Service, agent, send};

const ROUNDS: usize = 6;

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

/// Eight at once on connections of their own, then one more; answers the first answer.
fn eight(service: &Service, role: &str, path: &str, key: &str, body: &Value) -> Value {
    let bearer = format!("Bearer {}", service.token(role));
    let ask = || {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        send(
            &agent(),
            "POST",
            &format!("{}{path}", service.url),
            &headers,
            body.to_string().as_bytes(),
        )
    };
    let together = Barrier::new(8);
    let one = || {
        together.wait();
        ask()
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (first, others): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == 201 && !replayed(answer));
    let [first] = &first[..] else {
        panic!("{} first answers: {first:?} {others:?}", first.len())
    };
    let shown = without_token(&first.json());
    let again = ask();
    assert!(replayed(&again), "{again:?}");
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(without_token(&again.is(201)), shown);
    for other in others {
        match other.status {
            201 => assert_eq!(without_token(&other.json()), shown),
            _ => other.is_refused(409, "conflict"),
        }
    }
    shown
}

fn without_token(answer: &Value) -> Value {
    let mut answer = answer.clone();
    let fields = answer.as_object_mut().unwrap();
    fields.remove("token");
    fields.remove("notice");
    answer
}

#[test]
fn eight_first_requests_at_once_make_one_dek_and_one_version() {
    let service = Service::spawn();
    for round in 0..ROUNDS {
        let name = format!("dek-{round}");
        let body = json!({"name": name, "algorithm": "mlkem768-x25519"});
        let made = eight(
            &service,
            "operator",
            "/v1/deks",
            &format!("d{round}"),
            &body,
        );
        assert_eq!(made["name"], name.as_str());
        for turn in 2..5 {
            let version = eight(
                &service,
                "operator",
                &format!("/v1/deks/{name}/rotate"),
                &format!("r{turn}"),
                &json!({}),
            );
            assert_eq!(version["number"], turn);
        }
        let shown = service.get("operator", &format!("/v1/deks/{name}")).is(200);
        assert_eq!(shown["versions"].as_array().unwrap().len(), 4);
    }
    let deks = service.get("operator", "/v1/deks").is(200);
    assert_eq!(deks["items"].as_array().unwrap().len(), ROUNDS);
}

#[test]
fn eight_first_requests_at_once_make_one_principal_and_one_token() {
    let service = Service::spawn();
    let people = "/v1/admin/principals";
    let before = service.get("admin", people).is(200)["items"]
        .as_array()
        .unwrap()
        .len();
    for round in 0..ROUNDS {
        let name = format!("app-{round}");
        let body = json!({"name": name, "subject": name, "roles": ["app"]});
        let made = eight(&service, "admin", people, &format!("p{round}"), &body);
        let path = format!("{people}/{}", made["id"].as_str().unwrap());
        eight(
            &service,
            "admin",
            &format!("{path}/tokens"),
            "t",
            &json!({"expires_in": "1d"}),
        );
        let shown = service.get("admin", &path).is(200);
        assert_eq!(shown["tokens"].as_array().unwrap().len(), 2, "{shown}");
    }
    let after = service.get("admin", people).is(200)["items"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(after, before + ROUNDS);
}
