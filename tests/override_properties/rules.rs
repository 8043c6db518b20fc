//! The rules alone, without a service (src/policy/override_state.rs): any sequence of events, beside an oracle that
//! knows api.md section 8 and nothing of the code.

use std::collections::BTreeSet;

use aegis_custodian::{
    error::Error,
    id::{Id, Subject},
    policy::{OverrideEvent as Event, OverrideStatus as Status, Signer, Standing},
    words::Lead,
};
use jiff::Timestamp;
use proptest::{collection, prelude::*};

const APP: &str = "app";
const HAL: &str = "hal";

/// Two of them are whoever asked, and two are the same person in both roles, which enrolment forbids.
const CUSTODIANS: [(&str, Lead); 8] = [
    ("rita", Lead::Risk),
    ("ruth", Lead::Risk),
    (APP, Lead::Risk),
    ("both", Lead::Risk),
    ("theo", Lead::Security),
    ("tess", Lead::Security),
    (HAL, Lead::Security),
    ("both", Lead::Security),
];

const OPEN_FOR: i64 = 100;

#[derive(Clone, Copy, Debug)]
enum Step {
    Approve {
        verified: bool,
    },
    Expire,
    Pass {
        seconds: i64,
    },
    Reinstate {
        who: usize,
    },
    Reject {
        who: usize,
        verified: bool,
    },
    Sign {
        who: usize,
        verified: bool,
    },
    /// With its newest signature once more, or with its first.
    SignAgain {
        who: usize,
    },
    Suspend {
        who: usize,
    },
    Withdraw,
}

/// How a refusal is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum No {
    BadSignature,
    Conflict,
    Expired,
    TwoPerson,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..CUSTODIANS.len();
    let mostly = prop::bool::weighted(0.9);
    prop_oneof![
        12 => (who.clone(), mostly).prop_map(|(who, verified)| Step::Sign { who, verified }),
        3 => who.clone().prop_map(|who| Step::SignAgain { who }),
        4 => mostly.prop_map(|verified| Step::Approve { verified }),
        3 => who.clone().prop_map(|who| Step::Suspend { who }),
        3 => who.clone().prop_map(|who| Step::Reinstate { who }),
        3 => (1..40_i64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Expire),
        1 => (who, any::<bool>()).prop_map(|(who, verified)| Step::Reject { who, verified }),
        1 => Just(Step::Withdraw),
    ]
}

/// What is true, as the contract says it.
struct Truth {
    now: i64,
    /// How it ended, if it did other than by its time.
    end: Option<Status>,
    active: [bool; CUSTODIANS.len()],
    signed: Vec<usize>,
    /// Whose newest signature is void.
    void: BTreeSet<usize>,
}

impl Truth {
    fn new() -> Self {
        Self {
            now: 0,
            end: None,
            active: [true; CUSTODIANS.len()],
            signed: Vec::new(),
            void: BTreeSet::new(),
        }
    }

    fn status(&self) -> Status {
        match self.end {
            Some(end) => end,
            None if self.now >= OPEN_FOR => Status::Expired,
            None if self.signed.is_empty() => Status::Pending,
            None => Status::Partial,
        }
    }

    fn has(&self, lead: Lead) -> bool {
        self.signed.iter().any(|who| CUSTODIANS[*who].1 == lead)
    }

    fn complete(&self) -> bool {
        self.has(Lead::Risk) && self.has(Lead::Security)
    }

    fn closed(&self) -> Option<No> {
        match self.status() {
            Status::Partial | Status::Pending => None,
            Status::Expired => Some(No::Expired),
            Status::Approved | Status::Rejected | Status::Withdrawn => Some(No::Conflict),
        }
    }

    fn may_act(&self, who: usize, verified: bool) -> Option<No> {
        let idle = (!self.active[who]).then_some(No::Conflict);
        self.closed()
            .or(idle)
            .or((!verified).then_some(No::BadSignature))
    }

    fn may_sign(&self, who: usize, verified: bool, again: bool) -> Option<No> {
        let (subject, lead) = CUSTODIANS[who];
        let void = again && self.void.contains(&who);
        let again = again && self.signed.contains(&who);
        let taken = self.has(lead) && !(again && self.complete());
        let other = |at: &usize| CUSTODIANS[*at].1 != lead && CUSTODIANS[*at].0 == subject;
        let same = [APP, HAL].contains(&subject) || self.signed.iter().any(other);
        self.may_act(who, verified)
            .or(void.then_some(No::Conflict))
            .or(taken.then_some(No::Conflict))
            .or(same.then_some(No::TwoPerson))
    }

    /// What `step` is answered, and what is true then.
    fn take(&mut self, step: Step) -> Option<No> {
        let no = match step {
            Step::Approve { verified } => self.closed().or(match (self.complete(), verified) {
                (false, _) => Some(No::Conflict),
                (true, false) => Some(No::BadSignature),
                (true, true) => None,
            }),
            Step::Reject { who, verified } => self.may_act(who, verified),
            Step::Sign { who, verified } => self.may_sign(who, verified, false),
            Step::SignAgain { who } => self.may_sign(who, true, true),
            Step::Withdraw => self.closed(),
            Step::Expire | Step::Pass { .. } | Step::Reinstate { .. } | Step::Suspend { .. } => {
                None
            }
        };
        if no.is_none() {
            self.learn(step);
        }
        no
    }

