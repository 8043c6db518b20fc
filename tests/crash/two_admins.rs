//! The service as it is installed, killed while two admins decide and an operator thinks twice: what was proposed waits,
//! what was approved holds, what is to be destroyed can still be saved.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Instant,
};

use aegis_custodian::crypto::scheme::SigningKey;
use serde_json::{Value, json};
use ureq::Agent;

use super::{
    appliance::{Served, Site},
    check_log::{each_is_audited_once, entries_from},
    client::Client,
    dice::{Dice, fifth_of_rounds},
    figures::median_and_most,
    halves::nothing_is_there_by_half,
    matters::{Kind, Matter},
    people::{KINDS, RISK},
    service::{Answer, agent, eventually},
};

const ROUNDS: u64 = 3;
const THREADS: usize = 6;
const ADMINS: [[&str; 2]; 2] = [["ada", "bob"], ["bob", "ada"]];
/// Of sign-ins that fail more are not told apart from being limited.
const SIGN_INS: usize = 60;

/// What all clients of all lives know.
#[derive(Default)]
struct Known {
    matters: Vec<Matter>,
    requests: Vec<(String, u16)>,
    cut: usize,
}

#[test]
fn killed_while_two_admins_decide_what_was_approved_holds_and_what_was_not_waits() {
    let (site, agent) = (Site::new(), agent());
    let mut served = site.serve_new();
    for (name, role) in [("operator", "operator"), ("auditor", "auditor")] {
        hire(&site, &served, &agent, name, role);
    }
    let (known, mut dice) = (Mutex::new(Known::default()), Dice::new());
    let rounds = fifth_of_rounds(ROUNDS);
    let (mut ready, mut entries) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        decide_until_killed(&site, served, &known, &mut dice, round);
        let begun = Instant::now();
        served = site.serve();
        eventually("ready", || {
            served.get(&agent, "", "/v1/health/ready").status == 200
        });
        ready.push(begun.elapsed());
        let get = |who: &str, path: &str| served.get(&agent, &site.token(who), path);
        let mut known = known.lock().unwrap();
        stand_as_acknowledged(&mut known, &get);
        tokens_open_the_door(&known, &|token: &str| {
            served.get(&agent, token, "/v1/capabilities").status
        });
        let auditor = site.token("auditor");
        let verify = served.ask(&agent, &auditor, "POST", "/v1/audit/verify", &json!({}));
        assert_eq!(verify.is(200)["valid"], true);
        let log = entries_from(|path| get("auditor", path), 0);
        assert_eq!(log[..entries.len()], entries, "the log's past has changed");
        each_is_audited_once(&known.requests, &log);
        entries = log;
        nothing_is_there_by_half(&site.path("data/custodian.db"));
    }
    let known = known.into_inner().unwrap();
    println!(
        "{rounds} kills while two admins decide: {} requests acknowledged, {} cut off, {} entries, {} things looked at each time; ready after: {}",
        known.requests.len(),
        known.cut,
        entries.len(),
        known.matters.len(),
        median_and_most(&ready)
    );
}

/// A principal that both admins want; its token goes where [`Site::token`] finds it.
fn hire(site: &Site, served: &Served, agent: &Agent, name: &str, role: &str) {
    let body = json!({"name": name, "subject": name, "roles": [role]});
    let ada = site.token("ada");
    let made = served.ask(agent, &ada, "POST", "/v1/admin/principals", &body);
    let made = made.is(201);
    if made["status"] == "pending" {
        let path = format!(
            "/v1/admin/principals/{}/approve",
            made["id"].as_str().unwrap()
        );
        let bob = site.token("bob");
        served.ask(agent, &bob, "POST", &path, &json!({})).is(200);
    }
    let token = made["token"].as_str().unwrap();
    fs::write(site.path(&format!("{name}.token")), token).unwrap();
}

