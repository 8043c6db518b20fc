//! What a thief of the service's keys can sign, and what still stops it: the custodians' signatures, and pins.

use std::collections::BTreeSet;

use aegis_custodian::{
    crypto::{
        certificate::Fault,
        messages::Asked,
        scheme::{AddressKind, Kind, Network},
    },
    words::{Binding, Gate, Lead},
};
use serde_json::{Value, json};

use super::{
    ceremony::{Case, NOW, Person, countersign, countersign_by, service_keys},
    changed, fault,
};

/// The words without and with the people pinned.
fn faults(body: &[u8], keys: &Value) -> [Option<Fault>; 2] {
    let forged = countersign(body);
    [fault(&forged, &service_keys()), fault(&forged, keys)]
}

fn bob(kind: Kind) -> Person {
    Person::new(12, "bob@example.org", Lead::Security, kind)
}

#[test]
fn one_person_cannot_sign_twice() {
    let rule = [Some(Fault::TwoPersonRule); 2];
    // One subject with two records, its letter case aside.
    for subject in ["ann@example.org", "Ann@Example.ORG"] {
        let mut case = Case::usual();
        case.people[1] = Person::new(13, subject, Lead::Security, Kind::Ed25519);
        assert_eq!(faults(&case.body(), &case.keys()), rule, "{subject}");
    }
    // One record in two roles.
    let mut case = Case::usual();
    case.people[1].id = case.people[0].id.clone();
    let mut keys = case.keys();
    keys["custodians"].as_array_mut().unwrap().pop();
    assert_eq!(
        fault(&case.envelope(), &service_keys()),
        Some(Fault::TwoPersonRule)
    );
    assert_eq!(
        fault(&case.envelope(), &keys),
        Some(Fault::CustodianSignatureInvalid)
    );
    // One signature, twice; or one alone; or a third.
    let case = Case::usual();
    let statement: Value = serde_json::from_slice(&case.body()).unwrap();
    let list = "/predicate/override/signatures";
    let [one, other] = [0, 1].map(|at| statement.pointer(list).unwrap()[at].clone());
    for signatures in [
        json!([one, one]),
        json!([one]),
        json!([]),
        json!([one, other, one]),
    ] {
        let forged = changed(&case.body(), list, signatures);
        assert_eq!(faults(&forged, &case.keys()), rule);
    }
}

#[test]
fn one_key_in_two_forms_is_one_person() {
    let address = |network, address| Kind::Bip322Simple { network, address };
    let forms = [
        [Kind::Bip340, Kind::Bip340],
        [Kind::Bip340, address(Network::Bitcoin, AddressKind::P2tr)],
        [Kind::Bip340, address(Network::Testnet, AddressKind::P2wpkh)],
        [
            address(Network::Bitcoin, AddressKind::P2tr),
            address(Network::Bitcoin, AddressKind::P2wpkh),
        ],
        [
            address(Network::Bitcoin, AddressKind::P2wpkh),
            address(Network::Regtest, AddressKind::P2wpkh),
        ],
        [Kind::Ed25519, Kind::Ed25519],
        [Kind::Ed25519, Kind::Ed25519MlDsa44],
    ];
    for [first, second] in forms {
        let mut case = Case::usual();
        case.people = [
            Person::new(11, "ann@example.org", Lead::Risk, first),
            Person::new(11, "bob@example.org", Lead::Security, second),
        ];
        case.people[1].id = bob(second).id;
        let wanted = [Some(Fault::TwoPersonRule); 2];
        assert_eq!(
            faults(&case.body(), &case.keys()),
            wanted,
            "{first:?} {second:?}"
        );
    }
}

#[test]
fn an_address_has_one_text() {
    let network = Network::Bitcoin;
    for address in [AddressKind::P2tr, AddressKind::P2wpkh] {
        let case = Case::new([Kind::Bip322Simple { network, address }, Kind::Ed25519]);
        let key = case.people[0].key.public_key().text().to_uppercase();
        let place = "/predicate/override/signatures/0/public_key";
        let forged = changed(&case.body(), place, json!(key));
        let invalid = [Some(Fault::CustodianSignatureInvalid); 2];
        assert_eq!(faults(&forged, &case.keys()), invalid);
    }
}

#[test]
fn nobody_approves_what_it_asked_for_itself() {
    for asker in ["ann@example.org", "BOB@example.org"] {
        let mut case = Case::usual();
        case.requested_by = asker.to_owned();
        assert_eq!(
            faults(&case.body(), &case.keys()),
            [Some(Fault::TwoPersonRule); 2]
        );
        let mut case = Case::usual();
        case.on_behalf_of = Some(asker.to_owned());
        assert_eq!(
            faults(&case.body(), &case.keys()),
            [Some(Fault::TwoPersonRule); 2]
        );
    }
}

#[test]
fn no_two_custodians_override_complexity() {
    let mut case = Case::usual();
    let gates = BTreeSet::from([Gate::Complexity, Gate::Risk]);
    case.asked = Asked::new("PROP-17".to_owned(), "why".to_owned(), gates);
    assert_eq!(
        faults(&case.body(), &case.keys()),
        [Some(Fault::GatesMismatch); 2]
    );
    case.asked.failed_gates.clear();
    assert_eq!(
        faults(&case.body(), &case.keys()),
        [Some(Fault::GatesMismatch); 2]
    );
}

