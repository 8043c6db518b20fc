//! What one principal may send: so many requests a second, and so many at once.

use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    scene::{CHEAP, Scene, WRAP, batch, secret, sum, wait},
    service::{Answer, eventually},
    wire::{begin, read},
};

/// One request a second once all that may come at once has come.
const SLOW: &str = "requests_per_second = 1\nburst = 256";

/// Asks until it is refused: no more often than the seconds that pass allow.
fn until_limited(ask: impl Fn() -> Answer) -> Answer {
    let (begun, mut through) = (Instant::now(), 0);
    loop {
        let answer = ask();
        if answer.status == 429 {
            answer.is_refused(429, "rate_limited");
            return answer;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        through += 1;
        assert!(through <= begun.elapsed().as_secs() + 2, "{through}");
    }
}

#[test]
fn a_principal_beyond_its_rate_is_told_when_to_come_again_and_no_other_is_touched() {
    let scene = Scene::open(SLOW);
    let ((_, greedy), (_, modest)) = (scene.app("greedy"), scene.app("modest"));
    scene.post(&greedy, WRAP, &batch(256)).is(200);
    let refused = until_limited(|| scene.get(&greedy, CHEAP));
    for _ in 0..20 {
        scene.get(&modest, CHEAP).is(200);
        scene.is_live();
    }
    scene.get(&scene.site.token("ada"), CHEAP).is(200);
    thread::sleep(wait(refused.header("retry-after")));
    scene.get(&greedy, CHEAP).is(200);
}

#[test]
fn a_batch_that_must_wait_does_nothing_and_comes_through_when_it_was_told() {
    let scene = Scene::open(SLOW);
    let auditor = scene.auditor();
    let (id, token) = scene.app("batches");
    scene.post(&token, WRAP, &batch(256)).is(200);
    thread::sleep(Duration::from_millis(1100));
    // Let in with the second's one request; its other items are too many.
    let refused = scene.post(&token, WRAP, &batch(3));
    refused.is_refused(429, "rate_limited");
    thread::sleep(wait(refused.header("retry-after")));
    scene.post(&token, WRAP, &batch(3)).is(200);
    let wrapped = scene.entries(&auditor, "kek.wrap");
    let items: Vec<_> = wrapped
        .iter()
        .map(|entry| &entry["detail"]["items"])
        .collect();
    assert_eq!(items, [256, 3]);
    assert!(wrapped.iter().all(|entry| entry["actor"]["id"] == *id));
}

#[test]
fn where_no_rate_is_set_none_is_kept() {
    let scene = Scene::open("requests_per_second = 0");
    let (_, token) = scene.app("quick");
    for _ in 0..20 {
        scene.post(&token, WRAP, &batch(256)).is(200);
    }
}

#[test]
fn a_principal_at_its_limit_is_one_entry_a_minute_that_counts_them_all() {
    let scene = Scene::open(SLOW);
    let auditor = scene.auditor();
    let (id, token) = scene.app("greedy");
    scene.post(&token, WRAP, &batch(256)).is(200);
    let answers: Vec<_> = (0..40)
        .map(|_| scene.post(&token, WRAP, &secret()))
        .collect();
    let of = |status| answers.iter().filter(|one| one.status == status).count();
    assert_eq!(of(200) + of(429), 40);
    assert!(of(429) > 10, "{}", of(429));
    let scene = scene.restarted();
    let told = scene.entries(&auditor, "requests");
    assert!((1..=2).contains(&told.len()), "{told:?}");
    for entry in &told {
        assert_eq!(
            (&entry["object"], &entry["outcome"]),
            (&json!(id), &json!("refused"))
        );
        assert_eq!(entry["detail"]["code"], "rate_limited");
        assert_eq!(entry["detail"]["requests"], 0);
    }
    assert_eq!(sum(&told, "rate_limited"), of(429) as u64);
    let wrapped = scene.entries(&auditor, "kek.wrap");
    assert_eq!(wrapped.len(), 1 + of(200));
}

/// A request whose body has yet to come.
fn begun(scene: &Scene, token: &str) -> TcpStream {
    begin(&scene.served.url, WRAP, token, secret().to_string().len())
}

fn finish(mut stream: TcpStream) {
    stream.write_all(secret().to_string().as_bytes()).unwrap();
    assert_eq!(read(&mut stream).status, 200);
}

#[test]
fn a_principal_has_so_many_requests_at_once_and_leaves_the_others_theirs() {
    let scene = Scene::open("requests = 16\nrequests_per_principal = 8");
    let [greedy, second, third] = ["greedy", "second", "third"].map(|name| scene.app(name).1);
    let mut held: Vec<_> = (0..8).map(|_| begun(&scene, &greedy)).collect();
    eventually("the ninth is refused", || {
        let answer = scene.get(&greedy, CHEAP);
        if answer.status != 429 {
            return false;
        }
        answer.is_refused(429, "rate_limited");
        wait(answer.header("retry-after")).as_secs() == 1
    });
    scene.post(&second, WRAP, &secret()).is(200);
    scene.is_live();
    finish(held.pop().unwrap());
    eventually("a place is free again", || {
        scene.get(&greedy, CHEAP).status == 200
    });
    held.push(begun(&scene, &greedy));
    held.extend((0..8).map(|_| begun(&scene, &second)));
    eventually("the service is full", || {
        let answer = scene.get(&third, CHEAP);
        if answer.status != 503 {
            return false;
        }
        answer.is_refused(503, "not_ready");
        wait(answer.header("retry-after")).as_secs() == 1
    });
    scene.is_live();
    held.into_iter().for_each(finish);
    scene.get(&third, CHEAP).is(200);
}
