//! What happens while a countersignature is on its way (api.md section 8): the second of the two transactions looks at
//! all again, so whatever came between them decides, and a certificate that comes too late is never seen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use aegis_custodian::{
    crypto::scheme::Kind,
    custodian::{Quorum, Rules},
    http::Limits,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    House,
    gate::Gate,
    house, is_bare,
    passing_on::PassingOn,
    people::{Desk, Person, RISK, SECURITY, text},
    service::{Answer, eventually},
    softhsm,
};

struct Scene {
    house: House,
    gate: Arc<PassingOn<Gate>>,
    rita: Person,
    theo: Person,
    asked: Value,
}

impl Scene {
    /// An override that has one signature.
    fn set(quorum: Quorum) -> Self {
        let gate = Gate::new(Arc::new(softhsm::Token::new().open(2)));
        let rules = Rules {
            admin_quorum: quorum,
            ..house::RULES
        };
        let house = House::on(gate.clone(), Limits::default(), rules);
        Self::within(house, gate, quorum)
    }

    fn within(house: House, gate: Arc<PassingOn<Gate>>, quorum: Quorum) -> Self {
        let desk: &dyn Desk = match quorum {
            Quorum::One => &OneAdmin(&house),
            Quorum::Two => &house,
        };
        let rita = Person::enrol(desk, "rita", RISK, Kind::Bip340);
        let theo = Person::enrol(desk, "theo", SECURITY, Kind::Ed25519MlDsa44);
        let asked = desk.request("x", json!({"expires_in": "1h"})).is(201);
        rita.sign(desk, &asked).is(200);
        Self {
            house,
            gate,
            rita,
            theo,
            asked,
        }
    }

    /// The answer to the second signature, when `meanwhile` happens before the token has countersigned.
    fn sign_while(&self, meanwhile: impl FnOnce(&Self)) -> Answer {
        self.gate.shut();
        thread::scope(|scope| {
            let signing = scope.spawn(|| self.theo.sign(&self.house, &self.asked));
            self.gate.is_reached();
            meanwhile(self);
            self.gate.open();
            signing.join().unwrap()
        })
    }

    fn path(&self, verb: &str) -> String {
        format!("/v1/overrides/{}/{verb}", text(&self.asked, "id"))
    }

    /// Neither now nor when the service has tried once more by itself.
    fn stays(&self, status: &str) {
        is_bare(&self.house, &self.asked, status);
        let control = self.house.request("control", json!({})).is(201);
        let ruth = Person::enrol(&self.house, "ruth", RISK, Kind::Ed25519);
        let tess = Person::enrol(&self.house, "tess", SECURITY, Kind::Ed25519);
        self.gate.breaks(true);
        ruth.sign(&self.house, &control).is(200);
        tess.sign(&self.house, &control)
            .is_refused(503, "kek_unavailable");
        self.gate.breaks(false);
        eventually("what waits is countersigned", || {
            self.house.status(&control) == "approved"
        });
        is_bare(&self.house, &self.asked, status);
    }
}

/// A house where nobody has to approve.
struct OneAdmin<'a>(&'a House);

impl Desk for OneAdmin<'_> {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.0.ask(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.0.admin()
    }

    fn app(&self) -> String {
        self.0.app()
    }

    fn second(&self) -> Option<String> {
        None
    }
}

#[test]
fn with_nothing_in_between_it_is_approved() {
    let scene = Scene::set(Quorum::Two);
    let answer = scene.sign_while(|scene| assert_eq!(scene.house.status(&scene.asked), "partial"));
    assert_eq!(answer.is(200)["status"], "approved");
}

#[test]
fn a_custodian_who_is_suspended_or_revoked_in_between_approves_nothing() {
    for verb in ["suspend", "revoke"] {
        for second in [false, true] {
            let scene = Scene::set(Quorum::Two);
            let who = if second { &scene.theo } else { &scene.rita };
            let answer = scene.sign_while(|scene| drop(who.change(&scene.house, verb).is(200)));
            let shown = answer.is(200);
            assert_eq!(shown["status"], "partial");
            assert_eq!(shown["signatures"].as_array().unwrap().len(), 1);
            let void = &shown["void_signatures"][0]["custodian_id"];
            assert_eq!(*void, who.id.as_str());
            scene.stays("partial");
        }
    }
}

#[test]
fn who_is_suspended_and_reinstated_in_between_has_not_signed() {
    let scene = Scene::set(Quorum::One);
    let answer = scene.sign_while(|scene| {
        scene.rita.change(&scene.house, "suspend").is(200);
        let back = scene.rita.change(&scene.house, "reinstate").is(200);
        assert_eq!(back["status"], "active");
    });
    assert_eq!(answer.is(200)["status"], "partial");
    is_bare(&scene.house, &scene.asked, "partial");
}

#[test]
fn what_is_rejected_or_withdrawn_in_between_stays_so() {
    let scene = Scene::set(Quorum::Two);
    let answer = scene.sign_while(|scene| {
        let no = scene.rita.reject(&scene.house, &scene.asked, "too early");
        no.is(200);
    });
    assert_eq!(answer.is(200)["status"], "rejected");
    scene.stays("rejected");
    let scene = Scene::set(Quorum::Two);
    let answer = scene.sign_while(|scene| {
        let (app, path) = (scene.house.app(), scene.path("withdraw"));
        scene.house.tell(&app, &path, json!({})).is(200);
    });
    assert_eq!(answer.is(200)["status"], "withdrawn");
    scene.stays("withdrawn");
}

