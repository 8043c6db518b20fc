//! The real binary killed at random, under load and while it sets itself up: nothing acknowledged is lost.
//!
//! `CRASH_ROUNDS` and `CRASH_STARTS` ask for more; `CRASH_SEED` plays the choices of a failed run again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/appliance.rs"]
mod appliance;
#[path = "crash/at_once.rs"]
mod at_once;
#[path = "crash/check.rs"]
mod check;
#[path = "crash/check_backup.rs"]
mod check_backup;
#[path = "crash/check_council.rs"]
mod check_council;
#[path = "crash/check_keks.rs"]
mod check_keks;
#[path = "crash/check_log.rs"]
mod check_log;
#[path = "crash/client.rs"]
mod client;
#[path = "crash/council.rs"]
mod council;
#[path = "crash/countersign.rs"]
mod countersign;
#[path = "crash/deks.rs"]
mod deks;
#[path = "support/desk.rs"]
mod desk;
#[path = "crash/dice.rs"]
mod dice;
#[path = "crash/erasure.rs"]
mod erasure;
#[path = "crash/events.rs"]
mod events;
#[path = "crash/figures.rs"]
mod figures;
#[path = "crash/file.rs"]
mod file;
#[path = "crash/halves.rs"]
mod halves;
#[path = "crash/keks.rs"]
mod keks;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/looks.rs"]
mod looks;
#[path = "crash/matters.rs"]
mod matters;
#[path = "crash/moved.rs"]
mod moved;
#[path = "crash/once.rs"]
mod once;
#[path = "support/people.rs"]
mod people;
#[path = "crash/principals.rs"]
mod principals;
#[path = "backup/sealed.rs"]
mod sealed;
#[path = "support/service.rs"]
mod service;
#[path = "crash/states.rs"]
mod states;
#[path = "crash/two_admins.rs"]
mod two_admins;

use check::Check;
use check_log::checkpoint;
use client::Client;
use dice::{Dice, number};
use halves::nothing_is_there_by_half;
use ledger::{Dek, Ledger};
use load::{Life, Worker};
use sealed::Keys;
use service::{ROLES, Service, eventually};

const ROUNDS: u64 = 6;
const THREADS: usize = 8;
const STARTS: u64 = 12;
/// DEKs that the service rotates by itself, each second.
const PERIODIC: usize = 6;
/// Every so many rounds all that there ever was is looked at; in the others, what is recent and some of the rest.
const THOROUGH: u64 = 10;
/// In every so many rounds somebody takes a backup.
const BACKUP: u64 = 3;

#[test]
fn killed_under_load_nothing_acknowledged_is_lost_and_nothing_is_there_by_half() {
    let (home, keys) = (TempDir::new().unwrap(), Keys::new());
    let (ledger, mut dice) = (Mutex::new(Ledger::default()), Dice::new());
    let (mut log, rounds) = (Vec::new(), number("CRASH_ROUNDS").unwrap_or(ROUNDS));
    let mut service = Service::start(home.path(), &[]);
    make_periodic_deks(&service, &ledger);
    for round in 1..=rounds {
        load_until_killed(&service, &ledger, &mut dice, &keys, round);
        forget_words_of(service);
        let begun = Instant::now();
        service = Service::start(home.path(), &[]);
        is_ready(&service);
        let mut ledger = ledger.lock().unwrap();
        ledger.figures.ready.push(begun.elapsed());
        ledger.life += 1;
        let begun = Instant::now();
        let mut check = Check {
            service: &service,
            client: &Client::new(&service.url, &service.dir),
            ledger: &mut ledger,
            dice: &mut dice,
            thorough: rounds <= ROUNDS || round == rounds || round % THOROUGH == 0,
        };
        check.all(&mut log, &keys);
        if round == rounds {
            check.jobs_end();
        }
        ledger.figures.looks.push(begun.elapsed());
        println!("{}", ledger.progress(round, log.len()));
    }
    forget_words_of(service);
    let mut ledger = ledger.into_inner().unwrap();
    let by_itself = log.iter().filter(|entry| is_by_itself(entry)).count();
    ledger.figures.verified("rotations by period", by_itself);
    println!("{}", ledger.figures.table());
}

fn is_ready(service: &Service) {
    eventually("ready", || {
        service.get("", "/v1/health/ready").status == 200
    });
}

