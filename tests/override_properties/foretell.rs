//! What each step must be answered, in the order of api.md sections 5 and 8.

use crate::{
    steps::{ADMINS, By, PERIODS, Request, Signature, Step},
    world::{DAY, Override, PROOFS, State, World},
};

/// A status, and the code of a refusal.
pub type Foretold = (u16, &'static str);

/// What is refused.
type Checked = Result<(), Foretold>;

const CONFLICT: Foretold = (409, "conflict");
const EXPIRED: Foretold = (410, "expired");
const FORBIDDEN: Foretold = (403, "forbidden");
const BAD_SIGNATURE: Foretold = (422, "bad_signature");
const TWO_PERSON: Foretold = (422, "two_person_rule");

/// Nobody who manages people or keys is a custodian.
const MANAGERS: [&str; 3] = ["ada", "bob", "house-operator"];

impl World {
    /// `None` for what asks nothing.
    pub fn foretell(&self, step: &Step) -> Option<Foretold> {
        let (done, checked) = match step {
            Step::Activate { who, right, .. } => (200, self.activate(*who, *right)),
            Step::Approve { admin, who } => (200, self.approve(*admin, *who)),
            Step::Change { who, verb, .. } => (200, self.change(*who, verb)),
            Step::Enrol { .. } => (201, self.enrol(step)),
            Step::Reject {
                over,
                whose,
                by,
                right,
            } => (200, self.act(*over, *whose, *by, *right).map(drop)),
            Step::Request(request) => (201, self.request(request)),
            Step::Sign(signature) => (200, self.sign(signature)),
            Step::Withdraw { over, by } => (200, self.withdraw(*over, *by)),
            Step::Pass { .. } | Step::Token { .. } => return None,
        };
        Some(checked.err().unwrap_or((done, "")))
    }

    fn enrol(&self, step: &Step) -> Checked {
        let Step::Enrol {
            admin,
            subject,
            key,
            ..
        } = step
        else {
            return Ok(());
        };
        refuse(ADMINS[*admin] == *subject, TWO_PERSON)?;
        refuse(MANAGERS.contains(subject), TWO_PERSON)?;
        let mut live = self.custodians.iter();
        let enrolled = live.any(|one| one.state != State::Revoked && one.subject == *subject);
        refuse(enrolled, TWO_PERSON)?;
        refuse(self.key_taken(key), (409, "already_exists"))
    }

    fn activate(&self, who: usize, right: bool) -> Checked {
        let who = &self.custodians[who];
        refuse(who.state != State::Pending, CONFLICT)?;
        refuse(who.proven, CONFLICT)?;
        refuse(who.wrong_proofs >= PROOFS, CONFLICT)?;
        refuse(self.now >= who.enrolled_at + DAY, EXPIRED)?;
        refuse(!right, BAD_SIGNATURE)
    }

    fn approve(&self, admin: usize, who: usize) -> Checked {
        let who = &self.custodians[who];
        refuse(who.state != State::Pending || who.approved, CONFLICT)?;
        refuse(who.proposed_by == admin, TWO_PERSON)
    }

    fn change(&self, who: usize, verb: &str) -> Checked {
        let who = &self.custodians[who];
        let was_active = who.active_from.is_some();
        let possible = match (verb, who.state) {
            ("suspend", State::Active) => true,
            ("suspend", State::Pending) => was_active,
            ("reinstate", state) => state == State::Suspended,
            ("revoke", state) => state != State::Revoked,
            (_, _) => false,
        };
        refuse(!possible, CONFLICT)
    }

    fn request(&self, request: &Request) -> Checked {
        let known = PERIODS
            .iter()
            .any(|(period, _)| *period == request.expires_in);
        let invalid = (400, "invalid_request");
        refuse(!known, invalid)?;
        refuse(request.gates.is_empty(), invalid)?;
        let complex = request.gates.contains(&"complexity");
        refuse(complex, (422, "not_overridable"))?;
        let mut all = self.overrides.iter();
        let asked = all.any(|over| over.question == request.question);
        refuse(asked, (409, "already_exists"))
    }

    fn sign(&self, new: &Signature) -> Checked {
        let over = self.act(new.over, new.whose, new.by, new.how.verifies())?;
        let who = &self.custodians[new.whose];
        let complete = self.is_complete(over);
        let mut void = over.signed.iter().filter(|signed| signed.void);
        let played = void.any(|signed| signed.by == new.whose && signed.text == new.text);
        refuse(played, CONFLICT)?;
        if let Some(signed) = self.signer(over, who.lead) {
            let again = signed.by == new.whose && signed.text == new.text;
            refuse(!(again && complete), CONFLICT)?;
        }
        let mut others = over.live().map(|signed| &self.custodians[signed.by]);
        let other = others.any(|other| other.lead != who.lead && other.subject == who.subject);
        let asked = self.apps[over.app].subject == who.subject;
        let meant = over.on_behalf_of == Some(who.subject);
        refuse(asked || meant || other, TWO_PERSON)?;
        let mut leads = over.live().map(|signed| self.custodians[signed.by].lead);
        let second = complete || leads.any(|lead| lead != who.lead);
        refuse(second && self.token_away, (503, "kek_unavailable"))
    }

    /// What signing and rejecting have in common.
    fn act(
        &self,
        over: usize,
        whose: usize,
        by: By,
        verifies: bool,
    ) -> Result<&Override, Foretold> {
        refuse(by != By::Custodian(whose), FORBIDDEN)?;
        let over = self.overrides.get(over).ok_or((404, "not_found"))?;
        self.still_open(over)?;
        refuse(self.custodians[whose].state != State::Active, CONFLICT)?;
        refuse(!verifies, BAD_SIGNATURE)?;
        Ok(over)
    }

    fn withdraw(&self, over: usize, by: By) -> Checked {
        let By::App(app) = by else {
            return Err(FORBIDDEN);
        };
        let over = self.overrides.get(over).filter(|over| over.app == app);
        self.still_open(over.ok_or((404, "not_found"))?)
    }

    fn still_open(&self, over: &Override) -> Checked {
        match self.status(over) {
            "pending" | "partial" => Ok(()),
            "expired" => Err(EXPIRED),
            _ => Err(CONFLICT),
        }
    }
}

fn refuse(when: bool, with: Foretold) -> Checked {
    if when { Err(with) } else { Ok(()) }
}
