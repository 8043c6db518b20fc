//! One game: pick, foretell, ask, compare, learn; then the log is counted.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    dice::{Dice, number},
    ledger::{self, Expected},
    pick::Pick,
    predict::{DAY, Verdict},
    service::Answer,
    target::Target,
    verbs::Verb,
    world::{Kept, Who, World},
};

pub struct Game {
    target: Target,
    world: World,
    dice: Dice,
    /// How often each kind was tried, and how often each code was answered.
    tally: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Game {
    /// Plays games on targets of their own.
    pub fn play_all(steps: u64, mut target: impl FnMut() -> Target) {
        let steps = number("MODEL_STEPS").unwrap_or(steps);
        let first = number("MODEL_SEED").unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
        for seed in first..first + number("MODEL_GAMES").unwrap_or(1) {
            Self::play(target(), seed, steps);
        }
    }

    /// Plays one game on a target that can be played on once.
    pub fn play_one(steps: u64, target: Target) {
        let seed = number("MODEL_SEED").unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
        Self::play(target, seed, steps);
    }

    fn play(target: Target, seed: u64, steps: u64) {
        println!("MODEL_SEED={seed} MODEL_STEPS={steps}");
        let begun = Instant::now();
        let mut game = Self::new(target, seed);
        let before = game.target.log().len();
        for step in 0..steps {
            game.step(step as usize);
        }
        println!("  {steps} steps in {:?}", begun.elapsed());
        game.count(before);
    }

    fn new(target: Target, seed: u64) -> Self {
        Self {
            world: World::new(&target),
            target,
            dice: Dice::seeded(seed),
            tally: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: usize) {
        if self.world.clocked && self.dice.once_in(60) {
            let seconds = *self.dice.one_of(&[1, 60, 3601, DAY, 3 * DAY, 7 * DAY + 1]);
            self.target.pass(seconds);
            self.world.now += seconds;
        }
        let mut pick = Pick {
            dice: &mut self.dice,
            world: &self.world,
            step,
        };
        let (who, verb) = pick.both();
        let verdict = self.world.predict(&who, &verb);
        let id = format!("step-{step}");
        let mut headers = vec![("x-request-id", id.as_str())];
        headers.extend(verb.key().map(|key| ("idempotency-key", key)));
        let answer = self.target.call(
            &who.token,
            verb.method(),
            &verb.path(),
            &headers,
            &verb.body(),
        );
        let at = At {
            step,
            who: &who,
            verb: &verb,
            verdict: &verdict,
        };
        at.agrees(&answer);
        self.note(&at, &answer);
        self.world.expect(&id, &at, &answer);
        self.note_done(&at, &answer);
    }

    fn note(&mut self, at: &At<'_>, answer: &Answer) {
        let code = match (&at.verdict, answer.status) {
            (Verdict::Replay(_), _) => "replayed".to_owned(),
            (_, 200..300) => answer.status.to_string(),
            _ => answer.code(),
        };
        *self
            .tally
            .entry(at.verb.kind())
            .or_default()
            .entry(code)
            .or_default() += 1;
    }

    fn note_done(&mut self, at: &At<'_>, answer: &Answer) {
        match at.verdict {
            Verdict::Done(_) | Verdict::Each(_) => {
                let body = if answer.text.is_empty() {
                    Value::Null
                } else {
                    answer.json()
                };
                let place = self.dice.below(1 << 20);
                self.world.learn(at, &body, place);
                self.keep(at, body);
            }
            Verdict::Replay(kept) => at.replays(kept, answer),
            Verdict::Refused(_) => (),
        }
    }

    /// What an idempotency key stands for from now on.
    fn keep(&mut self, at: &At<'_>, mut answer: Value) {
        let (Some(key), Some(person)) = (at.verb.key(), at.who.person) else {
            return;
        };
        if answer.get("token").is_some() {
            answer["token"] = Value::Null;
        }
        let place = (
            self.world.people[person].id.clone(),
            at.verb.path(),
            key.to_owned(),
        );
        let kept = Kept {
            verb: at.verb.clone(),
            person,
            body: at.verb.body(),
            answer,
            at: self.world.now,
        };
        self.world.kept.insert(place, kept);
    }

    fn count(mut self, before: usize) {
        // What is due is seen to within a second or two.
        thread::sleep(Duration::from_millis(if self.world.clocked {
            2500
        } else {
            0
        }));
        let log = self.target.log();
        ledger::balance(&self.world, &log, before);
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, codes) in &self.tally {
            println!("  {kind:<20} {codes:?}");
            for (code, times) in codes {
                *all.entry(code.clone()).or_default() += times;
            }
        }
        println!(
            "  {:<20} {all:?}; {} audit entries",
            "all",
            self.world.expected.len()
        );
        self.tally.clear();
    }
}

/// A step, to compare what came with what was foretold.
pub struct At<'a> {
    pub step: usize,
    pub who: &'a Who,
    pub verb: &'a Verb,
    pub verdict: &'a Verdict,
}

impl At<'_> {
    #[track_caller]
    pub fn holds(&self, holds: bool, what: &str, answer: &dyn std::fmt::Debug) {
        let Self {
            step,
            who,
            verb,
            verdict,
        } = self;
        assert!(
            holds,
            "step {step}: {what}\n{who:?}\n{verb:?}\nforetold {verdict:?}\nanswered {answer:?}"
        );
    }

    fn agrees(&self, answer: &Answer) {
        let refused = |refusals: &[(u16, &str)]| {
            let given = (answer.status, answer.code());
            refusals
                .iter()
                .any(|(status, code)| given == (*status, (*code).to_owned()))
        };
        let agrees = match self.verdict {
            Verdict::Refused(refusals) => refused(refusals),
            Verdict::Done(status) => answer.status == *status,
            Verdict::Each(_) => answer.status == 200,
            Verdict::Replay(_) => answer.status == 201,
        };
        self.holds(agrees, "another status or code", answer);
        let replayed = answer.header("idempotent-replayed") == Some("true");
        self.holds(
            replayed == matches!(self.verdict, Verdict::Replay(_)),
            "replayed or not",
            answer,
        );
        if answer.status >= 400 {
            answer.is_refused(answer.status, &answer.code());
        }
    }

    fn replays(&self, kept: &Kept, answer: &Answer) {
        let mut again = answer.json();
        again.as_object_mut().unwrap().remove("notice");
        self.holds(
            again == kept.answer,
            "another answer than the first",
            answer,
        );
    }
}

impl World {
    fn expect(&mut self, id: &str, at: &At<'_>, answer: &Answer) {
        let (action, _) = at.verb.row();
        let (Some(person), false) = (self.person(at.who), action.is_empty()) else {
            return;
        };
        let actor = json!({"id": person.id, "subject": person.subject});
        let mut detail = json!({});
        match at.verdict {
            _ if answer.status >= 400 => detail["code"] = json!(answer.code()),
            Verdict::Replay(_) => detail["replayed"] = json!(true),
            Verdict::Each(items) => {
                detail["items"] = json!(items.len());
                detail["refused"] = json!(items.iter().flatten().count());
            }
            _ => (),
        }
        let outcome = if answer.status >= 400 {
            "refused"
        } else {
            "ok"
        };
        self.expected.push(Expected {
            request_id: id.to_owned(),
            action,
            actor,
            outcome,
            detail,
        });
    }
}
