//! The test double of a token does what a test tells it, and nothing else.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::kek::TokenSigner;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::MechanismType,
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use cryptoki_sys::{CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED};
use double::Double;
use softhsm::Token;

#[path = "support/double.rs"]
mod double;
#[path = "support/softhsm.rs"]
mod softhsm;

/// The double's own library, initialised, with the slot of its token.
fn library(double: &Double, token: &Token) -> (Pkcs11, Slot) {
    let pkcs11 = Pkcs11::new(double.module()).unwrap();
    initialise(&pkcs11);
    let slot = token.slot(&pkcs11);
    (pkcs11, slot)
}

fn initialise(pkcs11: &Pkcs11) {
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    pkcs11.initialize(arguments).unwrap();
}

fn doubled() -> (Double, Pkcs11, Slot) {
    let token = Token::new();
    let double = Double::new(&token);
    let (pkcs11, slot) = library(&double, &token);
    (double, pkcs11, slot)
}

fn random(session: &Session) -> Result<(), Error> {
    session.generate_random_vec(4).map(drop)
}

fn refused<T>(result: Result<T, Error>) -> RvError {
    match result {
        Ok(_) => panic!("not refused"),
        Err(Error::Pkcs11(rv, _)) => rv,
        Err(error) => panic!("{error}"),
    }
}

fn login(session: &Session, pin: &str) -> Result<(), Error> {
    session.login(UserType::User, Some(&AuthPin::from(pin)))
}

#[test]
fn a_call_hangs_until_it_is_released_and_others_do_not() {
    let (double, pkcs11, slot) = doubled();
    double.hang("C_GenerateRandom");
    thread::scope(|scope| {
        let hanging = scope.spawn(|| random(&pkcs11.open_ro_session(slot).unwrap()));
        while double.calls("C_GenerateRandom") == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        pkcs11.get_token_info(slot).unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(!hanging.is_finished());
        double.release();
        hanging.join().unwrap().unwrap();
    });
}

#[test]
fn a_slow_function_is_slow() {
    let (double, pkcs11, slot) = doubled();
    double.sleep("C_GenerateRandom", 100);
    let before = Instant::now();
    random(&pkcs11.open_ro_session(slot).unwrap()).unwrap();
    assert!(before.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_function_fails_as_often_as_it_is_told() {
    let (double, pkcs11, slot) = doubled();
    let session = pkcs11.open_ro_session(slot).unwrap();
    double.fail("C_GenerateRandom", CKR_DEVICE_ERROR, 2);
    for _ in 0..2 {
        assert_eq!(refused(random(&session)), RvError::DeviceError);
    }
    random(&session).unwrap();
    double.fail_always("*", CKR_FUNCTION_FAILED);
    for _ in 0..3 {
        assert_eq!(refused(random(&session)), RvError::FunctionFailed);
        assert_eq!(
            refused(pkcs11.get_token_info(slot)),
            RvError::FunctionFailed
        );
    }
    double.release();
    random(&session).unwrap();
}

#[test]
fn a_token_that_is_pulled_out_shows_no_slot_and_loses_its_sessions() {
    let (double, pkcs11, slot) = doubled();
    let session = pkcs11.open_ro_session(slot).unwrap();
    double.pull_out();
    assert!(pkcs11.get_slots_with_token().unwrap().is_empty());
    assert_eq!(refused(random(&session)), RvError::DeviceRemoved);
    double.release();
    assert!(!pkcs11.get_slots_with_token().unwrap().is_empty());
    assert_eq!(refused(random(&session)), RvError::SessionHandleInvalid);
}

#[test]
fn sessions_are_closed_and_the_library_is_finalized_behind_our_back_once() {
    let (double, pkcs11, slot) = doubled();
    let session = pkcs11.open_ro_session(slot).unwrap();
    login(&session, softhsm::PIN).unwrap();
    double.close_sessions();
    assert_eq!(refused(random(&session)), RvError::SessionHandleInvalid);
    let session = pkcs11.open_ro_session(slot).unwrap();
    login(&session, softhsm::PIN).unwrap();
    double.finalize();
    assert_eq!(refused(random(&session)), RvError::CryptokiNotInitialized);
    initialise(&pkcs11);
    random(&pkcs11.open_ro_session(slot).unwrap()).unwrap();
}

#[test]
fn two_doubles_of_one_process_have_nothing_in_common() {
    let (first, one, slot) = doubled();
    let (second, other, other_slot) = doubled();
    let session = other.open_ro_session(other_slot).unwrap();
    first.finalize();
    assert_eq!(
        refused(one.open_ro_session(slot)),
        RvError::CryptokiNotInitialized
    );
    random(&session).unwrap();
    assert_eq!(second.calls("C_GenerateRandom"), 1);
    assert_eq!(first.calls("C_GenerateRandom"), 0);
}

#[test]
fn a_locking_token_locks_after_three_wrong_pins_and_says_how_many_are_left() {
    let token = Token::new();
    let double = Double::of_character(&token, "locking");
    let (pkcs11, slot) = library(&double, &token);
    let session = pkcs11.open_ro_session(slot).unwrap();
    let flags = || {
        let info = pkcs11.get_token_info(slot).unwrap();
        (
            info.user_pin_count_low(),
            info.user_pin_final_try(),
            info.user_pin_locked(),
        )
    };
    let wrong = || refused(login(&session, "no-such-pin"));
    assert_eq!(wrong(), RvError::PinIncorrect);
    assert_eq!(flags(), (true, false, false));
    login(&session, softhsm::PIN).unwrap();
    session.logout().unwrap();
    assert_eq!(flags(), (false, false, false));
    assert_eq!([wrong(), wrong(), wrong()], [RvError::PinIncorrect; 3]);
    assert!(flags().2);
    assert_eq!(refused(login(&session, softhsm::PIN)), RvError::PinLocked);
}

#[test]
fn a_cloudhsm_has_no_ed25519_in_its_list_either() {
    let token = Token::new();
    let double = Double::cloudhsm(&token);
    let (pkcs11, slot) = library(&double, &token);
    assert!(!double.open(1).signs().unwrap());
    let list = pkcs11.get_mechanism_list(slot).unwrap();
    assert!(list.contains(&MechanismType::AES_GCM));
    assert!(!list.contains(&MechanismType::EDDSA));
}
