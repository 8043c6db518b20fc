//! Owns the PIN: where it is read, and that a refused one is never presented twice. Keeps no PIN.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    error::{Error as Pkcs11Error, RvError},
    types::AuthPin,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;

/// Longer than any token takes; a larger file is not a PIN.
const MOST_BYTES: u64 = 1024;
/// Where systemd shows credentials to a service. It grants them by an ACL whose mask stands in the group bits.
const CREDENTIALS: &str = "/run/credentials";

/// Parts the officer's PIN from every other use of the user's.
const OFFICER: &[u8] = b"aegis-custodian/officer-pin/v1\0";

/// The file that holds the user's PIN: read again at each login, so that a PIN can be changed without a restart.
#[derive(Clone, Debug)]
pub struct PinSource(PathBuf);

impl PinSource {
    /// A file of the service's user with mode 0600 or less, or a systemd credential.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reads the PIN; a line ending at its end is cut off.
    pub(super) fn read(&self) -> Result<Pin, Error> {
        let refuse = |why: &'static str| Error::kek("reading the PIN file", why);
        let file =
            File::open(&self.0).map_err(|error| Error::kek("opening the PIN file", error))?;
        let about = file.metadata();
        let about = about.map_err(|error| Error::kek("reading the PIN file", error))?;
        if !about.is_file() || about.len() > MOST_BYTES {
            return Err(refuse("it is not a file of at most 1,024 bytes"));
        }
        if about.permissions().mode() & forbidden_bits(&self.0) != 0 {
            return Err(refuse("others than its owner may read it"));
        }
        let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
        file.take(MOST_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| Error::kek("reading the PIN file", error))?;
        let pin = text.strip_suffix('\n').unwrap_or(&text);
        let pin = pin.strip_suffix('\r').unwrap_or(pin);
        if pin.is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok(Pin(AuthPin::from(pin), Sha256::digest(pin).into()))
    }
}

fn forbidden_bits(path: &Path) -> u32 {
    if path.starts_with(CREDENTIALS) {
        0o037
    } else {
        0o077
    }
}

/// A PIN for one login, wiped on drop, and its digest. No `Debug`.
pub(super) struct Pin(AuthPin, [u8; 32]);

impl Pin {
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

/// Logs in, and remembers the digest of a refused PIN: real tokens lock after a few wrong ones.
pub(super) struct Login {
    source: PinSource,
    refused: Mutex<Option<[u8; 32]>>,
}

impl Login {
    pub(super) fn new(source: PinSource) -> Self {
        Self {
            source,
            refused: Mutex::new(None),
        }
    }

    /// Reads the PIN and presents it, unless it is the one that was refused last. That somebody of this process
    /// is logged in already is success: the login is per token, not per session.
    pub(super) fn present(
        &self,
        to_token: impl FnOnce(&AuthPin) -> Result<(), Pkcs11Error>,
    ) -> Result<(), Error> {
        let pin = self.source.read()?;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if *refused == Some(pin.1) {
            return Err(Error::kek(
                "logging in",
                "the token refused this PIN before; waiting for the PIN file to change",
            ));
        }
        match to_token(pin.expose()) {
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                *refused = None;
                Ok(())
            }
            Err(error) => {
                if refuses_pin(&error) {
                    *refused = Some(pin.1);
                }
                Err(Error::kek("logging in", error))
            }
        }
    }
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

    use super::{Login, PinSource};

    fn pin_file(text: &str, mode: u32) -> (tempfile::TempDir, PinSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, PinSource::file(path))
    }

    fn rewrite(source: &PinSource, text: &str) {
        fs::write(&source.0, text).unwrap();
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

    #[test]
    fn a_refused_pin_is_presented_once_until_the_file_changes() {
        let (_folder, source) = pin_file("wrong\n", 0o600);
        let login = Login::new(source);
        let mut attempts = 0;
        for _ in 0..5 {
            let answer = login.present(|_| {
                attempts += 1;
                Err(Pkcs11Error::Pkcs11(RvError::PinIncorrect, Function::Login))
            });
            assert!(answer.is_err());
        }
        assert_eq!(attempts, 1);
        rewrite(&login.source, "right\n");
        assert!(login.present(|_| Ok(())).is_ok());
    }

    #[test]
    fn another_failure_of_the_login_is_tried_again_with_the_same_pin() {
        let (_folder, source) = pin_file("right", 0o600);
        let login = Login::new(source);
        let sick = || Err(Pkcs11Error::Pkcs11(RvError::DeviceError, Function::Login));
        assert!(login.present(|_| sick()).is_err());
        assert!(login.present(|_| Ok(())).is_ok());
    }
}