/// Its log is searched for panics and, once it is dropped, for secrets; then it goes: of many lives it would be long.
fn forget_words_of(service: Service) {
    assert!(!service.log().contains("panicked"));
    let log = service.dir.join("service.log");
    drop(service);
    fs::remove_file(log).unwrap();
}

#[test]
fn killed_during_its_first_start_it_starts_again() {
    let mut dice = Dice::new();
    for start in 0..number("CRASH_STARTS").unwrap_or(STARTS) {
        let home = TempDir::new().unwrap();
        let kek: &[&str] = match start % 4 {
            3 => &["--kek", "software"],
            _ => &[],
        };
        let lives = [dice.milliseconds(0, 300), dice.milliseconds(0, 120)];
        println!("start {start}: killed after {lives:?}");
        for life in lives {
            start_and_kill(home.path(), kek, life);
        }
        is_whole(&Service::start(home.path(), kek));
    }
}

/// SoftHSM empties `token.object` at each login and writes it again; without it every key is lost.
#[test]
fn killed_during_a_login_the_token_is_not_lost() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.kill();
    drop(service);
    let tokens = home.path().join("softhsm/tokens");
    let token = fs::read_dir(tokens).unwrap().next().unwrap().unwrap();
    fs::write(token.path().join("token.object"), "").unwrap();
    is_whole(&Service::start(home.path(), &[]));
}

#[test]
fn a_token_that_is_not_there_any_more_is_not_replaced_by_an_empty_one() {
    let home = TempDir::new().unwrap();
    drop(Service::start(home.path(), &[]));
    let (tokens, away) = (home.path().join("softhsm/tokens"), home.path().join("away"));
    fs::rename(&tokens, &away).unwrap();
    fs::create_dir(&tokens).unwrap();
    start_and_kill(home.path(), &[], Duration::from_millis(800));
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 0);
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&away, &tokens).unwrap();
    is_whole(&Service::start(home.path(), &[]));
}

fn make_periodic_deks(service: &Service, ledger: &Mutex<Ledger>) {
    for at in 0..PERIODIC {
        let (name, hybrid) = (format!("periodic-{at}"), at % 2 == 0);
        let algorithm = ["aes-256-gcm", "mlkem768-x25519"][usize::from(hybrid)];
        let body = json!({"name": name, "algorithm": algorithm, "rotation_period": "1s"});
        service.post("operator", "/v1/deks", body).is(201);
        ledger.lock().unwrap().deks.push(Dek { name, hybrid });
    }
}

fn is_by_itself(entry: &Value) -> bool {
    entry["action"] == "dek.rotate" && entry["actor"].is_null()
}

/// Every thread ends because the service does; a panic of one ends the test.
fn load_until_killed(
    service: &Service,
    ledger: &Mutex<Ledger>,
    dice: &mut Dice,
    keys: &Keys,
    round: u64,
) {
    let life = Life {
        client: &Client::new(&service.url, &service.dir),
        ledger,
        database: service.dir.join("custodian.db"),
        recipient: &keys.public,
        backed_up: AtomicBool::new(!round.is_multiple_of(BACKUP)),
        dying: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let worker = Worker {
                life: &life,
                dice: dice.split(),
                name: format!("r{round}-t{thread}"),
                count: 0,
            };
            scope.spawn(|| worker.run());
        }
        thread::sleep(match round % 3 {
            // By then the service has begun to rotate by itself.
            0 => dice.milliseconds(950, 1250),
            _ => dice.milliseconds(100, 900),
        });
        if let Some((size, root)) = checkpoint(service) {
            ledger.lock().unwrap().note_checkpoint(size, &root);
        }
        life.dying.store(true, Ordering::SeqCst);
        service.kill();
    });
    ledger.lock().unwrap().figures.kills += 1;
}

fn start_and_kill(dir: &Path, kek: &[&str], life: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .args(kek)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// All four principals are there once, and the main job works.
fn is_whole(service: &Service) {
    for role in ROLES {
        service.get(role, "/v1/capabilities").is(200);
    }
    let principals = service.get("admin", "/v1/admin/principals").is(200);
    assert_eq!(principals["items"].as_array().unwrap().len(), ROLES.len());
    let body = json!({"plaintext": "c2VjcmV0"});
    let wrapped = service.post("app", "/v1/wrap", body).is(200);
    let body = json!({"wrapped": wrapped["wrapped"]});
    let opened = service.post("app", "/v1/unwrap", body).is(200);
    assert_eq!(opened["plaintext"], "c2VjcmV0");
    nothing_is_there_by_half(&service.dir.join("custodian.db"));
}
