//! Owns the PIN: where it is read, that a refused one is not presented twice, and that none is that could lock the token.
//! Keeps no PIN but one that was typed.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use cryptoki::{
    context::Pkcs11,
    error::{Error as Pkcs11Error, RvError},
    slot::Slot,
    types::AuthPin,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    kek::{Cause, Trouble},
};

mod source;

pub use source::PinSource;

/// Wrong PINs that a token is given that does not warn.
const UNWARNED: usize = 2;
/// Parts the officer's PIN from every other use of the user's.
const OFFICER: &[u8] = b"aegis-custodian/officer-pin/v1\0";

/// A PIN for one login, wiped on drop, and its digest. No `Debug`.
pub(super) struct Pin(AuthPin, [u8; 32]);

impl Pin {
    fn of(text: &str) -> Self {
        Self(AuthPin::from(text), Sha256::digest(text).into())
    }

    pub(super) fn expose(&self) -> &AuthPin {
        &self.0
    }

    /// The security officer's PIN of a token that we initialise: known again after a crash, to the same file's owner.
    pub(super) fn officer(&self) -> AuthPin {
        let digest = Sha256::new_with_prefix(OFFICER).chain_update(self.1);
        let text = Zeroizing::new(hex::encode(digest.finalize()));
        AuthPin::from(text.as_str())
    }
}

/// What a token says of its user's PIN before anything is presented to it.
pub(super) struct Standing {
    /// Tells the token from another in its slot.
    serial: String,
    /// CKF_USER_PIN_COUNT_LOW: a wrong PIN was presented since the last right one.
    warns: bool,
    /// CKF_USER_PIN_FINAL_TRY: another wrong one locks it.
    last_try: bool,
    /// CKF_USER_PIN_LOCKED.
    locked: bool,
}

impl Standing {
    pub(super) fn of(pkcs11: &Pkcs11, slot: Slot) -> Result<Self, Error> {
        let about = pkcs11.get_token_info(slot);
        let about = about.map_err(|error| Error::kek("asking how the PIN stands", error))?;
        Ok(Self {
            serial: about.serial_number().to_owned(),
            warns: about.user_pin_count_low(),
            last_try: about.user_pin_final_try(),
            locked: about.user_pin_locked(),
        })
    }
}

/// A PIN that a token refused.
struct Refused {
    serial: String,
    pin: [u8; 32],
    /// Whether an operator wants it presented once more.
    forgiven: bool,
}

/// Logs in, and remembers the digests of refused PINs: real tokens lock after three wrong ones.
pub(super) struct Login {
    source: PinSource,
    refused: Mutex<Vec<Refused>>,
    /// An operator's word that the next login takes up.
    forgiven: AtomicBool,
}

impl Login {
    pub(super) fn new(source: PinSource) -> Self {
        Self {
            source,
            refused: Mutex::default(),
            forgiven: AtomicBool::new(false),
        }
    }

    /// Reads the PIN and presents it, unless that token refused it since it last took one, or may lock it. That
    /// somebody of this process is logged in already is success: the login is per token, not per session.
    pub(super) fn present(
        &self,
        token: &Standing,
        to_token: impl FnOnce(&AuthPin) -> Result<(), Pkcs11Error>,
    ) -> Result<(), Error> {
        let pin = self.source.read()?;
        // One that has not come back may yet be refused: a second beside it could be the second wrong one.
        let Ok(mut refused) = self.refused.try_lock() else {
            let why = "an earlier login has not come back";
            return Err(unopened(Cause::NoAnswer, why));
        };
        if self.forgiven.swap(false, SeqCst) {
            refused.iter_mut().for_each(|one| one.forgiven = true);
        }
        may_present(&refused, token, &pin)?;
        match to_token(pin.expose()) {
            Ok(()) => refused.retain(|one| one.serial != token.serial),
            Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                if refuses_pin(&error) {
                    refused.iter_mut().for_each(|one| one.forgiven = false);
                    refused.push(Refused {
                        serial: token.serial.clone(),
                        pin: pin.1,
                        forgiven: false,
                    });
                    let refused = Trouble::new(Cause::PinRefused, error);
                    return Err(Error::kek("logging in", refused));
                }
                return Err(Error::kek("logging in", error));
            }
        }
        Ok(())
    }

    /// Lets refused PINs be presented once more.
    pub(super) fn forgive(&self) {
        self.forgiven.store(true, SeqCst);
    }
}

/// Refuses what was refused before, and whatever could be the wrong PIN that locks the token. One that does not warn
/// (not every vendor sets the flags) is taken to lock at the third.
fn may_present(refused: &[Refused], token: &Standing, pin: &Pin) -> Result<(), Error> {
    let here = refused.iter().filter(|one| one.serial == token.serial);
    if token.locked {
        return Err(unopened(Cause::PinLocked, "the token has locked the PIN"));
    }
    if token.last_try || (here.clone().count() >= UNWARNED && !token.warns) {
        let why = "one more wrong PIN could lock the token";
        return Err(unopened(Cause::PinLastTry, why));
    }
    let mut same = here.filter(|one| one.pin == pin.1);
    if same.any(|one| !one.forgiven) {
        let why = "the token refused this PIN before; waiting for the PIN file to change";
        return Err(unopened(Cause::PinRefused, why));
    }
    Ok(())
}

