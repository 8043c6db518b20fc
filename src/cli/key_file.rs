//! Key files: a small JSON in an armoured `age` file under a passphrase (age-encryption.org/v1, scrypt), which any
//! `age` tool opens too.

use std::{
    fs::File,
    io::{self, Read},
    iter,
    path::{Path, PathBuf},
};

use age::{DecryptError, Decryptor, armor::ArmoredReader, scrypt, secrecy::SecretString};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::passphrase::PassphraseArguments;
use crate::{
    crypto::scheme::{AddressKind, Kind, Network, Scheme, SigningKey},
    error::Source,
    json, private_file,
    secret::Plaintext,
};

/// log2 of scrypt's N: each guess costs 256 MiB and about a second, which is what age itself aims at.
const WORK_FACTOR: u8 = 18;

/// The most that a key file may cost to open: 1 GiB.
const MOST_WORK: u8 = 20;

/// The most bytes of a key file, and of what is in it.
const MOST_BYTES: usize = 16 * 1024;

/// Which key a command works with.
#[derive(clap::Args, Debug)]
pub(super) struct KeyArguments {
    /// The key file that `custodian keygen` made.
    #[arg(long, value_name = "KEYFILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

impl KeyArguments {
    /// Opens the key file.
    pub(super) fn open(&self) -> Result<SigningKey, Source> {
        let about = |error: Source| format!("{}: {error}", self.key.display());
        let sealed = bounded(&self.key).map_err(|error| about(error.into()))?;
        let passphrase = self.passphrase.recall()?;
        Ok(open(&sealed, passphrase).map_err(about)?)
    }
}

/// Writes a key to a new file.
pub(super) fn create(
    path: &Path,
    key: &SigningKey,
    passphrase: SecretString,
) -> Result<(), Source> {
    let content = Content::of(key);
    let mut plain = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    serde_json::to_writer(&mut *plain, &content)?;
    let mut recipient = scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK_FACTOR);
    let sealed = age::encrypt_and_armor(&recipient, &plain)
        .map_err(|_| "the key file could not be encrypted")?;
    let written = private_file::create(path, sealed.as_bytes());
    Ok(written.map_err(|error| format!("{}: {error}", path.display()))?)
}

fn open(sealed: &[u8], passphrase: SecretString) -> Result<SigningKey, Source> {
    let plain = decrypt(sealed, passphrase).map_err(sentence)?;
    let content: Content = json::read(&plain).map_err(|_| NOT_A_KEY)?;
    content.key()
}

fn decrypt(sealed: &[u8], passphrase: SecretString) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut identity = scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MOST_WORK);
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed))?;
    let identity: &dyn age::Identity = &identity;
    let reader = decryptor.decrypt(iter::once(identity))?;
    let mut plain = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    reader.take(MOST_BYTES as u64).read_to_end(&mut plain)?;
    Ok(plain)
}

fn sentence(error: DecryptError) -> &'static str {
    match error {
        DecryptError::DecryptionFailed
        | DecryptError::InvalidMac
        | DecryptError::KeyDecryptionFailed => {
            "the passphrase is not the one of this key file, or the file is damaged"
        }
        DecryptError::ExcessiveWork { .. } => {
            "opening this file would take over 1 GiB of memory: custodian keygen did not make it"
        }
        DecryptError::InvalidHeader
        | DecryptError::Io(_)
        | DecryptError::NoMatchingKeys
        | DecryptError::UnknownFormat => NOT_A_KEY,
    }
}

const NOT_A_KEY: &str = "this is not a key file: custodian keygen makes one";

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MOST_BYTES as u64;
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        return Err(io::Error::other(NOT_A_KEY));
    }
    Ok(bytes)
}

/// What is in a key file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    address_kind: Option<AddressKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    scheme: Scheme,
    /// Base64.
    secret: String,
}

impl Content {
    fn of(key: &SigningKey) -> Self {
        let (network, address_kind) = match key.kind() {
            Kind::Bip322Simple { network, address } => (Some(network), Some(address)),
            Kind::Bip340 | Kind::Ed25519 | Kind::Ed25519MlDsa44 => (None, None),
        };
        Self {
            address_kind,
            network,
            scheme: key.kind().scheme(),
            secret: Base64::encode_string(key.secret().expose()),
        }
    }

    fn key(&self) -> Result<SigningKey, Source> {
        let kind = Kind::of(self.scheme, self.network, self.address_kind).ok_or(NOT_A_KEY)?;
        let secret = Base64::decode_vec(&self.secret).map_err(|_| NOT_A_KEY)?;
        Ok(SigningKey::new(kind, Plaintext::new(secret))?)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}