#[test]
fn gates_in_one_place_are_those_in_the_other() {
    let case = Case::usual();
    let place = "/predicate/governance/gate_pass_states";
    for states in [
        json!({}),
        json!({"risk": "fail"}),
        json!({"novelty": "fail", "profit": "fail"}),
        json!({"complexity": "fail", "novelty": "fail", "risk": "fail"}),
    ] {
        let forged = changed(&case.body(), place, states);
        assert_eq!(
            faults(&forged, &case.keys()),
            [Some(Fault::GatesMismatch); 2]
        );
    }
}

#[test]
fn swapped_roles_are_seen_where_the_people_are_pinned() {
    let honest = Case::usual();
    let mut case = Case::usual();
    case.people[0].role = Lead::Security;
    case.people[1].role = Lead::Risk;
    // The role is not in what is signed: only a pin knows it.
    let wanted = [None, Some(Fault::CustodianSignatureInvalid)];
    assert_eq!(faults(&case.body(), &honest.keys()), wanted);
    for role in [Lead::Risk, Lead::Security] {
        let mut case = Case::usual();
        case.people[0].role = role;
        case.people[1].role = role;
        let wanted = [
            Some(Fault::TwoPersonRule),
            Some(Fault::CustodianSignatureInvalid),
        ];
        assert_eq!(faults(&case.body(), &honest.keys()), wanted);
    }
}

#[test]
fn invented_people_are_seen_only_where_the_people_are_pinned() {
    let honest = Case::usual();
    let mut case = Case::usual();
    case.people = [
        Person::new(21, "mallory@example.org", Lead::Risk, Kind::Bip340),
        Person::new(22, "trudy@example.org", Lead::Security, Kind::Bip340),
    ];
    let wanted = [None, Some(Fault::CustodianSignatureInvalid)];
    assert_eq!(faults(&case.body(), &honest.keys()), wanted);
    // One of them with the name, id and role of a pinned one, by a key of its own.
    let mut case = Case::usual();
    case.people[1] = Person::new(22, "bob@example.org", Lead::Security, Kind::Ed25519);
    case.people[1].id = honest.people[1].id.clone();
    assert_eq!(faults(&case.body(), &honest.keys()), wanted);
    // Pinned nobody.
    let mut keys = service_keys();
    keys["custodians"] = json!([]);
    let word = fault(&honest.envelope(), &keys);
    assert_eq!(word, Some(Fault::CustodianSignatureInvalid));
}

#[test]
fn a_custodians_signature_over_anything_else_is_worth_nothing() {
    let case = Case::usual();
    let place = "/predicate/override/signatures/0/signature";
    let mut others = [
        Case::usual(),
        Case::usual(),
        Case::usual(),
        Case::usual(),
        Case::usual(),
    ];
    others[0].override_id = "6f9619ff-8b86-4011-b42d-00cf4fc96400".to_owned();
    others[1].instance = "custodian-b".to_owned();
    others[2].environment = aegis_custodian::words::Environment::Staging;
    others[3].expires_at = "2026-11-25T09:00:00Z".to_owned();
    others[4].binding = Binding::Aegis;
    for other in others {
        let signature = other.people[0].key.sign(&other.m()).unwrap();
        let forged = changed(&case.body(), place, json!(signature));
        assert_eq!(
            faults(&forged, &case.keys()),
            [Some(Fault::CustodianSignatureInvalid); 2]
        );
    }
}

#[test]
fn with_the_binding_of_aegis_a_thief_can_move_what_the_custodians_did_not_sign() {
    let mut case = Case::usual();
    case.binding = Binding::Aegis;
    // What `bound` is for: each of these is a HashMismatch there.
    for (pointer, value) in [
        ("/predicate/governance/environment", json!("staging")),
        (
            "/predicate/governance/expires_at",
            json!("2026-12-24T09:00:00Z"),
        ),
        (
            "/predicate/governance/decision_id",
            json!("6f9619ff-8b86-4011-b42d-00cf4fc96400"),
        ),
        ("/predicate/override/requested_by", json!("other")),
    ] {
        let forged = changed(&case.body(), pointer, value);
        assert_eq!(faults(&forged, &case.keys()), [None; 2], "{pointer}");
    }
    let forged = changed(
        &case.body(),
        "/predicate/override/justification",
        json!("x"),
    );
    assert_eq!(
        faults(&forged, &case.keys()),
        [Some(Fault::HashMismatch); 2]
    );
    // It cannot be told to be bound, nor one that is bound to be this.
    let forged = changed(&case.body(), "/predicate/override/binding", json!("bound"));
    assert_eq!(
        faults(&forged, &case.keys()),
        [Some(Fault::HashMismatch); 2]
    );
}

#[test]
fn a_key_of_the_service_for_something_else_approves_nothing() {
    let case = Case::usual();
    for (seed, wanted) in [
        ([3; 32], Fault::KeyPurpose),          // of tool schemas
        ([4; 32], Fault::KeyPurpose),          // of checkpoints
        ([5; 32], Fault::Ed25519VerifyFailed), // nobody's
    ] {
        let forged = countersign_by(&seed, &case.body());
        assert_eq!(fault(&forged, &case.keys()), Some(wanted));
    }
}

#[test]
fn a_certificate_names_one_service() {
    let case = Case::usual();
    let builder = changed(&case.body(), "/predicate/runDetails/builder/id", json!(""));
    assert_eq!(
        faults(&builder, &case.keys()),
        [Some(Fault::InstanceMismatch); 2]
    );
    assert!(NOW > case.issued_at.as_str());
}
