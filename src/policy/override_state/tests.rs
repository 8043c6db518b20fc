use jiff::Timestamp;

use super::{OverrideEvent as Event, OverrideStatus as Status, Signer, Standing};
use crate::{
    error::Error,
    id::{Id, Subject},
    words::Lead,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn signer(subject: &str, lead: Lead) -> Signer {
    Signer {
        custodian: Id::random(),
        subject: Subject::folded(subject).unwrap(),
        lead,
        active: true,
    }
}

fn standing(status: Status, signers: &[&Signer]) -> Standing {
    Standing {
        status,
        expires_at: later(60),
        requested_by: Subject::folded("app").unwrap(),
        on_behalf_of: Some(Subject::folded("hal").unwrap()),
        signers: signers.iter().copied().cloned().collect(),
    }
}

fn sign(by: &Signer) -> Event<'_> {
    Event::Sign {
        by,
        verified: true,
        again: false,
        void: false,
    }
}

#[test]
fn either_role_signs_first_and_the_countersignature_approves() {
    for (first, second) in [(Lead::Risk, Lead::Security), (Lead::Security, Lead::Risk)] {
        let (ada, bob) = (signer("ada", first), signer("bob", second));
        let pending = standing(Status::Pending, &[]);
        assert_eq!(pending.after(&sign(&ada), NOW).unwrap(), Status::Partial);
        let partial = standing(Status::Partial, &[&ada]);
        assert_eq!(partial.after(&sign(&bob), NOW).unwrap(), Status::Partial);
        let approve = Event::Approve { verified: true };
        assert!(partial.after(&approve, NOW).is_err());
        let complete = standing(Status::Partial, &[&ada, &bob]);
        assert_eq!(complete.after(&approve, NOW).unwrap(), Status::Approved);
    }
}

#[test]
fn one_role_never_signs_twice() {
    let (ada, eve) = (signer("ada", Lead::Risk), signer("eve", Lead::Risk));
    let partial = standing(Status::Partial, &[&ada]);
    for by in [&ada, &eve] {
        let refusal = partial.after(&sign(by), NOW).unwrap_err();
        assert!(matches!(refusal, Error::Conflict(_)));
    }
    let twice = standing(Status::Partial, &[&ada, &eve]);
    assert!(
        twice
            .after(&Event::Approve { verified: true }, NOW)
            .is_err()
    );
}

#[test]
fn the_same_signature_again_only_asks_for_the_countersignature_again() {
    let (ada, bob) = (signer("ada", Lead::Risk), signer("bob", Lead::Security));
    let again = Event::Sign {
        by: &ada,
        verified: true,
        again: true,
        void: false,
    };
    let partial = standing(Status::Partial, &[&ada]);
    assert!(partial.after(&again, NOW).is_err());
    let complete = standing(Status::Partial, &[&ada, &bob]);
    assert_eq!(complete.after(&again, NOW).unwrap(), Status::Partial);
    assert!(complete.after(&sign(&ada), NOW).is_err());
}

#[test]
fn a_signature_that_was_made_void_never_counts_again() {
    let ada = signer("ada", Lead::Risk);
    let void = Event::Sign {
        by: &ada,
        verified: true,
        again: false,
        void: true,
    };
    let pending = standing(Status::Pending, &[]);
    assert!(matches!(pending.after(&void, NOW), Err(Error::Conflict(_))));
}

#[test]
fn neither_requester_nor_principal_nor_the_other_signer_may_sign() {
    let risk = signer("ada", Lead::Risk);
    let partial = standing(Status::Partial, &[&risk]);
    for subject in ["app", "hal", "ada"] {
        let by = signer(subject, Lead::Security);
        let refusal = partial.after(&sign(&by), NOW).unwrap_err();
        assert!(matches!(refusal, Error::TwoPerson(_)), "{subject}");
        let complete = standing(Status::Partial, &[&risk, &by]);
        let approve = Event::Approve { verified: true };
        assert!(complete.after(&approve, NOW).is_err(), "{subject}");
    }
}

