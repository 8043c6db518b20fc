//! The newest checkpoint beside the database: one note at a time, never none, and none only where there can be none.

use aegis_custodian::kek::{Cause, Level};
use cryptoki_sys::{CKR_DEVICE_MEMORY, CKR_FUNCTION_FAILED};

use super::*;

/// A double with version 1 adopted, and its token.
fn doubled() -> (Pkcs11Kek, Double, Token) {
    let token = Token::new();
    let double = Double::new(&token);
    let kek = double.open(1);
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    (kek, double, token)
}

fn notes(kek: &dyn NoteKeeper) -> Vec<Vec<u8>> {
    let mut notes = kek.notes().unwrap();
    notes.sort();
    notes
}

#[test]
fn a_note_takes_the_place_of_all_before_wherever_one_can_be_kept() {
    for (kek, _alive) in adopted() {
        assert!(notes(&*kek).is_empty());
        for note in [b"first".as_slice(), b"second", b"third"] {
            let kept = kek.keep_note(note).unwrap();
            let wanted: &[&[u8]] = if kept { &[note] } else { &[] };
            assert_eq!(notes(&*kek), wanted);
            let can = kek.description().mechanism != Mechanism::AesGcmTokenIv;
            assert_eq!(kept, can, "the token like a CloudHSM holds keys only");
        }
        kek.probe().unwrap();
    }
}

#[test]
fn a_note_outlives_the_process_that_kept_it() {
    let (kek, double, _token) = doubled();
    let ring = ring(&kek, &[1]);
    assert!(kek.keep_note(b"note").unwrap());
    drop(kek);
    let kek = double.open(1);
    kek.adopt(ring).unwrap();
    assert_eq!(notes(&kek), [b"note"]);
}

#[test]
fn cut_off_in_between_both_are_there_and_the_next_takes_the_place_of_both() {
    let (kek, double, _token) = doubled();
    assert!(kek.keep_note(b"first").unwrap());
    double.fail_always("C_DestroyObject", CKR_FUNCTION_FAILED);
    kek.keep_note(b"second").unwrap_err();
    assert_eq!(notes(&kek), [b"first".as_slice(), b"second"]);
    double.release();
    assert!(kek.keep_note(b"third").unwrap());
    assert_eq!(notes(&kek), [b"third"]);
}

#[test]
fn a_full_token_keeps_the_note_that_it_has_and_is_degraded_until_it_takes_one() {
    let (kek, double, _token) = doubled();
    assert!(kek.keep_note(b"first").unwrap());
    double.fail_always("C_CreateObject", CKR_DEVICE_MEMORY);
    kek.keep_note(b"second").unwrap_err();
    assert_eq!(notes(&kek), [b"first"]);
    let state = kek.condition().state();
    assert_eq!(
        (state.level, state.cause),
        (Level::Degraded, Some(Cause::ObjectUnusable))
    );
    kek.wrap(&secret(7), &CONTEXT).unwrap();
    double.release();
    assert!(kek.keep_note(b"third").unwrap());
    assert_eq!(kek.condition().state().level, Level::Up);
}

#[test]
fn a_token_that_is_away_is_never_one_without_notes() {
    let (kek, double, _token) = doubled();
    assert!(kek.keep_note(b"note").unwrap());
    double.pull_out();
    assert!(is_unavailable(&kek.notes()));
    assert!(is_unavailable(&kek.keep_note(b"lost")));
}

/// What a token answers when somebody else has logged it out: no objects, and no error.
#[test]
fn a_token_that_was_logged_out_is_never_one_without_notes() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    assert!(kek.keep_note(b"note").unwrap());
    token.session().logout().unwrap();
    assert_eq!(notes(&kek), [b"note"]);
}
