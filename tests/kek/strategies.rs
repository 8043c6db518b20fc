//! Tokens that choose the IV of AES-GCM themselves: found out, believed as far as they can be, and refused where not.

use aegis_custodian::kek::pkcs11::{Opening, survey};

use super::*;

/// A double of that character with version 1 adopted, and its token.
fn of_character(character: &str) -> (Pkcs11Kek, Double, Token) {
    let token = Token::new();
    let double = Double::of_character(&token, character);
    let kek = double.open(1);
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    (kek, double, token)
}

fn cloudhsm() -> (Pkcs11Kek, Double, Token) {
    of_character("cloudhsm")
}

fn is_refused_for<T: std::fmt::Debug>(result: Result<T, Error>, why: &str) {
    assert!(is_unavailable(&result), "{result:?}");
    let said = format!("{result:?}");
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_token_that_chooses_the_iv_is_found_out_and_its_iv_is_kept() {
    let (kek, _double, token) = cloudhsm();
    assert_eq!(kek.description().mechanism, Mechanism::AesGcmTokenIv);
    let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
    assert_eq!(wrapped.mechanism, Mechanism::AesGcmTokenIv);
    assert_ne!(wrapped.nonce, [0; 12]);
    // Another application of the same token, which hands in any IV, finds the record as it says it is.
    let beside = token.open(1);
    beside.adopt(bare_ring(1)).unwrap();
    let opened = beside.unwrap(&wrapped, &CONTEXT).unwrap();
    assert_eq!(opened.expose(), &[7; 32]);
}

#[test]
fn a_token_that_ignores_our_iv_in_silence_is_found_out_too() {
    let (kek, _double, _token) = of_character("own-iv");
    assert_eq!(kek.description().mechanism, Mechanism::AesGcmTokenIv);
    let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
    assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
}

#[test]
fn a_record_under_the_tokens_iv_opens_after_a_restart() {
    let (kek, double, _token) = cloudhsm();
    let record = kek.wrap(&secret(7), &CONTEXT).unwrap();
    let ring = ring(&kek, &[1]);
    drop(kek);
    let kek = double.open(1);
    kek.adopt(ring).unwrap();
    assert_eq!(kek.unwrap(&record, &CONTEXT).unwrap().expose(), &[7; 32]);
    kek.probe().unwrap();
}

#[test]
fn records_and_canaries_move_between_tokens_of_both_kinds() {
    let token = Token::new();
    let kek = token.open(1);
    kek.create(&version(1)).unwrap();
    let ours = ring(&kek, &[1]);
    kek.adopt(ours.clone()).unwrap();
    let old = kek.wrap(&secret(7), &CONTEXT).unwrap();
    assert_eq!(old.mechanism, Mechanism::AesGcm);
    let double = Double::cloudhsm(&token);
    let other = double.open(1);
    other.adopt(ours).unwrap();
    assert_eq!(other.unwrap(&old, &CONTEXT).unwrap().expose(), &[7; 32]);
    let new = other.wrap(&secret(8), &CONTEXT).unwrap();
    kek.adopt(ring(&other, &[1])).unwrap();
    assert_eq!(kek.unwrap(&new, &CONTEXT).unwrap().expose(), &[8; 32]);
    kek.probe().unwrap();
    other.probe().unwrap();
}

#[test]
fn the_canary_of_an_old_version_is_opened_and_not_sealed_again() {
    let (kek, double, _token) = cloudhsm();
    kek.create(&version(2)).unwrap();
    kek.adopt(ring(&kek, &[1, 2])).unwrap();
    let (sealed, opened) = (double.calls("C_EncryptInit"), double.calls("C_DecryptInit"));
    kek.probe().unwrap();
    assert_eq!(double.calls("C_EncryptInit") - sealed, 1);
    assert_eq!(double.calls("C_DecryptInit") - opened, 3);
}

#[test]
fn a_token_that_neither_takes_an_iv_nor_chooses_one_is_refused() {
    let token = Token::new();
    let double = Double::of_character(&token, "zero-iv");
    let kek = double.open(1);
    kek.create(&version(1)).unwrap();
    is_refused_for(kek.canary(&version(1)), "chose none itself");
    is_refused_for(kek.adopt(bare_ring(1)), "chose none itself");
    is_refused_for(
        survey(&double.module(), &token.label, Some(&token.pin())),
        "chose none itself",
    );
}

#[test]
fn a_token_that_chooses_one_iv_twice_is_refused() {
    let token = Token::new();
    let double = Double::of_character(&token, "same-iv");
    let kek = double.open(1);
    kek.create(&version(1)).unwrap();
    is_refused_for(kek.canary(&version(1)), "same IV twice");
    is_refused_for(kek.adopt(bare_ring(1)), "same IV twice");
}

#[test]
fn a_token_that_stops_choosing_ivs_seals_nothing_more() {
    for (character, why) in [
        ("zero-iv", "chose none itself"),
        ("same-iv", "same IV twice"),
    ] {
        let (kek, double, _token) = cloudhsm();
        let record = kek.wrap(&secret(7), &CONTEXT).unwrap();
        double.command(character);
        let wraps = [
            kek.wrap(&secret(8), &CONTEXT),
            kek.wrap(&secret(8), &CONTEXT),
        ];
        let [_first, second] = wraps;
        is_refused_for(second, why);
        assert!(is_unavailable(&kek.probe()));
        assert!(is_unavailable(&kek.wrap(&secret(8), &CONTEXT)));
        // Nothing but the sealing was wrong; still, it is not to be trusted with anything.
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
    }
}

#[test]
fn a_token_that_puts_its_own_iv_in_the_place_of_ours_seals_nothing_as_if_it_were_ours() {
    let token = Token::new();
    let double = Double::new(&token);
    let kek = double.open(1);
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    let record = kek.wrap(&secret(7), &CONTEXT).unwrap();
    assert_eq!(record.mechanism, Mechanism::AesGcm);
    double.command("own-iv");
    is_refused_for(
        kek.wrap(&secret(8), &CONTEXT),
        "another IV in the place of ours",
    );
}

#[test]
fn a_token_whose_ivs_begin_again_is_refused() {
    let (kek, double, _token) = of_character("counting-iv");
    let ring = ring(&kek, &[1]);
    kek.adopt(ring.clone()).unwrap();
    drop(kek);
    let kek = double.open(1);
    kek.adopt(ring.clone()).unwrap();
    drop(kek);
    double.command("counting-iv");
    let kek = double.open(1);
    // The fourth IV was the canary's in the ring: two trials, two that were sealed to be adopted, then it.
    kek.canary(&version(1)).unwrap();
    kek.canary(&version(1)).unwrap();
    is_refused_for(kek.adopt(ring), "had chosen before");
}

#[test]
fn a_survey_says_how_the_token_seals_and_leaves_nothing_in_it() {
    guardian();
    let token = Token::new();
    let double = Double::cloudhsm(&token);
    let look = |module: &std::path::Path, pin| survey(module, &token.label, pin).unwrap();
    let pin = token.pin();
    let seen = look(&double.module(), Some(&pin));
    assert_eq!(seen.opening, Opening::Opens);
    assert_eq!(seen.mechanism, Some(Mechanism::AesGcmTokenIv));
    assert_eq!((seen.aes_gcm, seen.ed25519), (true, false));
    let seen = look(softhsm::MODULE.as_ref(), Some(&pin));
    assert_eq!(seen.mechanism, Some(Mechanism::AesGcm));
    assert_eq!(look(softhsm::MODULE.as_ref(), None).mechanism, None);
    assert!(token.session().find_objects(&[]).unwrap().is_empty());
}
