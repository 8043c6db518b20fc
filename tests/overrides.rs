//! Two-key overrides over REST (api.md sections 5 and 8): enrolment, signatures, approval, and every way in which one
//! person must not do what needs two. Real HTTP, a real SoftHSM token, a real database; only the clock is the test's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use aegis_custodian::custodian::{Quorum, Rules};
use house::House;
use people::{Desk, text};
use serde_json::Value;
use service::Answer;

#[path = "support/alone.rs"]
mod alone;
#[path = "overrides/certificates.rs"]
mod certificates;
#[path = "overrides/crowd.rs"]
mod crowd;
#[path = "support/dice.rs"]
mod dice;
#[path = "overrides/enrolment.rs"]
mod enrolment;
#[path = "overrides/expiry.rs"]
mod expiry;
#[path = "overrides/gate.rs"]
mod gate;
#[path = "support/house.rs"]
mod house;
#[path = "support/house_desk.rs"]
mod house_desk;
#[path = "overrides/in_flight.rs"]
mod in_flight;
#[path = "overrides/keys.rs"]
mod keys;
#[path = "overrides/outage.rs"]
mod outage;
#[path = "support/passing_on.rs"]
mod passing_on;
#[path = "support/people.rs"]
mod people;
#[path = "overrides/requests.rs"]
mod requests;
#[path = "support/service.rs"]
mod service;
#[path = "overrides/signatures.rs"]
mod signatures;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "overrides/void.rs"]
mod void;
#[path = "support/watch.rs"]
mod watch;

/// A house where one admin is enough.
struct Alone(House);

impl Alone {
    fn open() -> Self {
        Self(House::ruled(Rules {
            admin_quorum: Quorum::One,
            ..house::RULES
        }))
    }
}

impl Desk for Alone {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.0.call(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.0.ada.clone()
    }

    fn app(&self) -> String {
        self.0.app.clone()
    }

    fn second(&self) -> Option<String> {
        None
    }
}

/// Asserts what an override is now, and that it has no certificate.
#[track_caller]
fn is_bare(house: &House, asked: &Value, status: &str) -> Value {
    let path = format!("/v1/overrides/{}", text(asked, "id"));
    let shown = house.look(&house.app, &path);
    assert_eq!(shown["status"], status, "{shown}");
    house
        .get(&house.app, &format!("{path}/certificate"))
        .is_refused(409, "conflict");
    shown
}
