//! A token that locks its PIN after three wrong ones is not locked by us, whatever stands in the PIN file.

use std::time::Duration;

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    session::UserType,
    types::AuthPin,
};

use super::*;

/// Longer than the supervisor's longest pause: whoever wants to try again has tried.
const AGES: Duration = Duration::from_millis(1800);

struct Bench {
    kek: Pkcs11Kek,
    double: Double,
    token: Token,
    record: WrappedSecret,
}

impl Bench {
    fn new() -> Self {
        let token = Token::new();
        let double = Double::of_character(&token, "locking");
        let kek = double.open(1);
        kek.create(&version(1)).unwrap();
        kek.adopt(ring(&kek, &[1])).unwrap();
        let record = kek.wrap(&secret(7), &CONTEXT).unwrap();
        Self {
            kek,
            double,
            token,
            record,
        }
    }

    fn logins(&self) -> usize {
        self.double.calls("C_Login")
    }

    fn lose_login(&self) {
        self.double.close_sessions();
        let _lost = self.kek.probe();
    }

    fn is_back(&self) {
        let before = Instant::now();
        while self.kek.unwrap(&self.record, &CONTEXT).is_err() {
            assert!(before.elapsed().as_secs() < 10, "not back");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What a person with the right PIN finds, once the provider, which initialises the library again and again, is gone.
    fn lets_the_right_pin_in(self) {
        drop(self.kek);
        let pkcs11 = Pkcs11::new(self.double.module()).unwrap();
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let _already = pkcs11.initialize(arguments);
        let session = pkcs11.open_ro_session(self.token.slot(&pkcs11)).unwrap();
        session
            .login(UserType::User, Some(&AuthPin::from(softhsm::PIN)))
            .unwrap();
    }
}

#[test]
fn a_file_that_changes_back_and_forth_costs_one_login_for_each_change() {
    let bench = Bench::new();
    for _ in 0..4 {
        bench.token.write_pin("wrong-pin");
        let before = bench.logins();
        bench.lose_login();
        thread::sleep(AGES);
        assert_eq!(bench.logins() - before, 1, "the wrong one");
        assert!(is_unavailable(&bench.kek.probe()));
        bench.token.write_pin(softhsm::PIN);
        bench.is_back();
        assert_eq!(bench.logins() - before, 2, "and the right one");
    }
}

#[test]
fn two_wrong_pins_that_take_turns_are_presented_once_each_and_lock_nothing() {
    let bench = Bench::new();
    bench.token.write_pin("wrong-pin-0");
    let before = bench.logins();
    bench.lose_login();
    for turn in 1..6 {
        thread::sleep(AGES);
        bench.token.write_pin(&format!("wrong-pin-{}", turn % 2));
    }
    thread::sleep(AGES);
    let presented = bench.logins() - before;
    assert!((1..=2).contains(&presented), "{presented}");
    bench.lets_the_right_pin_in();
}