    fn learn(&mut self, step: Step) {
        match step {
            Step::Approve { .. } => self.end = Some(Status::Approved),
            Step::Expire => self.end = Some(self.status()).filter(|status| !status.is_open()),
            Step::Pass { seconds } => self.now += seconds,
            Step::Reinstate { who } => self.active[who] = true,
            Step::Reject { .. } => self.end = Some(Status::Rejected),
            Step::Sign { who, .. } | Step::SignAgain { who } => {
                if !self.signed.contains(&who) {
                    self.signed.push(who);
                }
                self.void.remove(&who);
            }
            Step::Suspend { who } => {
                self.active[who] = false;
                if self.status().is_open() && self.signed.contains(&who) {
                    self.signed.retain(|signed| *signed != who);
                    self.void.insert(who);
                }
            }
            Step::Withdraw => self.end = Some(Status::Withdrawn),
        }
    }
}

/// An override as the service keeps it: the code's answers move it, the truth does not.
struct Kept {
    status: Status,
    people: Vec<Signer>,
    signed: Vec<usize>,
    void: BTreeSet<usize>,
}

impl Kept {
    fn new() -> Self {
        let people = CUSTODIANS.map(|(subject, lead)| Signer {
            custodian: Id::random(),
            subject: Subject::folded(subject).unwrap(),
            lead,
            active: true,
        });
        Self {
            status: Status::Pending,
            people: people.into(),
            signed: Vec::new(),
            void: BTreeSet::new(),
        }
    }

    fn standing(&self) -> Standing {
        let signers = self.signed.iter().map(|who| self.people[*who].clone());
        Standing {
            status: self.status,
            expires_at: at(OPEN_FOR),
            requested_by: Subject::folded(APP).unwrap(),
            on_behalf_of: Some(Subject::folded(HAL).unwrap()),
            signers: signers.collect(),
        }
    }

    fn take(&mut self, step: Step, now: i64) -> Option<No> {
        let after = |event: &Event<'_>| self.standing().after(event, at(now));
        let signed = |who: usize, verified, old| {
            let by = &self.people[who];
            let again = old && self.signed.contains(&who);
            after(&Event::Sign {
                by,
                verified,
                again,
                void: old && self.void.contains(&who),
            })
        };
        let to = match step {
            Step::Approve { verified } => after(&Event::Approve { verified }),
            Step::Expire => after(&Event::Expire),
            Step::Pass { .. } | Step::Reinstate { .. } => Ok(self.status),
            Step::Reject { who, verified } => {
                let by = &self.people[who];
                after(&Event::Reject { by, verified })
            }
            Step::Sign { who, verified } => signed(who, verified, false),
            Step::SignAgain { who } => signed(who, true, true),
            // Of what is over, no signature is made void.
            Step::Suspend { .. } if !self.standing().status_at(at(now)).is_open() => {
                Ok(self.status)
            }
            Step::Suspend { who } => {
                let custodian = &self.people[who].custodian;
                after(&Event::Void { custodian })
            }
            Step::Withdraw => after(&Event::Withdraw),
        };
        match to {
            Ok(to) => {
                self.learn(step, to, now);
                None
            }
            Err(refusal) => Some(named(&refusal)),
        }
    }

    fn learn(&mut self, step: Step, to: Status, now: i64) {
        let open = self.standing().status_at(at(now)).is_open();
        match step {
            Step::Sign { who, .. } | Step::SignAgain { who } if !self.signed.contains(&who) => {
                self.signed.push(who);
                self.void.remove(&who);
            }
            Step::Reinstate { who } => self.people[who].active = true,
            Step::Suspend { who } => {
                self.people[who].active = false;
                if open && self.signed.contains(&who) {
                    self.signed.retain(|signed| *signed != who);
                    self.void.insert(who);
                }
            }
            Step::Approve { .. }
            | Step::Expire
            | Step::Pass { .. }
            | Step::Reject { .. }
            | Step::Sign { .. }
            | Step::SignAgain { .. }
            | Step::Withdraw => (),
        }
        self.status = to;
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[allow(clippy::wildcard_enum_match_arm)] // the rules have these four answers only
fn named(refusal: &Error) -> No {
    match refusal {
        Error::BadSignature(_) => No::BadSignature,
        Error::Conflict(_) => No::Conflict,
        Error::Expired(_) => No::Expired,
        Error::TwoPerson(_) => No::TwoPerson,
        other => panic!("{other:?}"),
    }
}

/// Two people of both roles, none of whom asked, both active, in time.
fn law(truth: &Truth) {
    let signed: Vec<_> = truth.signed.iter().map(|who| CUSTODIANS[*who]).collect();
    let [one, two] = signed[..] else {
        panic!("{signed:?}")
    };
    assert!(one.1 != two.1 && one.0 != two.0, "{signed:?}");
    let asked = |subject| [APP, HAL].contains(&subject);
    assert!(!asked(one.0) && !asked(two.0), "{signed:?}");
    assert!(truth.signed.iter().all(|who| truth.active[*who]));
    assert!(truth.now < OPEN_FOR);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_leads_the_rules_astray(steps in collection::vec(step(), 1..60)) {
        let mut kept = Kept::new();
        let mut truth = Truth::new();
        for step in steps {
            let before = kept.standing().status_at(at(truth.now));
            let answered = kept.take(step, truth.now);
            prop_assert_eq!(answered, truth.take(step), "{:?}", step);
            let after = kept.standing().status_at(at(truth.now));
            prop_assert_eq!(after, truth.status(), "{:?}", step);
            prop_assert!(before.is_open() || after == before, "{:?} changed {:?}", step, before);
            if after == Status::Approved && before != after {
                law(&truth);
            }
        }
    }
}