#[test]
fn what_expires_in_between_is_expired() {
    let scene = Scene::set(Quorum::Two);
    let answer = scene.sign_while(|scene| scene.house.pass(3600));
    answer.is_refused(410, "expired");
    scene.stays("expired");
}

#[test]
fn the_same_signature_posted_while_the_first_is_on_its_way_approves_once() {
    let scene = Scene::set(Quorum::Two);
    let signature = scene.theo.signature(&scene.asked);
    let post = || {
        let shown = scene
            .theo
            .post_signature(&scene.house, &scene.asked, &signature);
        (shown.status, shown.json())
    };
    scene.gate.shut();
    let answers = thread::scope(|scope| {
        let all = [scope.spawn(post), scope.spawn(post), scope.spawn(post)];
        scene.gate.is_reached();
        thread::sleep(Duration::from_millis(200));
        scene.gate.open();
        all.map(|one| one.join().unwrap())
    });
    for (status, shown) in &answers {
        assert_eq!((*status, &shown["status"]), (200, &json!("approved")));
        assert_eq!(shown["signatures"], answers[0].1["signatures"]);
    }
    let (_, auditor) = scene.house.auditor();
    let log = scene.house.look(&auditor, "/v1/audit/entries?limit=500");
    let log = log["items"].as_array().unwrap();
    let of = |action: &str| log.iter().filter(|one| one["action"] == action).count();
    assert_eq!((of("override.approve"), of("override.sign")), (1, 4));
}

/// The approval waits for the disk, and the clock goes on.
#[test]
fn what_was_seen_expired_is_not_approved_by_what_waited_for_the_disk() {
    let scene = Scene::set(Quorum::Two);
    scene.house.pass(3599);
    scene.gate.shut();
    thread::scope(|scope| {
        let signing = scope.spawn(|| scene.theo.sign(&scene.house, &scene.asked));
        scene.gate.is_reached();
        let disk = file(&scene.house);
        disk.execute_batch("BEGIN IMMEDIATE").unwrap();
        scene.gate.open();
        // Long enough to countersign and to wait for the disk.
        thread::sleep(Duration::from_millis(1000));
        scene.house.pass(1);
        let looking = scope.spawn(|| scene.house.status(&scene.asked));
        thread::sleep(Duration::from_millis(200));
        disk.execute_batch("ROLLBACK").unwrap();
        let seen = looking.join().unwrap();
        let answer = signing.join().unwrap();
        let after = scene.house.status(&scene.asked);
        assert_eq!([seen.as_str(), after.as_str()], ["expired"; 2]);
        answer.is_refused(410, "expired");
    });
}

/// The approval was in time, its time is over before it is on the disk, and somebody looks just then.
#[test]
fn what_is_being_approved_is_not_seen_expired() {
    // On a busy machine the approval may not be the first that waits for the disk; then it comes too late.
    let ends = [500, 1500, 3500].map(Duration::from_millis).into_iter();
    let mut ends = ends.map(looked_at_between_time_and_disk);
    assert!(ends.any(|end| end == "approved"), "it was always too late");
}

/// How it ended, which must be what was seen.
fn looked_at_between_time_and_disk(wait: Duration) -> String {
    let gate = Gate::new(Arc::new(softhsm::Token::new().open(2)));
    let armed = Arc::new(AtomicUsize::new(0));
    let trigger = armed.clone();
    // The clock goes on as soon as the first change has asked it; the next change keeps the disk waiting.
    let tick = move |seconds: &AtomicI64| {
        let writes = thread::current().name() == Some("store-writer");
        let step = |left: usize| left.checked_sub(1);
        let left = writes.then(|| trigger.fetch_update(SeqCst, SeqCst, step));
        if left == Some(Ok(1)) {
            thread::sleep(Duration::from_millis(700));
        }
        seconds.fetch_add(i64::from(left == Some(Ok(2))), SeqCst)
    };
    let house = House::timed(gate.clone(), Limits::default(), house::RULES, tick);
    let scene = Scene::within(house, gate, Quorum::Two);
    let (house, asked) = (&scene.house, &scene.asked);
    house.pass(3599);
    scene.gate.shut();
    thread::scope(|scope| {
        let signing = scope.spawn(|| scene.theo.sign(house, asked));
        scene.gate.is_reached();
        let disk = file(house);
        disk.execute_batch("BEGIN IMMEDIATE").unwrap();
        scene.gate.open();
        thread::sleep(wait);
        let next = scope.spawn(|| house.request("the next change", json!({})).is(201));
        thread::sleep(Duration::from_millis(300));
        let now = house.seconds.load(SeqCst);
        armed.store(2, SeqCst);
        disk.execute_batch("ROLLBACK").unwrap();
        while house.seconds.load(SeqCst) == now {
            thread::sleep(Duration::from_millis(1));
        }
        let seen = house.status(asked);
        let answer = signing.join().unwrap();
        next.join().unwrap();
        let end = house.status(asked);
        assert_eq!(seen, end, "a final state changed");
        assert_eq!(answer.status, if end == "approved" { 200 } else { 410 });
        end
    })
}

#[allow(clippy::disallowed_methods)] // past the store is the point
fn file(house: &House) -> Connection {
    Connection::open(house.home.path().join("custodian.db")).unwrap()
}