/// Every thread ends because the service does; a panic of one ends the test.
fn decide_until_killed(
    site: &Site,
    served: Served,
    known: &Mutex<Known>,
    dice: &mut Dice,
    round: u64,
) {
    let client = Client::of(&served.url, site.folder(), &["ada", "bob", "operator"]);
    let life = Life {
        client: &client,
        known,
        count: AtomicUsize::new(0),
        round,
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (life, mut dice) = (&life, dice.split());
            scope.spawn(move || while life.step(&mut dice).is_some() {});
        }
        thread::sleep(dice.milliseconds(50, 600));
        served.kill();
    });
}

struct Life<'a> {
    client: &'a Client,
    known: &'a Mutex<Known>,
    count: AtomicUsize,
    round: u64,
}

impl Life<'_> {
    /// One request; `None` once the service is dead.
    fn step(&self, dice: &mut Dice) -> Option<()> {
        let taken = match dice.below(5) {
            0 => None,
            _ => self.take(dice),
        };
        let Some(mut matter) = taken else {
            return self.make(dice);
        };
        let turn = matter.turn();
        matter.asked = true;
        let answer = self.send(turn.who, turn.method, &turn.path, turn.body);
        if let Some(answer) = &answer {
            matter.is_done(answer);
        }
        self.known.lock().unwrap().matters.push(matter);
        answer.map(|_| ())
    }

    fn make(&self, dice: &mut Dice) -> Option<()> {
        let admins = ADMINS[dice.below(2)];
        let kind = match dice.below(3) {
            0 => Kind::App,
            1 => {
                let key = SigningKey::generate(dice.one_of(&KINDS)?).unwrap();
                Kind::Custodian(key.into(), Value::Null)
            }
            _ => Kind::Dek,
        };
        let who = match kind {
            Kind::Dek => "operator",
            Kind::App | Kind::Custodian(..) => admins[0],
        };
        let (path, body) = Matter::creation(&kind, &self.name(), RISK);
        let made = self.send(who, "POST", path, body)?;
        let matter = Matter::made(kind, admins, made);
        self.known.lock().unwrap().matters.push(matter);
        Some(())
    }

    /// One that nobody else is at.
    fn take(&self, dice: &mut Dice) -> Option<Matter> {
        let mut known = self.known.lock().unwrap();
        let count = known.matters.len();
        (count > 0).then(|| known.matters.swap_remove(dice.below(count)))
    }

    /// The answer, which is never a refusal.
    fn send(&self, who: &str, method: &str, path: &str, body: Value) -> Option<Value> {
        let (token, id) = (self.client.token(who), self.name());
        let reply = self.client.send(token, &id, method, path, body, None);
        let mut known = self.known.lock().unwrap();
        let Some(reply) = reply else {
            known.cut += 1;
            return None;
        };
        assert!(reply.status < 300, "{method} {path}: {}", reply.text);
        known.requests.push((id, reply.status));
        Some(reply.body)
    }

    fn name(&self) -> String {
        let count = self.count.fetch_add(1, SeqCst);
        format!("r{}-{count}", self.round)
    }
}

/// Each is as far as it was acknowledged, or one step further if that was asked for.
fn stand_as_acknowledged(known: &mut Known, get: &impl Fn(&str, &str) -> Answer) {
    for matter in &mut known.matters {
        let (who, path) = matter.place();
        matter.settle(&get(who, &path).is(200));
    }
}

/// Tokens open the door once two admins wanted them to, and not before.
fn tokens_open_the_door(known: &Known, enter: &impl Fn(&str) -> u16) {
    let mut tries = SIGN_INS;
    for matter in known.matters.iter().rev() {
        for (token, opens) in matter.tokens.iter().zip(matter.opens()) {
            if opens {
                assert_eq!(enter(token), 200);
            } else if tries > 0 {
                tries -= 1;
                assert!([401, 429].contains(&enter(token)), "nobody approved it");
            }
        }
    }
}