fn unopened(cause: Cause, why: &'static str) -> Error {
    Error::kek("logging in", Trouble::new(cause, why))
}

pub(super) fn refuses_pin(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::PinIncorrect
                | RvError::PinInvalid
                | RvError::PinLenRange
                | RvError::PinExpired
                | RvError::PinLocked
                | RvError::PinTooWeak,
            _
        )
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use cryptoki::{
        context::Function,
        error::{Error as Pkcs11Error, RvError},
    };

    use super::{Login, PinSource, Standing};

    fn pin_file(text: &str, mode: u32) -> (tempfile::TempDir, PinSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, PinSource::file(path))
    }

    fn rewrite(folder: &tempfile::TempDir, text: &str) {
        fs::write(folder.path().join("pin"), text).unwrap();
    }

    #[test]
    fn an_empty_pin_and_a_file_that_others_can_read_are_refused() {
        for (text, mode) in [("", 0o600), ("\n", 0o600), ("1234", 0o640), ("1234", 0o604)] {
            let (_folder, source) = pin_file(text, mode);
            assert!(source.read().is_err(), "{text:?} {mode:o}");
        }
        let (_folder, source) = pin_file("1234\n", 0o400);
        assert!(source.read().is_ok());
    }

    fn token(serial: &str) -> Standing {
        Standing {
            serial: serial.to_owned(),
            warns: false,
            last_try: false,
            locked: false,
        }
    }

    /// How many of so many logins reach a token that refuses every PIN.
    fn reach(login: &Login, token: &Standing, times: usize) -> usize {
        let mut reached = 0;
        for _ in 0..times {
            let answer = login.present(token, |_| {
                reached += 1;
                Err(Pkcs11Error::Pkcs11(RvError::PinIncorrect, Function::Login))
            });
            assert!(answer.is_err());
        }
        reached
    }

    #[test]
    fn a_refused_pin_is_presented_once_until_the_file_changes() {
        let (folder, source) = pin_file("wrong\n", 0o600);
        let login = Login::new(source);
        assert_eq!(reach(&login, &token("1"), 5), 1);
        rewrite(&folder, "right\n");
        assert!(login.present(&token("1"), |_| Ok(())).is_ok());
    }

    #[test]
    fn a_pin_that_one_token_refused_is_presented_to_another() {
        let (_folder, source) = pin_file("right", 0o600);
        let login = Login::new(source);
        assert_eq!(reach(&login, &token("wrong"), 2), 1);
        assert!(login.present(&token("1"), |_| Ok(())).is_ok());
        assert_eq!(reach(&login, &token("wrong"), 2), 0);
    }

    #[test]
    fn a_pin_that_was_refused_is_not_presented_though_others_were_tried_since() {
        let (folder, source) = pin_file("a", 0o600);
        let login = Login::new(source);
        let mut warning = token("1");
        warning.warns = true;
        let mut reached = 0;
        for pin in ["a", "b", "a", "b", "a"] {
            rewrite(&folder, pin);
            reached += reach(&login, &warning, 2);
        }
        assert_eq!(reached, 2);
    }

    #[test]
    fn an_operator_has_it_presented_once_more_and_never_a_third_time_to_a_token_that_does_not_warn()
    {
        let (folder, source) = pin_file("wrong", 0o600);
        let login = Login::new(source);
        let mut reached = 0;
        for _ in 0..5 {
            reached += reach(&login, &token("1"), 3);
            login.forgive();
        }
        assert_eq!(reached, 2);
        rewrite(&folder, "another");
        assert_eq!(reach(&login, &token("1"), 1), 0);
        let mut warning = token("1");
        warning.warns = true;
        assert!(login.present(&warning, |_| Ok(())).is_ok());
    }

    #[test]
    fn an_operators_word_is_not_lost_while_a_login_is_on_its_way() {
        let (_folder, source) = pin_file("wrong", 0o600);
        let login = Login::new(source);
        let refused = login.present(&token("1"), |_| {
            login.forgive();
            Err(Pkcs11Error::Pkcs11(RvError::PinIncorrect, Function::Login))
        });
        assert!(refused.is_err());
        assert_eq!(reach(&login, &token("1"), 3), 1);
    }

    #[test]
    fn nothing_is_presented_to_a_token_that_is_locked_or_about_to_be() {
        let (_folder, source) = pin_file("right", 0o600);
        let login = Login::new(source);
        for standing in [
            Standing {
                last_try: true,
                ..token("1")
            },
            Standing {
                locked: true,
                ..token("1")
            },
        ] {
            login.forgive();
            assert_eq!(reach(&login, &standing, 2), 0);
        }
    }

    #[test]
    fn another_failure_of_the_login_is_tried_again_with_the_same_pin() {
        let (_folder, source) = pin_file("right", 0o600);
        let login = Login::new(source);
        let sick = || Err(Pkcs11Error::Pkcs11(RvError::DeviceError, Function::Login));
        assert!(login.present(&token("1"), |_| sick()).is_err());
        assert!(login.present(&token("1"), |_| Ok(())).is_ok());
    }
}
