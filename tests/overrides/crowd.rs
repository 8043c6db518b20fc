//! Many at once: eight threads request, sign, reject and withdraw while custodians are suspended and reinstated and the
//! clock runs. The audit log is the one order of all that happened: told from its beginning, it must lead to what the
//! service shows, and no approval in it may rest on a signature that is void. `CROWD_REQUESTS` (250) says how many.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    Alone,
    dice::{Dice, number},
    people::{Desk, Person, RISK, SECURITY, text},
};

const THREADS: u64 = 8;
const FINAL: [&str; 4] = ["approved", "rejected", "expired", "withdrawn"];

struct Crowd {
    house: Alone,
    people: Vec<Person>,
    asked: Mutex<Vec<Value>>,
    /// Requests to come.
    left: AtomicU64,
    /// What was seen final.
    seen: Mutex<BTreeMap<String, String>>,
    answers: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

impl Crowd {
    fn gather(requests: u64) -> Self {
        let house = Alone::open();
        let person = |at: usize| {
            let kind = if at == 0 { Kind::Bip340 } else { Kind::Ed25519 };
            let role = if at.is_multiple_of(2) { RISK } else { SECURITY };
            Person::enrol(&house, &format!("person-{at}"), role, kind)
        };
        let people = (0..8).map(person).collect();
        Self {
            house,
            people,
            asked: Mutex::default(),
            left: AtomicU64::new(requests),
            seen: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    fn goes_on(&self) -> bool {
        self.left.load(SeqCst) > 0
    }

    fn note(&self, what: &'static str, status: u16) {
        assert!(status < 500, "{what} was answered {status}");
        *self
            .answers
            .lock()
            .unwrap()
            .entry((what, status))
            .or_default() += 1;
    }

    /// Mostly one of the newest, so that many meet; at times one whose time is nearly over.
    fn some(&self, dice: &mut Dice) -> Option<Value> {
        let asked = self.asked.lock().unwrap();
        let among = if dice.once_in(3) { 40 } else { 12 };
        let back = 1 + dice.below(among);
        asked.len().checked_sub(back).map(|at| asked[at].clone())
    }

    fn work(&self, mut dice: Dice) {
        while self.goes_on() {
            let _none_left = self
                .left
                .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            if dice.once_in(3) {
                self.house.0.pass(1);
            }
            if dice.once_in(10) {
                self.suspend(&mut dice);
            }
            let Some(asked) = self.some(&mut dice).filter(|_| !dice.once_in(6)) else {
                self.request(dice.roll());
                continue;
            };
            let who = dice.one_of(&self.people);
            match dice.below(40) {
                0 => self.note("reject", who.reject(&self.house, &asked, "no").status),
                1 => {
                    let path = format!("/v1/overrides/{}/withdraw", text(&asked, "id"));
                    let answer = self.house.tell(&self.house.app(), &path, json!({}));
                    self.note("withdraw", answer.status);
                }
                _ => self.note("sign", who.sign(&self.house, &asked).status),
            }
        }
    }

    fn request(&self, number: u64) {
        let more = json!({"expires_in": "1m"});
        let asked = self
            .house
            .request(&format!("number {number}"), more)
            .is(201);
        self.asked.lock().unwrap().push(asked);
    }

    fn suspend(&self, dice: &mut Dice) {
        let who = dice.one_of(&self.people);
        let verb = *dice.one_of(&["suspend", "reinstate", "reinstate"]);
        self.note(verb, who.change(&self.house, verb).status);
    }

    fn watch(&self, mut dice: Dice) {
        while self.goes_on() {
            thread::sleep(Duration::from_millis(5));
            let Some(asked) = self.some(&mut dice) else {
                continue;
            };
            let (id, status) = (text(&asked, "id"), self.house.status(&asked));
            if FINAL.contains(&status.as_str()) {
                let mut seen = self.seen.lock().unwrap();
                let first = seen.entry(id).or_insert(status.clone());
                assert_eq!(*first, status, "a final state changed");
            }
        }
    }

    fn log(&self) -> Vec<Value> {
        let (_, auditor) = self.house.0.auditor();
        let mut all: Vec<Value> = Vec::new();
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={}", all.len());
            let page = self.house.look(&auditor, &path);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            all.extend(items.iter().cloned());
        }
    }
}

#[derive(Debug, Default)]
struct Told {
    expires_at: String,
    status: &'static str,
    live: BTreeSet<String>,
}

/// What the log says, told from its beginning.
#[derive(Default)]
struct Story {
    roles: BTreeMap<String, String>,
    active: BTreeSet<String>,
    overrides: BTreeMap<String, Told>,
    approvals: usize,
    set_back: usize,
}

impl Story {
    fn tell(&mut self, entry: &Value) {
        if entry["outcome"] != "ok" {
            return;
        }
        let (action, detail) = (text(entry, "action"), &entry["detail"]);
        let object = entry["object"].as_str().unwrap_or_default().to_owned();
        match action.as_str() {
            "custodian.enrol" => drop(self.roles.insert(object, text(detail, "role"))),
            "custodian.activate" | "custodian.reinstate" => drop(self.active.insert(object)),
            "custodian.suspend" => self.suspend(&object, entry),
            "override.request" => self.request(object, detail),
            "override.sign" => self.sign(&object, entry),
            "override.approve" => self.approve(&object, entry),
            "override.reject" => self.close(&object, "rejected"),
            "override.withdraw" => self.close(&object, "withdrawn"),
            "override.expire" => self.close(&object, "expired"),
            _ => (),
        }
    }

