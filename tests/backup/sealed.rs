//! A backup taken apart by the age crate and the format of docs/decisions/0018, not by the code that made it.

use std::io::Read;

use aegis_custodian::crypto::sealed_copy::Identities;
use age::{secrecy::ExposeSecret, x25519};
use serde_json::Value;

pub struct Keys {
    pub public: String,
    /// As age-keygen writes it.
    pub file: String,
    identity: x25519::Identity,
}

impl Keys {
    pub fn new() -> Self {
        let identity = x25519::Identity::generate();
        let public = identity.to_public().to_string();
        let secret = identity.to_string();
        Self {
            file: format!("# public key: {public}\n{}\n", secret.expose_secret()),
            public,
            identity,
        }
    }

    pub fn identities(&self) -> Identities {
        Identities::read(&self.file).unwrap()
    }
}

/// The manifest and the database.
pub fn opened(keys: &Keys, file: &[u8]) -> (Value, Vec<u8>) {
    let content = age::decrypt(&keys.identity, file).unwrap();
    let rest = content
        .strip_prefix(b"aegis-custodian/backup/v1\0")
        .unwrap();
    let (length, rest) = rest.split_at(4);
    let length = u32::from_be_bytes(length.try_into().unwrap());
    let (manifest, database) = rest.split_at(length as usize);
    (serde_json::from_slice(manifest).unwrap(), database.to_vec())
}

/// Seals other content to the same key.
pub fn sealed(keys: &Keys, content: &[u8]) -> Vec<u8> {
    age::encrypt(&keys.identity.to_public(), content).unwrap()
}

/// The content of a backup.
pub fn content(keys: &Keys, file: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    keys.identities()
        .open(file)
        .unwrap()
        .read_to_end(&mut content)
        .unwrap();
    content
}
