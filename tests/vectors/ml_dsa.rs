//! Wycheproof's ML-DSA verification vectors, by both implementations.

use aegis_custodian::crypto::ml_dsa::ParameterSet::{self, MlDsa44, MlDsa65};

use crate::{Case, unhex};

/// What was judged, what of it was valid, and what has a context, which we never use.
type Counts = (usize, usize, usize);

fn judge(set: ParameterSet, name: &str) -> Counts {
    let (mut judged, mut valid, mut with_context) = (0, 0, 0);
    for case in Case::all(name) {
        if case.test["ctx"].as_str().is_some_and(|ctx| !ctx.is_empty()) {
            with_context += 1;
            continue;
        }
        let key = unhex(case.group["publicKey"].as_str().unwrap());
        let (message, signature) = (case.bytes("msg"), case.bytes("sig"));
        let first = set.verify(&key, &message, &signature).is_ok();
        let second = set.verify_second(&key, &message, &signature).is_ok();
        assert_eq!(first, case.is_valid(), "test {} by ml-dsa", case.id);
        assert_eq!(second, case.is_valid(), "test {} by pqcrypto", case.id);
        judged += 1;
        valid += usize::from(first);
    }
    (judged, valid, with_context)
}

#[test]
fn both_implementations_judge_ml_dsa_44_as_wycheproof_says() {
    let counts = judge(MlDsa44, "wycheproof-mldsa_44_verify_test.json");
    assert_eq!(counts, (173, 75, 7));
}

#[test]
fn both_implementations_judge_ml_dsa_65_as_wycheproof_says() {
    let counts = judge(MlDsa65, "wycheproof-mldsa_65_verify_test.json");
    assert_eq!(counts, (203, 77, 7));
}

#[test]
fn what_has_a_context_does_not_verify_without_it() {
    for (set, name) in [
        (MlDsa44, "wycheproof-mldsa_44_verify_test.json"),
        (MlDsa65, "wycheproof-mldsa_65_verify_test.json"),
    ] {
        let given = |case: &Case| case.test["ctx"].as_str().is_some_and(|ctx| !ctx.is_empty());
        let cases = Case::all(name).into_iter().filter(given);
        let refused = cases.filter(|case| {
            let key = unhex(case.group["publicKey"].as_str().unwrap());
            let (message, signature) = (case.bytes("msg"), case.bytes("sig"));
            set.verify(&key, &message, &signature).is_err()
                && set.verify_second(&key, &message, &signature).is_err()
        });
        assert_eq!(refused.count(), 7);
    }
}

#[test]
fn a_key_of_zeros_verifies_and_is_refused_at_enrolment_all_the_same() {
    let weak = |case: &Case| {
        let flags = case.test["flags"].as_array().unwrap();
        case.is_valid() && flags.iter().any(|flag| flag == "ZeroPublicKey")
    };
    let cases = Case::all("wycheproof-mldsa_44_verify_test.json");
    let keys = cases.into_iter().filter(weak);
    let refused = keys.filter(|case| {
        let key = unhex(case.group["publicKey"].as_str().unwrap());
        MlDsa44.check_key(&key).is_err()
    });
    assert_eq!(refused.count(), 2);
}
