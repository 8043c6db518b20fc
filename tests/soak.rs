//! The service as it is installed, for minutes under mixed load over TLS: clients that stay, come and go, break off and
//! are strangers, with rotations of the KEK, backups and an outage of the token in between. Memory, descriptors and
//! threads stay as they are. `make soak` runs it for ten minutes.
//!
//! `SOAK_SECONDS` asks for more than the few seconds of `make test`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    fs,
    net::TcpStream,
    sync::atomic::Ordering::SeqCst,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/authority.rs"]
mod authority;
#[path = "support/dice.rs"]
mod dice;
#[path = "soak/flat.rs"]
mod flat;
#[path = "soak/guests.rs"]
mod guests;
#[path = "support/people.rs"]
mod people;
#[path = "soak/people_at_work.rs"]
mod people_at_work;
#[path = "soak/place.rs"]
mod place;
#[path = "soak/samples.rs"]
mod samples;
#[path = "backup/sealed.rs"]
mod sealed;
#[path = "support/service.rs"]
mod service;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/worker.rs"]
mod worker;

use dice::{Dice, number};
use flat::{BRIEF, LONG, judge};
use place::{LIMITS, Place};
use samples::{Sample, Sampler};
use sealed::Keys;
use service::eventually;
use worker::Worker;

const SECONDS: u64 = 12;
/// From so many seconds on memory has to be flat more closely.
const WARM: u64 = 300;
const WORKERS: usize = 4;
const AUDITORS: usize = 16;
/// Connections that are never closed, one a look.
const LEAK: usize = 100;
/// The service counts its descriptors each second.
const BETWEEN: Duration = Duration::from_millis(40);
const OUTAGE: Duration = Duration::from_secs(2);

#[test]
fn under_mixed_load_memory_descriptors_and_threads_stay_flat() {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let place = Place::open(LIMITS);
    let mut dice = Dice::seeded(number("SOAK_SEED").unwrap_or(7));
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| Worker::new(&place, dice.roll(), number))
        .collect();
    let samples = thread::scope(|scope| {
        let _ends = place.tally.ends();
        for mut worker in workers {
            scope.spawn(move || worker.run());
        }
        for guest in guests::ALL {
            let (place, mut dice) = (&place, Dice::seeded(dice.roll()));
            scope.spawn(move || guests::keep_calling(place, &mut dice, guest));
        }
        watch(&place, Duration::from_secs(seconds))
    });
    place.is_whole();
    println!("{}", place.tally.totals());
    let surprises = place.tally.surprises();
    assert!(surprises.is_empty(), "{surprises:#?}");
    let tolerance = match seconds >= WARM {
        true => LONG,
        false => BRIEF,
    };
    let (said, grown) = judge(&samples, tolerance);
    println!("{said}");
    assert!(grown.is_empty(), "{grown:#?}");
}

/// The same looks and the same judgement, where connections are kept and never closed.
#[test]
fn descriptors_that_are_not_given_back_are_noticed() {
    let place = Place::open("[limits]\nhandshake = \"60s\"\n");
    let (sampler, begun) = (Sampler::of(&place), Instant::now());
    let address = place.served.url.strip_prefix("https://").unwrap();
    let (mut kept, mut samples) = (Vec::new(), Vec::new());
    for _ in 0..LEAK {
        kept.push(TcpStream::connect(address).unwrap());
        samples.push(sampler.look(begun.elapsed()));
        thread::sleep(BETWEEN);
    }
    let (said, grown) = judge(&samples, BRIEF);
    let found = grown.iter().any(|line| line.starts_with("descriptors"));
    assert!(found, "{said}");
}

/// What an operator does meanwhile.
type Work = fn(&Place);

/// Looks at the service until the time is over, and does what an operator does meanwhile.
fn watch(place: &Place, length: Duration) -> Vec<Sample> {
    let begun = Instant::now();
    let sampler = Sampler::of(place);
    let pause = (length / 100).clamp(Duration::from_millis(100), Duration::from_secs(1));
    let line = (length / 10).min(Duration::from_secs(60));
    let mut due: Vec<(u32, Work)> = vec![
        (75, rotate_kek),
        (65, back_up),
        (50, lose_the_token),
        (40, back_up),
        (25, rotate_kek),
        (15, read_the_whole_log),
        (10, back_up),
    ];
    let (mut samples, mut next_line) = (Vec::new(), line);
    println!("{}", Sample::HEAD);
    while begun.elapsed() < length || !due.is_empty() {
        if due
            .last()
            .is_some_and(|(part, _)| begun.elapsed() >= length * *part / 100)
        {
            let (_, work) = due.pop().unwrap();
            work(place);
        }
        let sample = sampler.look(begun.elapsed());
        if begun.elapsed() >= next_line {
            println!("{}{}", sample.line(), place.tally.turn_page());
            next_line += line;
        }
        samples.push(sample);
        thread::sleep(pause);
    }
    samples
}

fn rotate_kek(place: &Place) {
    let begun = place.told("operator", "POST", "/v1/kek/rotate", json!({}));
    assert_eq!(begun.status, 202, "{begun:?}");
}

/// Several auditors at once, so that what keeps pages of the database in memory has them.
fn read_the_whole_log(place: &Place) {
    let read = || {
        let mut from = 0;
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={from}");
            let page = place.told("auditor", "GET", &path, Value::Null).is(200);
            match page["items"].as_array().unwrap().len() {
                500 => from += 500,
                _ => return,
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AUDITORS {
            scope.spawn(read);
        }
    });
}

fn back_up(place: &Place) {
    let recipient = Keys::new().public;
    let body = json!({"recipients": [recipient]});
    let bytes = place.download("operator", "/v1/backup", &body);
    assert!(bytes > 100_000, "a backup of {bytes} bytes");
}

/// What needs the token is refused; soon after it is back, nothing is.
fn lose_the_token(place: &Place) {
    let (here, away) = (place.site.path("tokens"), place.site.path("away"));
    let wrap = || {
        place
            .told("app", "POST", "/v1/wrap", json!({"plaintext": "eA=="}))
            .status
    };
    place.tally.outage.store(true, SeqCst);
    fs::rename(&here, &away).unwrap();
    eventually("what needs the token is refused", || wrap() == 503);
    thread::sleep(OUTAGE);
    fs::rename(&away, &here).unwrap();
    let back = Instant::now();
    eventually("the token is used again", || wrap() == 200);
    println!(
        "used {} ms after the token was back",
        back.elapsed().as_millis()
    );
    eventually("nothing is refused", || {
        let state = place
            .told("app", "GET", "/v1/capabilities", Value::Null)
            .json();
        state["kek"]["state"]["state"] == "up"
    });
    place.tally.outage.store(false, SeqCst);
}
