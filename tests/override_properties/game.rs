//! One game: pick, foretell, ask, compare, learn, look; then the log is counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use aegis_custodian::custodian::Quorum;
use serde_json::Value;

use crate::{
    dice::Dice,
    foretell::Foretold,
    ledger::{self, Expected},
    pick::{PEOPLE, Pick},
    proof::Proof,
    service::{Answer, eventually},
    steps::{ADMINS, BATCH, Call, Step},
    target::Target,
    world::{App, End, World},
};

pub struct Game {
    pub target: Target,
    pub world: World,
    pub proof: Proof,
    pub finals: BTreeMap<String, String>,
    pub looked: usize,
    dice: Dice,
    clock: i64,
    expected: Vec<Expected>,
    /// How often each kind of step was answered what.
    tally: BTreeMap<String, BTreeMap<String, u64>>,
    last: String,
}

impl Game {
    pub fn new(quorum: Quorum, seed: u64) -> Self {
        let target = Target::open(quorum);
        let clock = target
            .house
            .seconds
            .load(std::sync::atomic::Ordering::SeqCst);
        let house_app = App {
            subject: "house-app".to_owned(),
            token: target.house.app.clone(),
        };
        let people = PEOPLE.iter().take(4).map(|subject| target.app(subject));
        let apps = [house_app].into_iter().chain(people).collect();
        let keys = target.see("/v1/signing-keys")["items"].take();
        Self {
            world: World {
                now: clock,
                two_admins: target.two_admins,
                token_away: false,
                apps,
                custodians: Vec::new(),
                overrides: Vec::new(),
            },
            proof: Proof { keys, verified: 0 },
            finals: BTreeMap::new(),
            looked: 0,
            dice: Dice::seeded(seed),
            clock,
            expected: Vec::new(),
            tally: BTreeMap::new(),
            last: String::new(),
            target,
        }
    }

    pub fn play(mut self, steps: u64) {
        for step in 0..steps {
            let (clock, world) = (self.clock, &self.world);
            let dice = &mut self.dice;
            let next = Pick { dice, world, clock }.step();
            self.last = format!("step {step}: {next:?}");
            self.take(&next);
        }
        self.end();
    }

    /// What to say when something is not as it must be.
    pub fn played(&self) -> &str {
        &self.last
    }

    fn take(&mut self, step: &Step) {
        let foretold = self.world.foretell(step);
        let admins = [
            self.target.house.ada.as_str(),
            self.target.house.bob.as_str(),
        ];
        match (step.call(&self.world, admins), foretold) {
            (Some(call), Some(foretold)) => self.ask(step, &call, foretold),
            _ => self.turn(step),
        }
        self.look(step);
    }

    fn ask(&mut self, step: &Step, call: &Call, foretold: Foretold) {
        let answer = self.target.send(call);
        let code = match answer.status {
            200..300 => String::new(),
            _ => answer.code(),
        };
        let given = (answer.status, code.as_str());
        assert_eq!(given, foretold, "{}\n{answer:?}", self.last);
        self.count(&step.kind(), &answer);
        let actor = self.actor(step);
        let request_id = answer.header("x-request-id").unwrap();
        self.expected
            .push(Expected::of(call, &actor, request_id, &code));
        match answer.status {
            200..300 => self.learn(step, answer.json()),
            503 => {
                let wait = answer.header("retry-after").unwrap();
                assert!(wait.parse::<u64>().unwrap() >= 1);
                self.learn(step, Value::Null);
            }
            _ => {
                answer.is_refused(answer.status, &code);
                self.world.learn_refusal(step, &code);
            }
        }
    }

    fn learn(&mut self, step: &Step, answer: Value) {
        self.world.learn(step, &answer);
        if let (Step::Enrol { subject, .. }, Some(new)) = (step, self.world.custodians.last_mut()) {
            new.token = self.target.principal(subject, &new.id);
        }
    }

    fn actor(&self, step: &Step) -> String {
        match step {
            Step::Activate { admin, .. }
            | Step::Approve { admin, .. }
            | Step::Change { admin, .. }
            | Step::Enrol { admin, .. } => ADMINS[*admin].to_owned(),
            Step::Reject { by, .. } | Step::Withdraw { by, .. } => {
                by.subject(&self.world).to_owned()
            }
            Step::Request(request) => self.world.apps[request.app].subject.clone(),
            Step::Sign(signature) => signature.by.subject(&self.world).to_owned(),
            Step::Pass { .. } | Step::Token { .. } => String::new(),
        }
    }

