//! The law that every approval must have kept, read from its certificate and from the model, not from the service.

use std::collections::BTreeSet;

use aegis_custodian::crypto::certificate::{Expected, Pinned, Pinning, verify};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    look::time,
    world::{LEADS, State, World},
};

pub struct Proof {
    /// The items of `/v1/signing-keys`, pinned at the start.
    pub keys: Value,
    pub verified: usize,
}

impl Proof {
    /// To be asked at the moment of an approval: the model still knows who is active.
    pub fn holds(&mut self, world: &World, at: usize, certificate: &str) {
        let over = &world.overrides[at];
        let pins = json!({"items": self.keys, "custodians": pins(world)}).to_string();
        let text = |field: &str| over.asked[field].as_str();
        let expected = Expected {
            at: Timestamp::from_second(world.now).unwrap(),
            message_hash: text("message_hash"),
            environment: text("environment"),
            instance: Some("house"),
        };
        let pinned = Pinned::read(pins.as_bytes()).unwrap();
        let verdict = verify(certificate.as_bytes(), &pinned, &expected);
        assert!(verdict.valid && verdict.error.is_none(), "{verdict:?}");
        assert_eq!(verdict.custodians, Pinning::Pinned);
        let said = verdict.approval.unwrap();
        assert_eq!(said.id, over.id);
        assert_eq!(
            (said.issued_at, said.expires_at),
            (time(world.now), time(over.expires_at))
        );
        assert!(world.now < over.expires_at, "approved too late");
        let named: BTreeSet<_> = said
            .signatures
            .iter()
            .map(|one| &one.custodian_id)
            .collect();
        let counted = over.live().map(|one| &world.custodians[one.by].id);
        assert_eq!(named, counted.collect(), "it names others than signed");
        self.two_people(world, at, named);
        self.verified += 1;
    }

    /// Two active custodians of both roles, two people, none of whom asked.
    fn two_people(&self, world: &World, at: usize, named: BTreeSet<&String>) {
        let over = &world.overrides[at];
        let signers = world
            .custodians
            .iter()
            .filter(|one| named.contains(&one.id));
        let signers: Vec<_> = signers.collect();
        assert_eq!(signers.len(), 2);
        assert!(signers.iter().all(|one| one.state == State::Active));
        let leads: BTreeSet<_> = signers.iter().map(|one| one.lead).collect();
        assert_eq!(leads, LEADS.into());
        let people: BTreeSet<_> = signers.iter().map(|one| one.subject).collect();
        assert_eq!(people.len(), 2);
        let asked = Some(world.apps[over.app].subject.as_str());
        for person in people {
            assert!(Some(person) != asked && Some(person) != over.on_behalf_of);
        }
    }
}

/// Every custodian that ever was active, as an auditor would write them down.
fn pins(world: &World) -> Vec<Value> {
    let active = world
        .custodians
        .iter()
        .filter(|one| one.active_from.is_some());
    let pin = |one: &crate::world::Custodian| {
        let key = one.key.public_key();
        let mut pin = json!({"id": one.id, "role": one.lead, "subject": one.subject, "scheme": key.scheme().name(),
            "public_key": key.text(), "from": one.active_from.map(time)});
        if let Some(at) = one.revoked_at {
            pin["until"] = json!(time(at));
        }
        pin
    };
    active.map(pin).collect()
}
