//! Owns where the PIN is read: a file at each login, or the terminal once.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use zeroize::Zeroizing;

use super::Pin;
use crate::{
    error::{Error, Source},
    kek::{Cause, Trouble},
};

/// Longer than any token takes; a larger file is not a PIN.
const MOST_BYTES: u64 = 1024;
/// Where systemd shows credentials to a service. It grants them by an ACL whose mask stands in the group bits.
const CREDENTIALS: &str = "/run/credentials";

/// Where the user's PIN is.
#[derive(Clone)]
pub struct PinSource(Place);

#[derive(Clone)]
enum Place {
    /// Read again at each login, so that a PIN can be changed without a restart.
    File(PathBuf),
    /// Typed once, and kept: a token that went away is opened again without asking.
    Terminal(Arc<OnceLock<Zeroizing<String>>>),
}

impl PinSource {
    /// A file of the service's user with mode 0600 or less, or a systemd credential.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The terminal, asked at the first login.
    #[must_use]
    pub fn terminal() -> Self {
        Self(Place::Terminal(Arc::default()))
    }

    /// Reads the PIN; a line ending at its end is cut off.
    pub(in crate::kek::pkcs11) fn read(&self) -> Result<Pin, Error> {
        match &self.0 {
            Place::File(path) => read_file(path),
            Place::Terminal(typed) => ask(typed),
        }
    }
}

impl fmt::Debug for PinSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => write!(out, "PinSource({})", path.display()),
            Place::Terminal(_) => out.write_str("PinSource(terminal)"),
        }
    }
}

fn ask(typed: &OnceLock<Zeroizing<String>>) -> Result<Pin, Error> {
    if typed.get().is_none() {
        let pin = rpassword::prompt_password("PIN of the token: ").map(Zeroizing::new);
        let pin = pin.map_err(|error| {
            untyped(
                format!("{error}; without a terminal, give it by pin_file or pin_credential")
                    .into(),
            )
        })?;
        if pin.is_empty() {
            return Err(untyped("no PIN was typed".into()));
        }
        typed.get_or_init(|| pin);
    }
    let pin = typed.get().map_or("", |pin| pin);
    Ok(Pin::of(pin))
}

fn read_file(path: &Path) -> Result<Pin, Error> {
    let unread = |why: &dyn fmt::Display| {
        let why = format!("{}: {why}", path.display());
        Error::kek("reading the PIN file", Trouble::new(Cause::PinFile, why))
    };
    let refuse = |why: &str| unread(&why);
    let file = File::open(path).map_err(|error| unread(&error))?;
    let about = file.metadata().map_err(|error| unread(&error))?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(refuse("it is not a file of at most 1,024 bytes"));
    }
    if about.permissions().mode() & forbidden_bits(path) != 0 {
        return Err(refuse("others than its owner may read it"));
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    file.take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| unread(&error))?;
    let pin = text.strip_suffix('\n').unwrap_or(&text);
    let pin = pin.strip_suffix('\r').unwrap_or(pin);
    if pin.is_empty() {
        return Err(refuse("it is empty"));
    }
    if pin.contains(['\n', '\r']) {
        return Err(refuse("it holds more than the one line of the PIN"));
    }
    Ok(Pin::of(pin))
}

fn untyped(why: Source) -> Error {
    Error::kek("asking for the PIN", Trouble::new(Cause::PinFile, why))
}

fn forbidden_bits(path: &Path) -> u32 {
    if path.starts_with(CREDENTIALS) {
        0o037
    } else {
        0o077
    }
}