    /// The clock and the token.
    fn turn(&mut self, step: &Step) {
        *self
            .tally
            .entry(step.kind())
            .or_default()
            .entry("done".to_owned())
            .or_default() += 1;
        match step {
            Step::Pass { seconds } => {
                self.target.house.pass(*seconds);
                self.clock += seconds;
                self.world.now = self.world.now.max(self.clock);
            }
            Step::Token { away } => {
                self.world.learn(step, &Value::Null);
                if *away {
                    self.target.away();
                } else {
                    self.target.back();
                    self.wait_for_the_countersignatures();
                }
            }
            _ => unreachable!("all others ask"),
        }
    }

    /// Nobody posts anything: the service finishes by itself what waited for the token.
    fn wait_for_the_countersignatures(&mut self) {
        for at in self.world.open() {
            self.world.approve_complete(at);
            let over = &self.world.overrides[at];
            if matches!(over.end, Some((End::Approved, _))) {
                let path = format!("/v1/overrides/{}", over.id);
                eventually("it is countersigned", || {
                    self.target.see(&path)["status"] == "approved"
                });
                self.look_at_certificate(at);
                self.note("countersigned later", "approved");
            }
        }
    }

    fn look(&mut self, step: &Step) {
        let all = self.world.overrides.len();
        let touched = match step {
            Step::Sign(signature) => Some(signature.over),
            Step::Reject { over, .. } | Step::Withdraw { over, .. } => Some(*over),
            Step::Request(_) => all.checked_sub(1),
            _ => None,
        };
        let some = (all > 0).then(|| self.dice.below(all));
        let touched = touched.filter(|at| *at < all);
        for at in [touched, some].into_iter().flatten() {
            self.look_at_override(at);
            self.look_at_certificate(at);
        }
        if let Step::Change { .. } | Step::Pass { .. } | Step::Token { .. } = step {
            self.look_at_all_open();
        }
        if let Step::Activate { who, .. } | Step::Approve { who, .. } | Step::Change { who, .. } =
            step
        {
            self.look_at_custodian(*who);
        }
    }

    fn look_at_all_open(&mut self) {
        let open = self.world.open().into_iter();
        let batches: BTreeSet<_> = open
            .map(|at| self.world.overrides[at].question / BATCH)
            .collect();
        for batch in batches {
            self.look_at_proposal(batch * BATCH);
        }
    }

    fn end(mut self) {
        if self.world.token_away {
            self.turn(&Step::Token { away: false });
        }
        for at in 0..self.world.overrides.len() {
            self.look_at_certificate(at);
        }
        for batch in 0..=self.world.overrides.len() / BATCH {
            self.look_at_proposal(batch * BATCH);
        }
        for who in 0..self.world.custodians.len() {
            self.look_at_custodian(who);
        }
        // What is due is seen to within a second or two.
        thread::sleep(Duration::from_millis(2500));
        ledger::balance(&self.world, &self.expected, &self.target.log());
        self.report();
    }

    fn count(&mut self, kind: &str, answer: &Answer) {
        let said = match answer.status {
            200 => answer.json()["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            201 => "201".to_owned(),
            _ => answer.code(),
        };
        self.note(kind, &said);
    }

    fn note(&mut self, kind: &str, said: &str) {
        let codes = self.tally.entry(kind.to_owned()).or_default();
        *codes.entry(said.to_owned()).or_default() += 1;
    }

    fn report(&self) {
        for (kind, codes) in &self.tally {
            println!("  {kind:<20} {codes:?}");
        }
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for over in &self.world.overrides {
            *ends.entry(self.world.status(over)).or_default() += 1;
        }
        println!(
            "  {} overrides {ends:?}; {} custodians; {} certificates verified; {} times an override was compared; {} audit entries",
            self.world.overrides.len(),
            self.world.custodians.len(),
            self.proof.verified,
            self.looked,
            self.expected.len(),
        );
    }
}
