//! What chance does next: mostly what brings overrides on, often what must be refused.

use std::rc::Rc;

use aegis_custodian::crypto::scheme::{Kind, SigningKey};

use crate::{
    dice::Dice,
    people::KINDS,
    steps::{By, How, PERIODS, Request, Signature, Step},
    world::{LEADS, Override, State, World},
};

/// The first four request overrides too.
pub const PEOPLE: [&str; 9] = [
    "ann", "ben", "cleo", "dan", "eve", "fay", "gus", "hal", "ida",
];

/// In a token's absence a service is asked as always.
const AWAY: usize = 60;
const BACK: usize = 14;

pub struct Pick<'a> {
    pub dice: &'a mut Dice,
    pub world: &'a World,
    /// What the clock of the machine says.
    pub clock: i64,
}

impl Pick<'_> {
    pub fn step(&mut self) -> Step {
        if self.world.token_away && self.dice.once_in(BACK) {
            return Step::Token { away: false };
        }
        if !self.world.token_away && self.dice.once_in(AWAY) {
            return Step::Token { away: true };
        }
        if self.too_few() && self.dice.once_in(2) {
            return self.grow();
        }
        match self.dice.below(100) {
            0..16 => self.request(),
            16..70 => self.sign(),
            70..73 => self.reject(),
            73..76 => self.withdraw(),
            76..84 => self.change(),
            84..91 => self.grow(),
            _ => self.pass(),
        }
    }

    fn too_few(&self) -> bool {
        LEADS.into_iter().any(|lead| self.active(lead) < 2)
    }

    fn active(&self, lead: &str) -> usize {
        let active = self.world.in_state(State::Active).into_iter();
        let of = |who: &usize| self.world.custodians[*who].lead == lead;
        active.filter(of).count()
    }

    /// A step on the way to one custodian more.
    fn grow(&mut self) -> Step {
        let waiting = self.world.in_state(State::Pending);
        let everyone: Vec<_> = (0..self.world.custodians.len()).collect();
        let some = if self.dice.once_in(8) {
            everyone
        } else {
            waiting
        };
        if some.is_empty() || self.dice.once_in(4) {
            return self.enrol();
        }
        let (who, admin) = (*self.dice.one_of(&some), self.dice.below(2));
        let known = &self.world.custodians[who];
        if known.proven || self.dice.once_in(5) {
            return Step::Approve { admin, who };
        }
        if self.world.is_lost(known) && self.dice.once_in(2) {
            let verb = "revoke";
            return Step::Change { admin, who, verb };
        }
        // Who was wrong once goes on to be, until the challenge is void.
        let wrong = if known.wrong_proofs > 0 {
            !self.dice.once_in(4)
        } else {
            self.dice.once_in(5)
        };
        Step::Activate {
            admin,
            who,
            right: !wrong,
        }
    }

    fn enrol(&mut self) -> Step {
        let managers = ["ada", "bob", "house-operator"];
        let enrolled = self.world.custodians.iter();
        let enrolled = enrolled.filter(|one| one.state != State::Revoked);
        let enrolled: Vec<_> = enrolled.map(|one| one.subject).collect();
        let free: Vec<_> = PEOPLE
            .into_iter()
            .filter(|one| !enrolled.contains(one))
            .collect();
        let subject = match self.dice.below(12) {
            0 => self.dice.one_of(&managers),
            1..3 => self.dice.one_of(&PEOPLE),
            _ if free.is_empty() => return self.change(),
            _ => self.dice.one_of(&free),
        };
        let known = &self.world.custodians;
        let key = match known.len() {
            0 => self.key(),
            _ if !self.dice.once_in(6) => self.key(),
            all => known[self.dice.below(all)].key.clone(),
        };
        let lead = match self.dice.once_in(4) {
            true => self.dice.one_of::<&str>(&LEADS),
            false => LEADS
                .into_iter()
                .min_by_key(|lead| self.active(lead))
                .unwrap(),
        };
        Step::Enrol {
            admin: self.dice.below(2),
            subject,
            lead,
            key,
        }
    }

    fn key(&mut self) -> Rc<SigningKey> {
        let kind: Kind = *self.dice.one_of(&KINDS);
        Rc::new(SigningKey::generate(kind).unwrap())
    }

    fn change(&mut self) -> Step {
        if self.world.custodians.is_empty() {
            return self.enrol();
        }
        let suspended = self.world.in_state(State::Suspended);
        let missed = self.signers(State::Suspended);
        let signed = self.signers(State::Active);
        let (who, verb) = match self.dice.below(8) {
            0..3 if !missed.is_empty() => (self.dice.one_of(&missed).1, "reinstate"),
            3..5 if !signed.is_empty() => (self.dice.one_of(&signed).1, "suspend"),
            5 if !suspended.is_empty() => (*self.dice.one_of(&suspended), "reinstate"),
            _ => {
                let who = self.dice.below(self.world.custodians.len());
                let verbs = ["suspend", "suspend", "suspend", "reinstate", "revoke"];
                (who, *self.dice.one_of(&verbs))
            }
        };
        let admin = self.dice.below(2);
        Step::Change { admin, who, verb }
    }

    /// Open overrides with who is in that state and signed them, though it be void.
    fn signers(&self, state: State) -> Vec<(usize, usize)> {
        let world = self.world;
        let of = |over: usize| {
            let signed = world.overrides[over].signed.iter();
            signed.map(move |one| (over, one.by))
        };
        let all = world.open().into_iter().flat_map(of);
        all.filter(|(_, who)| world.custodians[*who].state == state)
            .collect()
    }

    fn request(&mut self) -> Step {
        let fresh = self.world.overrides.len();
        let gates: &[&[&str]] = &[&["risk"], &["novelty", "risk"], &["utility"]];
        let odd: &[&[&str]] = &[&[], &["complexity"], &["complexity", "risk"]];
        let question = match fresh {
            1.. if self.dice.once_in(12) => self.world.overrides[self.dice.below(fresh)].question,
            _ => fresh,
        };
        let expires_in = match self.dice.below(24) {
            0 => "30s",
            1 => "25h",
            2 => "1d1h",
            _ => self.dice.one_of(&PERIODS).0,
        };
        // A question is asked about the same gates each time, or it would be another.
        let gates = match self.dice.once_in(20) {
            true => self.dice.one_of(odd),
            false => &gates[question % gates.len()],
        };
        let meant = self.dice.once_in(2).then(|| *self.dice.one_of(&PEOPLE));
        Step::Request(Request {
            app: self.dice.below(self.world.apps.len()),
            question,
            gates,
            environment: self
                .dice
                .one_of::<&str>(&["production", "staging", "preview"]),
            expires_in,
            on_behalf_of: meant,
        })
    }

    fn sign(&mut self) -> Step {
        let Some((over, whose)) = self.meeting() else {
            return self.request();
        };
        let by = self.by(whose);
        let (how, text) = self.text(over, whose);
        Step::Sign(Signature {
            over,
            whose,
            by,
            how,
            text,
        })
    }

    fn reject(&mut self) -> Step {
        let Some((over, whose)) = self.meeting() else {
            return self.request();
        };
        Step::Reject {
            over,
            whose,
            by: self.by(whose),
            right: !self.dice.once_in(3),
        }
    }

    fn withdraw(&mut self) -> Step {
        let Some((over, whose)) = self.meeting() else {
            return self.request();
        };
        let asked = self.world.overrides.get(over).map(|over| over.app);
        let by = match (asked, self.dice.below(6)) {
            (_, 0) => By::Custodian(whose),
            (None, _) | (_, 1..3) => By::App(self.dice.below(self.world.apps.len())),
            (Some(app), _) => By::App(app),
        };
        Step::Withdraw { over, by }
    }

    /// An override and a custodian, who mostly may sign it.
    fn meeting(&mut self) -> Option<(usize, usize)> {
        let (world, open) = (self.world, self.world.open());
        if world.overrides.is_empty() || world.custodians.is_empty() {
            return None;
        }
        let over = match self.dice.below(20) {
            0 => self.dice.below(world.overrides.len() + 1),
            1..5 if !open.is_empty() => *self.dice.one_of(&open),
            // The oldest ones, so that they are brought to an end.
            _ if !open.is_empty() => open[self.dice.below(open.len().min(4))],
            _ => self.dice.below(world.overrides.len()),
        };
        let signed = self.signers(State::Active);
        if !signed.is_empty() && self.dice.once_in(8) {
            return Some(*self.dice.one_of(&signed));
        }
        let missing = |over: &Override| {
            let mut able = world.in_state(State::Active);
            able.retain(|who| world.signer(over, world.custodians[*who].lead).is_none());
            able
        };
        let able = world.overrides.get(over).map(missing).unwrap_or_default();
        let whose = match self.dice.below(6) {
            1.. if !able.is_empty() => *self.dice.one_of(&able),
            _ => self.dice.below(world.custodians.len()),
        };
        Some((over, whose))
    }

    fn by(&mut self, whose: usize) -> By {
        match self.dice.below(30) {
            0 => By::App(self.dice.below(self.world.apps.len())),
            1 => By::Custodian(self.dice.below(self.world.custodians.len())),
            _ => By::Custodian(whose),
        }
    }

    fn text(&mut self, over: usize, whose: usize) -> (How, String) {
        let (world, own) = (self.world, &self.world.custodians[whose].key);
        let Some(asked) = world.overrides.get(over) else {
            return (How::Nonsense, "x".to_owned());
        };
        let before: Vec<_> = asked.signed.iter().filter(|one| one.by == whose).collect();
        if !before.is_empty() && !self.dice.once_in(3) {
            let one = *self.dice.one_of(&before);
            let how = if one.void { How::AgainVoid } else { How::Again };
            return (how, one.text.clone());
        }
        let other = self.dice.below(world.overrides.len());
        let stranger = &world.custodians[self.dice.below(world.custodians.len())].key;
        let foreign = stranger.public_key().text() != own.public_key().text();
        match self.dice.below(16) {
            0 => (How::Nonsense, "c21w".to_owned()),
            1 if foreign => (How::WrongKey, stranger.sign(&asked.message()).unwrap()),
            2 if other != over => {
                let message = world.overrides[other].message();
                (How::OfAnother, own.sign(&message).unwrap())
            }
            _ => (How::Fresh, own.sign(&asked.message()).unwrap()),
        }
    }

    /// Some time, or to the very moment at which an override expires, or a second before it; at times back.
    fn pass(&mut self) -> Step {
        let open = self.world.open();
        let seconds = match self.dice.below(10) {
            0 | 1 => -*self.dice.one_of(&[1_i64, 60, 3600, 7200]),
            2..5 if !open.is_empty() => {
                let expires_at = self.world.overrides[*self.dice.one_of(&open)].expires_at;
                expires_at - self.clock - self.dice.below(2) as i64
            }
            5 => *self.dice.one_of(&[3600, 86_400]),
            _ => *self.dice.one_of(&[1, 10, 59, 60, 300, 1200]),
        };
        Step::Pass { seconds }
    }
}
