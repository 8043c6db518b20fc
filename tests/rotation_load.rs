//! Rotation of the KEK under load, killed at random: every DEK opens afterwards, and no request fails but while the
//! process is down. `make rotation` runs it in full.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "crash/client.rs"]
mod client;
#[path = "support/dice.rs"]
mod dice;
#[path = "rotation_load/prepare.rs"]
mod prepare;
#[path = "support/service.rs"]
mod service;
#[path = "rotation_load/worker.rs"]
mod worker;

use client::Client;
use dice::{Dice, number};
use prepare::{Blob, Prepared, opens_all};
use service::Service;
use worker::Stage;

/// Each use of a DEK asks the token.
const OPTIONS: [&str; 2] = ["--dek-cache", "0"];
const VERSIONS: u64 = 600;
const KILLS: u64 = 2;
const DEKS: u64 = 100;
const CLIENTS: u64 = 4;

#[test]
fn killed_while_the_kek_is_rotated_under_load_every_dek_opens_afterwards() {
    let versions = number("ROTATION_VERSIONS").unwrap_or(VERSIONS);
    let kills = number("ROTATION_KILLS").unwrap_or(KILLS);
    let mut dice = Dice::seeded(number("ROTATION_SEED").unwrap_or(7));
    let home = TempDir::new().unwrap();
    let mut service = Service::start(home.path(), &OPTIONS);
    let prepared = Prepared::make(&service, DEKS, versions / DEKS);
    let stage = Stage::new(Client::new(&service.url, &service.dir), prepared);
    let calm = stage.load(&mut dice, || thread::sleep(Duration::from_secs(3)));
    println!("before: {calm}");
    let begun = Instant::now();
    let (mut down, mut ended) = (Duration::ZERO, Value::Null);
    let busy = stage.load(&mut dice.split(), || {
        for kill in 0..kills {
            // The first at any moment of the beginning, the others at any part of the records.
            match kill {
                0 => begin_and_kill(&stage, &service, &mut dice),
                _ => kill_at(&stage, &service, versions * kill / kills, &mut dice),
            }
            let since = Instant::now();
            service = Service::start(home.path(), &OPTIONS);
            stage.is_back(Client::new(&service.url, &service.dir));
            down += since.elapsed();
        }
        ended = wait_for_the_end(&stage);
    });
    let took = begun.elapsed().saturating_sub(down);
    println!("during: {busy}");
    println!(
        "{versions} DEK versions, {kills} kills, {} records moved, {:.1} s without the time it was down, {:.0} records/s",
        ended["done"],
        took.as_secs_f64(),
        ended["done"].as_f64().unwrap() / took.as_secs_f64()
    );
    assert_eq!(ended["status"], "done", "{ended}");
    assert_eq!(busy.failed(), 0, "{busy}");
    assert_eq!(calm.failed(), 0, "{calm}");
    is_whole(&stage, &service);
}

/// Every record is under the new version, and opens once the old one is retired.
fn is_whole(stage: &Stage, service: &Service) {
    let kek = service.get("operator", "/v1/kek").is(200);
    assert_eq!(kek["versions"].as_array().unwrap().len(), 2, "{kek}");
    assert_eq!(kek["versions"][0]["records"], 0, "{kek}");
    let first = kek["versions"][0]["version"].as_str().unwrap();
    let path = format!("/v1/kek/versions/{first}/retire");
    let body = json!({"confirm": first});
    service.post("operator", &path, body).is(200);
    let blobs = stage.blobs.lock().unwrap().clone();
    opens_all(&stage.client(), &blobs);
    println!("{} blobs of all versions opened", blobs.len());
    assert!(!service.log().contains("panicked"));
}

/// Asks for the rotation, and kills the service before or after its answer.
fn begin_and_kill(stage: &Stage, service: &Service, dice: &mut Dice) {
    let pause = Duration::from_millis(dice.below(60) as u64);
    thread::scope(|scope| {
        scope.spawn(|| drop(rotate(&stage.client())));
        thread::sleep(pause);
        stage.kill(service);
    });
}

/// Kills the service once about so many records were moved.
fn kill_at(stage: &Stage, service: &Service, records: u64, dice: &mut Dice) {
    let wanted = records.saturating_sub(dice.below(64) as u64);
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        let job = job(&stage.client());
        let moved = job["done"].as_u64().unwrap_or_default();
        if job["status"] != "running" || moved >= wanted {
            println!("killed at {moved} of {} ({})", job["total"], job["status"]);
            break;
        }
        assert!(Instant::now() < until, "{job}");
        thread::sleep(Duration::from_millis(3));
    }
    stage.kill(service);
}

fn wait_for_the_end(stage: &Stage) -> Value {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        let job = job(&stage.client());
        if job["status"] != "running" {
            return job;
        }
        assert!(Instant::now() < until, "{job}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The one job; begun now, if the service was killed before it was.
fn job(client: &Client) -> Value {
    let jobs = ask(client, "GET", "/v1/jobs", Value::Null);
    match jobs["items"].get(0) {
        Some(job) => job.clone(),
        None => rotate(client).unwrap(),
    }
}

fn rotate(client: &Client) -> Option<Value> {
    let token = client.token("operator");
    let path = "/v1/kek/rotate";
    let reply = client.send(token, "rotate", "POST", path, json!({}), None)?;
    assert_eq!(reply.status, 202, "{}", reply.text);
    Some(reply.body)
}

fn ask(client: &Client, method: &str, path: &str, body: Value) -> Value {
    let token = client.token("operator");
    let reply = client.send(token, "ask", method, path, body, None).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

impl Dice {
    /// Another one, for another thread.
    fn split(&mut self) -> Self {
        Self::seeded(self.roll())
    }
}