#[test]
fn the_checks_come_in_the_order_of_the_contract() {
    let mut nobody = signer("app", Lead::Risk);
    nobody.active = false;
    fn bad(by: &Signer) -> Event<'_> {
        Event::Sign {
            by,
            verified: false,
            again: false,
            void: false,
        }
    }
    let taken = standing(Status::Partial, &[&signer("ada", Lead::Risk)]);
    assert!(matches!(
        taken.after(&bad(&nobody), later(60)),
        Err(Error::Expired(_))
    ));
    assert!(matches!(
        taken.after(&bad(&nobody), NOW),
        Err(Error::Conflict(_))
    ));
    nobody.active = true;
    assert!(matches!(
        taken.after(&bad(&nobody), NOW),
        Err(Error::BadSignature(_))
    ));
    assert!(matches!(
        taken.after(&sign(&nobody), NOW),
        Err(Error::Conflict(_))
    ));
    let free = standing(Status::Pending, &[]);
    assert!(matches!(
        free.after(&sign(&nobody), NOW),
        Err(Error::TwoPerson(_))
    ));
}

#[test]
fn whoever_is_not_active_or_whose_signature_is_bad_approves_nothing() {
    let (ada, mut bob) = (signer("ada", Lead::Risk), signer("bob", Lead::Security));
    let complete = standing(Status::Partial, &[&ada, &bob]);
    assert!(
        complete
            .after(&Event::Approve { verified: false }, NOW)
            .is_err()
    );
    bob.active = false;
    let complete = standing(Status::Partial, &[&ada, &bob]);
    assert!(
        complete
            .after(&Event::Approve { verified: true }, NOW)
            .is_err()
    );
}

#[test]
fn time_alone_expires_what_is_open_and_nothing_else() {
    for status in Status::ALL {
        let standing = standing(status, &[]);
        assert_eq!(standing.status_at(later(59)), status);
        let wanted = match status.is_open() {
            true => Status::Expired,
            false => status,
        };
        assert_eq!(standing.status_at(later(60)), wanted);
        assert_eq!(standing.after(&Event::Expire, later(60)).unwrap(), wanted);
    }
}

#[test]
fn what_is_closed_takes_no_signature_no_rejection_and_no_withdrawal() {
    let ada = signer("ada", Lead::Risk);
    let reject = Event::Reject {
        by: &ada,
        verified: true,
    };
    for status in Status::ALL.into_iter().filter(|status| !status.is_open()) {
        let closed = standing(status, &[]);
        for event in [
            sign(&ada),
            reject,
            Event::Withdraw,
            Event::Approve { verified: true },
        ] {
            assert!(closed.after(&event, NOW).is_err(), "{status:?} {event:?}");
        }
        let void = Event::Void {
            custodian: &ada.custodian,
        };
        assert_eq!(closed.after(&void, NOW).unwrap(), status);
    }
}

#[test]
fn a_void_signature_opens_its_role_again() {
    let (ada, bob) = (signer("ada", Lead::Risk), signer("bob", Lead::Security));
    let void = Event::Void {
        custodian: &ada.custodian,
    };
    let one = standing(Status::Partial, &[&ada]);
    assert_eq!(one.after(&void, NOW).unwrap(), Status::Pending);
    let two = standing(Status::Partial, &[&ada, &bob]);
    assert_eq!(two.after(&void, NOW).unwrap(), Status::Partial);
}

#[test]
fn a_custodian_who_signed_may_still_reject() {
    let ada = signer("ada", Lead::Risk);
    let partial = standing(Status::Partial, &[&ada]);
    let reject = |verified| Event::Reject { by: &ada, verified };
    assert_eq!(partial.after(&reject(true), NOW).unwrap(), Status::Rejected);
    assert!(matches!(
        partial.after(&reject(false), NOW),
        Err(Error::BadSignature(_))
    ));
}
