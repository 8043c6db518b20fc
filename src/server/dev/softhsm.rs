//! The SoftHSM token of `custodian dev`: made on the first start, and kept whole over a kill.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use super::Folder;
use crate::{
    config::{self, Kek},
    crypto::aes_gcm,
    error::{Error, Source},
    kek::pkcs11::{self, PinSource},
    private_file,
    secret::Secret,
};

const CONF: &str = include_str!("../../../softhsm/softhsm2.conf.in");

const AWAY: &str =
    "reading the token's folder below the data folder; put it back, or begin with an empty folder";

/// The folder that is the token.
pub(super) const TOKENS: &str = "tokens";

/// The file of a token's own key.
pub(super) const TOKEN_OBJECT: &str = "token.object";

/// Copies of those.
pub(super) const KEPT: &str = "kept";

/// Writes SoftHSM's configuration below the folder and answers where: SoftHSM must find it in SOFTHSM2_CONF.
/// Written at each start, so that a folder that was copied elsewhere uses its own token.
///
/// # Errors
/// If it cannot be written.
pub fn conf(folder: &Folder) -> io::Result<PathBuf> {
    let home = folder.path.join("softhsm");
    let tokens = home.join(TOKENS);
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(&home)?;
    if folder.is_first_start() {
        private.create(&tokens)?;
    }
    write_conf(&home, &tokens)
}

/// Writes a configuration for the tokens of a folder, and answers where.
pub(super) fn write_conf(home: &Path, tokens: &Path) -> io::Result<PathBuf> {
    let conf = home.join("softhsm2.conf");
    let text = CONF.replace("@TOKENDIR@", &tokens.to_string_lossy());
    private_file::write(&conf, text.as_bytes())?;
    Ok(conf)
}

/// Opens the way to the token, and makes it on the first start.
pub(super) fn kek(folder: &Folder, deadline: Duration) -> Result<Kek, Source> {
    let module = config::softhsm_module()?;
    let home = folder.path.join("softhsm");
    let pin_file = home.join("pin");
    keep_tokens(&home).map_err(|error| Error::kek(AWAY, error))?;
    if folder.is_first_start() {
        if !pin_file.exists() {
            private_file::write(&pin_file, new_pin()?.as_bytes())?;
        }
        pkcs11::provision_token(&module, config::DEV_TOKEN, &PinSource::file(&pin_file))?;
        keep_tokens(&home)?;
    }
    Ok(Kek::softhsm(module, pin_file, deadline))
}

/// At each login SoftHSM empties the file that holds a token's own key and writes it again: a process killed in
/// between would lose every key of the token. So there is a copy, which is put back where the original is short.
fn keep_tokens(home: &Path) -> io::Result<()> {
    let copies = home.join(KEPT);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&copies)?;
    for token in fs::read_dir(home.join(TOKENS))? {
        let token = token?;
        if !token.file_type()?.is_dir() {
            continue;
        }
        let (original, copy) = (
            token.path().join(TOKEN_OBJECT),
            copies.join(token.file_name()),
        );
        let (found, kept) = (content(&original)?, content(&copy)?);
        if found.len() < kept.len() {
            tracing::warn!("a process was killed while it logged in; the token's file is put back");
            private_file::write(&original, &kept)?;
        } else if found != kept {
            private_file::write(&copy, &found)?;
        }
    }
    Ok(())
}

/// What a file holds; nothing if it is not there.
pub(super) fn content(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn new_pin() -> Result<Zeroizing<String>, Error> {
    let random = Secret::<16>::fill(|bytes| aes_gcm::random(bytes))?;
    Ok(Zeroizing::new(hex::encode(random.expose())))
}
