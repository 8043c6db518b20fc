//! The contract played against a small model of it: callers, verbs and arguments are chance's, every answer must be
//! the one that the model foretells (api.md sections 1, 2, 4, 6 and 7), and the audit log must have exactly the
//! entries that the model counted. `MODEL_SEED` plays a game again, `MODEL_STEPS` says how long, `MODEL_GAMES` how many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm // a rule of the model names the verbs that it is about
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::time::Duration;

use aegis_custodian::{
    custodian::{Quorum, Rules},
    duration::Period,
};
use game::Game;
use house::{House, RULES};
use service::Service;

#[path = "support/dice.rs"]
mod dice;
#[path = "model/game.rs"]
mod game;
#[path = "support/house.rs"]
mod house;
#[path = "model/learn.rs"]
mod learn;
#[path = "model/learn_deks.rs"]
mod learn_deks;
#[path = "model/learn_people.rs"]
mod learn_people;
#[path = "model/ledger.rs"]
mod ledger;
#[path = "model/pick.rs"]
mod pick;
#[path = "model/pick_people.rs"]
mod pick_people;
#[path = "model/predict.rs"]
mod predict;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "model/target.rs"]
mod target;
#[path = "model/things.rs"]
mod things;
#[path = "model/verbs.rs"]
mod verbs;
#[path = "model/world.rs"]
mod world;

const RULED: Rules = Rules {
    admin_quorum: Quorum::One,
    token_lifetime: Period::days(3650),
    ..RULES
};

#[test]
fn every_answer_is_the_one_that_the_contract_foretells() {
    Game::play_all(1200, || {
        target::house(House::ruled(RULED), RULED.destroy_delay)
    });
}

#[test]
fn every_answer_is_the_foretold_one_where_nothing_waits_and_no_key_is_kept() {
    let rules = Rules {
        destroy_delay: Duration::ZERO,
        dek_cache: Duration::ZERO,
        ..RULED
    };
    Game::play_all(400, || {
        target::house(House::ruled(rules.clone()), Duration::ZERO)
    });
}

#[test]
fn every_answer_of_the_real_binary_is_the_foretold_one() {
    let service = Service::spawn();
    Game::play_one(200, target::dev(&service));
}
