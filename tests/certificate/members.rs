//! Every member of the statement, changed one at a time.

use aegis_custodian::crypto::certificate::Fault;
use serde_json::{Value, json};

use super::{
    carrying,
    ceremony::{Case, countersign},
    changed, fault, pointers,
    table::table,
};

fn statement(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn a_value_that_a_stranger_changed_breaks_the_signature_of_the_service() {
    let case = Case::usual();
    let (body, envelope, keys) = (case.body(), case.envelope(), case.keys());
    for (pointer, value, _) in table() {
        let forged = carrying(&envelope, &changed(&body, pointer, value.clone()));
        let word = fault(&forged, &keys);
        assert_eq!(word, Some(Fault::Ed25519VerifyFailed), "{pointer} {value}");
    }
}

#[test]
fn a_value_that_a_thief_of_the_service_keys_changed_breaks_what_the_custodians_signed() {
    let case = Case::usual();
    let (body, keys) = (case.body(), case.keys());
    for (pointer, value, wanted) in table() {
        let forged = countersign(&changed(&body, pointer, value.clone()));
        assert_eq!(fault(&forged, &keys), wanted, "{pointer} {value}");
    }
}

#[test]
fn the_table_has_every_value_of_the_statement() {
    let body = statement(&Case::usual().body());
    let mut missing = pointers(&body);
    missing.retain(|pointer| !body.pointer(pointer).unwrap().is_object());
    missing.retain(|pointer| !table().iter().any(|row| row.0.starts_with(&**pointer)));
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_member_that_is_missing_is_not_taken_for_granted() {
    let case = Case::usual();
    let (body, envelope, keys) = (statement(&case.body()), case.envelope(), case.keys());
    let mut removed = 0;
    for pointer in pointers(&body) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let mut without = body.clone();
        let Value::Object(members) = without.pointer_mut(parent).unwrap() else {
            continue;
        };
        members.remove(key).unwrap();
        let without = aegis_custodian::crypto::canonical::json(&without).unwrap();
        let (word, wanted) = (
            fault(&carrying(&envelope, &without), &keys),
            match parent {
                // Not members of a fixed name: the signature is what breaks.
                "/predicate/governance/gate_pass_states" => Fault::Ed25519VerifyFailed,
                _ => Fault::StatementShapeInvalid,
            },
        );
        assert_eq!(word, Some(wanted), "{pointer}");
        removed += 1;
    }
    assert_eq!(removed, 53);
}

#[test]
fn a_member_too_many_is_refused_in_every_object() {
    let case = Case::usual();
    let (body, envelope, keys) = (statement(&case.body()), case.envelope(), case.keys());
    let mut all = pointers(&body);
    all.push(String::new());
    for pointer in all {
        let mut with = body.clone();
        let Value::Object(members) = with.pointer_mut(&pointer).unwrap() else {
            continue;
        };
        members.insert("zebra".to_owned(), json!("fail"));
        let with = aegis_custodian::crypto::canonical::json(&with).unwrap();
        let states = pointer == "/predicate/governance/gate_pass_states";
        let (forged, wanted) = if states {
            (countersign(&with), Fault::GatesMismatch)
        } else {
            (carrying(&envelope, &with), Fault::StatementShapeInvalid)
        };
        assert_eq!(fault(&forged, &keys), Some(wanted), "{pointer}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_everywhere() {
    let case = Case::usual();
    let (body, envelope, keys) = (case.body(), case.envelope(), case.keys());
    let types = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(0.5),
        json!("x"),
        json!([]),
        json!({}),
    ];
    let was = statement(&body);
    for pointer in pointers(&was) {
        let same = |value: &Value| {
            let old = was.pointer(&pointer).unwrap();
            std::mem::discriminant(value) == std::mem::discriminant(old)
                || (pointer.ends_with("/on_behalf_of") && value.is_null())
        };
        for value in types.iter().filter(|value| !same(value)) {
            let forged = carrying(&envelope, &changed(&body, &pointer, value.clone()));
            let word = fault(&forged, &keys);
            assert_eq!(
                word,
                Some(Fault::StatementShapeInvalid),
                "{pointer} {value}"
            );
        }
    }
    for number in [json!(-1), json!(0.5), json!(4_294_967_296_u64)] {
        let forged = carrying(
            &envelope,
            &changed(&body, "/predicate/governance/run_attempt", number),
        );
        assert_eq!(fault(&forged, &keys), Some(Fault::StatementShapeInvalid));
    }
}

#[test]
fn an_object_written_as_the_list_of_its_values_is_another_shape() {
    let case = Case::usual();
    let (body, envelope, keys) = (case.body(), case.envelope(), case.keys());
    let was = statement(&body);
    for pointer in pointers(&was) {
        let Value::Object(members) = was.pointer(&pointer).unwrap() else {
            continue;
        };
        let list: Value = members.values().cloned().collect();
        let forged = carrying(&envelope, &changed(&body, &pointer, list));
        assert_eq!(
            fault(&forged, &keys),
            Some(Fault::StatementShapeInvalid),
            "{pointer}"
        );
    }
}

#[test]
fn a_statement_about_nothing_or_about_two_things_is_not_valid() {
    let case = Case::usual();
    let body = case.body();
    let nothing = countersign(&changed(&body, "/subject", json!([])));
    assert_eq!(fault(&nothing, &case.keys()), Some(Fault::SubjectMissing));
    let subject = statement(&body)["subject"][0].clone();
    let twice = countersign(&changed(&body, "/subject", json!([subject, subject])));
    assert_eq!(
        fault(&twice, &case.keys()),
        Some(Fault::StatementShapeInvalid)
    );
}