    fn open(&mut self, id: &str) -> &mut Told {
        let told = self.overrides.get_mut(id).unwrap();
        assert!(!FINAL.contains(&told.status), "{id} was final: {told:?}");
        told
    }

    fn close(&mut self, id: &str, status: &'static str) {
        self.open(id).status = status;
    }

    fn request(&mut self, id: String, detail: &Value) {
        let told = Told {
            expires_at: text(detail, "expires_at"),
            status: "open",
            live: BTreeSet::new(),
        };
        self.overrides.insert(id, told);
    }

    fn suspend(&mut self, custodian: &str, entry: &Value) {
        assert!(self.active.remove(custodian));
        let (at, said) = (text(entry, "at"), &entry["detail"]["overrides_set_back"]);
        let said = said.as_array().unwrap().iter();
        let said: BTreeSet<_> = said.map(|id| id.as_str().unwrap().to_owned()).collect();
        let mut set_back = BTreeSet::new();
        for (id, told) in &mut self.overrides {
            // What is over is left alone, though that be written down later only.
            let open = told.status == "open" && at < told.expires_at;
            if open && told.live.remove(custodian) {
                set_back.insert(id.clone());
            }
        }
        assert_eq!(said, set_back, "{entry}");
        self.set_back += set_back.len();
    }

    fn sign(&mut self, id: &str, entry: &Value) {
        let who = text(&entry["detail"], "custodian_id");
        assert!(self.active.contains(&who), "{entry}");
        let again = entry["detail"]["again"] == true;
        let fresh = self.open(id).live.insert(who);
        assert_eq!(fresh, !again, "{entry}");
        assert!(text(entry, "at") < self.open(id).expires_at, "{entry}");
    }

    fn approve(&mut self, id: &str, entry: &Value) {
        let told = self.open(id);
        assert!(text(entry, "at") < told.expires_at, "{entry}");
        told.status = "approved";
        let live = told.live.clone();
        let named = entry["detail"]["custodians"].as_array().unwrap().iter();
        let named: BTreeSet<_> = named.map(|one| one.as_str().unwrap().to_owned()).collect();
        assert_eq!(named, live, "approved on other signatures than count");
        assert!(live.is_subset(&self.active), "approved by who may not act");
        let roles: BTreeSet<_> = live.iter().map(|who| self.roles[who].as_str()).collect();
        assert_eq!(roles, [RISK, SECURITY].into());
        self.approvals += 1;
    }
}

#[test]
fn in_a_crowd_nothing_is_approved_on_a_void_signature() {
    let requests = number("CROWD_REQUESTS").unwrap_or(500);
    let seed = number("CROWD_SEED").unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
    println!("CROWD_SEED={seed} CROWD_REQUESTS={requests}");
    let crowd = Crowd::gather(requests);
    thread::scope(|scope| {
        let crowd = &crowd;
        for at in 0..THREADS {
            scope.spawn(move || crowd.work(Dice::seeded(seed + at)));
        }
        scope.spawn(move || crowd.watch(Dice::seeded(seed + THREADS)));
    });
    // All that is open is over, and written down when it is looked at.
    crowd.house.0.pass(60);
    let shown: Vec<_> = crowd.asked.lock().unwrap().clone();
    let shown: Vec<_> = shown.iter().map(|asked| see(&crowd, asked)).collect();
    let mut story = Story::default();
    crowd.log().iter().for_each(|entry| story.tell(entry));
    assert_eq!(shown.len(), story.overrides.len());
    for now in &shown {
        agrees(&crowd, &story, now);
    }
    println!(
        "{} overrides, {} approved, {} signatures void; {:?}",
        shown.len(),
        story.approvals,
        story.set_back,
        crowd.answers.lock().unwrap()
    );
    assert!(story.approvals > 0 && story.set_back > 0);
}

fn see(crowd: &Crowd, asked: &Value) -> Value {
    let path = format!("/v1/overrides/{}", text(asked, "id"));
    crowd.house.look(&crowd.house.app(), &path)
}

fn agrees(crowd: &Crowd, story: &Story, now: &Value) {
    let (id, status) = (text(now, "id"), text(now, "status"));
    let told = &story.overrides[&id];
    assert_eq!(status, told.status, "{now}");
    let signatures = now["signatures"].as_array().unwrap().iter();
    let live: BTreeSet<_> = signatures.map(|one| text(one, "custodian_id")).collect();
    assert_eq!(live, told.live, "{now}");
    if let Some(seen) = crowd.seen.lock().unwrap().get(&id) {
        assert_eq!(*seen, status, "it was seen otherwise");
    }
    let path = format!("/v1/overrides/{id}/certificate");
    let certificate = crowd.house.0.get(&crowd.house.app(), &path);
    if status != "approved" {
        return certificate.is_refused(409, "conflict");
    }
    let payload = certificate.is(200);
    assert_eq!(payload["signatures"].as_array().unwrap().len(), 2);
}
