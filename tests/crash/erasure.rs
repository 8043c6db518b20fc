//! What is destroyed is nowhere any more: not in the database, not in its write-ahead log, not after a kill.

use std::{thread, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    dice::{Dice, fifth_of_rounds},
    file::{sealed, traces},
    ledger::Name,
    service::Service,
};

const ALGORITHMS: [&str; 2] = ["aes-256-gcm", "mlkem768-x25519"];
const KILLS: u64 = 4;

/// Rows that grow are moved between pages, so that copies of them could stay behind.
#[test]
fn what_was_destroyed_stands_in_none_of_the_files() {
    let service = Service::spawn();
    let secrets = make_crowd(&service, 24);
    for (name, _) in &secrets {
        destroy(&service, name);
    }
    assert_eq!(traces(&service.dir, &secrets), [""; 0]);
}

/// Each call answers only once its own version's traces are gone, whoever erases at the same time.
#[test]
fn of_many_who_destroy_at_once_each_finds_its_traces_gone() {
    let service = Service::spawn();
    let secrets = make_crowd(&service, 16);
    thread::scope(|scope| {
        for some in secrets.chunks(secrets.len() / 8) {
            let service = &service;
            scope.spawn(move || {
                for one in some {
                    destroy(service, &one.0);
                    let left = traces(&service.dir, std::slice::from_ref(one));
                    assert_eq!(left, [""; 0]);
                }
            });
        }
    });
}

#[test]
fn killed_while_it_destroys_no_trace_is_left_of_what_is_destroyed() {
    let home = TempDir::new().unwrap();
    let mut dice = Dice::new();
    let mut service = Service::start(home.path(), &[]);
    for _ in 0..fifth_of_rounds(KILLS) {
        let secrets = make_crowd(&service, 6);
        let life = dice.milliseconds(0, 60);
        let acknowledged = destroy_until_killed(&service, &secrets, life);
        assert_eq!(traces(home.path(), &secrets[..acknowledged]), [""; 0]);
        drop(service);
        service = Service::start(home.path(), &[]);
        let database = home.path().join("custodian.db");
        let gone = |(name, _): &&(Name, Vec<u8>)| sealed(&database, name).is_none();
        let gone: Vec<_> = secrets.iter().filter(gone).cloned().collect();
        println!("{acknowledged} acknowledged, {} destroyed", gone.len());
        assert!([acknowledged, acknowledged + 1].contains(&gone.len()));
        assert_eq!(traces(home.path(), &gone), [""; 0]);
    }
}

/// Answers how many destructions were acknowledged.
fn destroy_until_killed(service: &Service, secrets: &[(Name, Vec<u8>)], life: Duration) -> usize {
    let client = super::client::Client::new(&service.url, &service.dir);
    thread::scope(|scope| {
        let all = scope.spawn(|| {
            let one = |(name, _): &(Name, Vec<u8>)| {
                let (path, body) = destruction(name);
                let token = client.token("operator");
                client.send(token, "destroy", "POST", &path, body, None)
            };
            let replies = secrets.iter().map_while(one);
            replies
                .inspect(|reply| assert_eq!(reply.status, 200))
                .count()
        });
        thread::sleep(life);
        service.kill();
        all.join().unwrap()
    })
}

/// DEKs of both kinds, whose first versions were all made, then used, superseded and disabled: so their rows grew
/// between others. Answers those versions and their wrapped secrets.
fn make_crowd(service: &Service, deks: usize) -> Vec<(Name, Vec<u8>)> {
    let begun = service.audit().len();
    let names: Vec<_> = (0..deks).map(|at| format!("crowd-{begun}-{at}")).collect();
    let post = |role, path: String, body| service.post(role, &path, body);
    for (at, name) in names.iter().enumerate() {
        let body = json!({"name": name, "algorithm": ALGORITHMS[usize::from(at % 8 == 7)]});
        post("operator", "/v1/deks".to_owned(), body).is(201);
    }
    let mut crowd = Vec::new();
    for name in names {
        let path = format!("/v1/deks/{name}/encrypt");
        let made = post("app", path, json!({"plaintext": "eA=="})).is(200);
        let version = made["version"].as_str().unwrap().to_owned();
        post("operator", format!("/v1/deks/{name}/rotate"), json!({})).is(201);
        let path = format!("/v1/deks/{name}/versions/{version}/disable");
        post("operator", path, json!({})).is(200);
        crowd.push((name, version));
    }
    let database = service.dir.join("custodian.db");
    let read = |name: Name| (name.clone(), sealed(&database, &name).unwrap());
    crowd.into_iter().map(read).collect()
}

fn destroy(service: &Service, name: &Name) {
    let (path, body) = destruction(name);
    let done = service.post("operator", &path, body).is(200);
    assert_eq!(done["state"], "destroyed");
    assert_eq!(sealed(&service.dir.join("custodian.db"), name), None);
}

fn destruction((dek, version): &Name) -> (String, Value) {
    let path = format!("/v1/deks/{dek}/versions/{version}/destroy");
    (path, json!({"confirm": format!("{dek}/{version}")}))
}
