//! What is true after a step that was done.

use serde_json::Value;

use crate::{
    people::text,
    steps::{PERIODS, Request, Signature, Step},
    world::{Custodian, End, Override, Signed, State, World},
};

impl World {
    /// `answer` is the body of a 200 or 201; a 503 is learned from too, since its signature was taken.
    pub fn learn(&mut self, step: &Step, answer: &Value) {
        match step {
            Step::Activate { who, .. } => {
                self.custodians[*who].proven = true;
                self.wake(*who);
            }
            Step::Approve { who, .. } => {
                self.custodians[*who].approved = true;
                self.wake(*who);
            }
            Step::Change { admin, who, verb } => self.changed(*admin, *who, verb),
            Step::Enrol { .. } => self.enrolled(step, answer),
            Step::Reject { over, .. } => {
                self.overrides[*over].end = Some((End::Rejected, self.now))
            }
            Step::Request(request) => self.requested(request, answer),
            Step::Sign(signature) => self.signed(signature),
            Step::Token { away } => self.token_away = *away,
            Step::Withdraw { over, .. } => {
                self.overrides[*over].end = Some((End::Withdrawn, self.now));
            }
            Step::Pass { .. } => (),
        }
    }

    /// A wrong proof is counted.
    pub fn learn_refusal(&mut self, step: &Step, code: &str) {
        if let (Step::Activate { who, .. }, "bad_signature") = (step, code) {
            self.custodians[*who].wrong_proofs += 1;
        }
    }

    fn wake(&mut self, who: usize) {
        let (who, now) = (&mut self.custodians[who], self.now);
        if who.proven && who.approved {
            who.state = State::Active;
            who.active_from.get_or_insert(now);
        } else {
            who.state = State::Pending;
        }
    }

    fn changed(&mut self, admin: usize, at: usize, verb: &str) {
        let who = &mut self.custodians[at];
        if verb == "reinstate" {
            who.proposed_by = admin;
            who.approved = !self.two_admins;
            return self.wake(at);
        }
        who.state = State::Suspended;
        if verb == "revoke" {
            who.state = State::Revoked;
            who.revoked_at = Some(self.now);
        }
        for over in self.open() {
            let signed = self.overrides[over].signed.iter_mut();
            let own = signed.filter(|signed| signed.by == at);
            own.for_each(|signed| signed.void = true);
        }
    }

    fn enrolled(&mut self, step: &Step, answer: &Value) {
        let Step::Enrol {
            admin,
            subject,
            lead,
            key,
        } = step
        else {
            return;
        };
        self.custodians.push(Custodian {
            enrolled: answer.clone(),
            id: text(answer, "id"),
            subject,
            lead,
            key: key.clone(),
            token: String::new(),
            state: State::Pending,
            proven: false,
            wrong_proofs: 0,
            proposed_by: *admin,
            approved: !self.two_admins,
            enrolled_at: self.now,
            active_from: None,
            revoked_at: None,
        });
    }

    fn requested(&mut self, request: &Request, answer: &Value) {
        let mut periods = PERIODS.iter();
        let period = periods.find(|(name, _)| *name == request.expires_in);
        self.overrides.push(Override {
            asked: answer.clone(),
            id: text(answer, "id"),
            question: request.question,
            app: request.app,
            on_behalf_of: request.on_behalf_of,
            expires_at: self.now + period.unwrap().1,
            end: None,
            signed: Vec::new(),
            certificate: None,
        });
    }

    fn signed(&mut self, new: &Signature) {
        let (over, now) = (&mut self.overrides[new.over], self.now);
        let stands = over.live().any(|signed| signed.by == new.whose);
        if !stands {
            over.signed.push(Signed {
                by: new.whose,
                text: new.text.clone(),
                at: now,
                void: false,
            });
        }
        self.approve_complete(new.over);
    }

    /// With the token there, what is complete is approved.
    pub fn approve_complete(&mut self, at: usize) {
        let over = &self.overrides[at];
        if self.is_open(over) && self.is_complete(over) && !self.token_away {
            self.overrides[at].end = Some((End::Approved, self.now));
        }
    }
}
