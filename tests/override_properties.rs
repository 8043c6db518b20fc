//! Two-key overrides under chance (api.md sections 5 and 8). Custodians are enrolled, suspended and revoked, overrides are
//! requested, signed, rejected and withdrawn, the clock goes on and back, the token goes away: after every step the
//! service must show what a small model of the contract foretells, and every approval must have kept the law of two
//! people. `APPROVALS_SEED` plays a game again, `APPROVALS_STEPS` says how long, `APPROVALS_GAMES` how many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm // a rule of the model names the steps that it is about
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use aegis_custodian::custodian::Quorum;
use alone::alone_with;
use dice::number;
use game::Game;

#[path = "support/alone.rs"]
mod alone;
#[path = "support/dice.rs"]
mod dice;
#[path = "override_properties/foretell.rs"]
mod foretell;
#[path = "override_properties/game.rs"]
mod game;
#[path = "support/house.rs"]
mod house;
#[path = "override_properties/learn.rs"]
mod learn;
#[path = "override_properties/ledger.rs"]
mod ledger;
#[path = "override_properties/look.rs"]
mod look;
#[path = "support/people.rs"]
mod people;
#[path = "override_properties/pick.rs"]
mod pick;
#[path = "override_properties/proof.rs"]
mod proof;
#[path = "override_properties/rules.rs"]
mod rules;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "override_properties/steps.rs"]
mod steps;
#[path = "override_properties/target.rs"]
mod target;
#[path = "override_properties/world.rs"]
mod world;

#[test]
fn nothing_is_approved_but_by_two_people_where_one_admin_enrols_them() {
    play(
        "nothing_is_approved_but_by_two_people_where_one_admin_enrols_them",
        Quorum::One,
    );
}

#[test]
fn nothing_is_approved_but_by_two_people_where_two_admins_enrol_them() {
    play(
        "nothing_is_approved_but_by_two_people_where_two_admins_enrol_them",
        Quorum::Two,
    );
}

const STEPS: u64 = 150;

/// Each game in a process of its own, since it takes the token away from all who use it.
fn play(name: &str, quorum: Quorum) {
    let first = number("APPROVALS_SEED").unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
    let steps = number("APPROVALS_STEPS").unwrap_or(STEPS);
    for seed in first..first + number("APPROVALS_GAMES").unwrap_or(1) {
        if alone_with(name, &[("APPROVALS_SEED", seed.to_string())]) {
            println!("APPROVALS_SEED={seed} APPROVALS_STEPS={steps} of {name}");
            return Game::new(quorum, seed).play(steps);
        }
    }
}

/// Cases of the rules alone.
fn cases() -> u32 {
    number("PROPTEST_CASES").map_or(2000, |cases| cases as u32)
}
