//! What a verifier trusts: keys of the service, and custodians if it pins them too.

use base64ct::{Base64, Encoding};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{checkpoint::NoteKey, ed25519, instant::instant, ml_dsa::ParameterSet};
use crate::{
    error::Error,
    json::{self, Object},
    words::{KeyAlgorithm, KeyPurpose, KeyState, Lead},
};

/// The JSON of `GET /v1/signing-keys`, perhaps with `custodians` beside `items` (formats.md section 5).
///
/// Members that are not known are passed over, since later services may add some; so are keys of algorithms that are
/// not known, which can sign nothing that is read here. A key whose `state` is `revoked` verifies nothing; `active` and
/// `retired` ones do, since a certificate outlives the key that it was signed by. A state that is not known may be one
/// in which a key is not to be believed: such a file is refused.
#[derive(Debug)]
pub struct Pinned {
    keys: Vec<Key>,
    custodians: Option<Vec<Custodian>>,
}

/// A signing key of the service.
#[derive(Debug)]
pub(super) struct Key {
    id: String,
    algorithm: KeyAlgorithm,
    bytes: Vec<u8>,
    /// `None` is one that this build does not know.
    pub(super) purpose: Option<KeyPurpose>,
    /// Then nothing that it signed is to be believed.
    pub(super) revoked: bool,
    /// Of checkpoints: under which name the log's notes carry it.
    origin: Option<String>,
}

/// A pinned key by which a log's checkpoints are signed.
#[derive(Debug)]
pub struct LogKey {
    /// As `/v1/signing-keys` names it.
    pub id: String,
    /// As notes name it.
    pub note: NoteKey,
    /// Then nothing that it signed is to be believed.
    pub revoked: bool,
}

/// A custodian that is trusted for a time.
#[derive(Debug)]
pub(super) struct Custodian {
    pub(super) id: String,
    pub(super) lead: Lead,
    pub(super) subject: String,
    pub(super) scheme: String,
    pub(super) public_key: String,
    from: Timestamp,
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct File {
    items: Vec<Object<Item>>,
    custodians: Option<Vec<Object<Person>>>,
}

#[derive(Deserialize)]
struct Item {
    key_id: String,
    purpose: String,
    algorithm: String,
    public_key: String,
    state: String,
    vkey: Option<String>,
}

#[derive(Deserialize)]
struct Person {
    id: String,
    role: String,
    subject: String,
    scheme: String,
    public_key: String,
    from: String,
    until: Option<String>,
}

/// How the service names a key: its algorithm and the first 16 hex digits of SHA-256 over its bytes.
#[must_use]
pub fn key_id(algorithm: KeyAlgorithm, public_key: &[u8]) -> String {
    let hash = hex::encode(Sha256::digest(public_key));
    let beginning: String = hash.chars().take(16).collect();
    format!("{}:{beginning}", algorithm.name())
}

impl Pinned {
    /// Reads a keys file.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is not JSON of this form; [`Error::Invalid`] says what in it cannot be trusted.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        let file: File = json::read(text)?;
        let keys = file.items.into_iter().filter_map(|item| Key::read(item.0));
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        if twice(keys.iter().map(|key| &key.id)) {
            return Err(Error::Invalid(
                "a key stands twice among the items: a key of the service has one purpose only",
            ));
        }
        let people = |people: Vec<Object<Person>>| {
            let people = people.into_iter().map(|person| Custodian::read(person.0));
            people.collect::<Result<Vec<_>, _>>()
        };
        let custodians = file.custodians.map(people).transpose()?;
        if twice(custodians.iter().flatten().map(|custodian| &custodian.id)) {
            return Err(Error::Invalid("an id stands twice among the custodians"));
        }
        Ok(Self { keys, custodians })
    }

    /// The custodians, if the file pins them; an empty list pins them too.
    pub(super) fn custodians(&self) -> Option<&[Custodian]> {
        self.custodians.as_deref()
    }

    /// The keys of the log of that name, or of the one that the file names; revoked ones too.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is none, or if nobody says which log it is.
    pub fn log_keys(&self, origin: Option<&str>) -> Result<Vec<LogKey>, Error> {
        let signs = |key: &&Key| {
            key.purpose == Some(KeyPurpose::Checkpoint) && key.algorithm == KeyAlgorithm::Ed25519
        };
        let keys = self.keys.iter().filter(signs).map(|key| key.of_log(origin));
        let keys: Vec<LogKey> = keys.collect::<Result<_, _>>()?;
        match keys.is_empty() {
            false => Ok(keys),
            true => Err(Error::Invalid(
                "no key of the items has the purpose checkpoint: take the answer of /v1/signing-keys as it is",
            )),
        }
    }

    /// The key of that algorithm and id; one that was revoked too.
    pub(super) fn key(&self, algorithm: KeyAlgorithm, id: &str) -> Option<&Key> {
        let named = |key: &&Key| key.algorithm == algorithm && key.id == id;
        self.keys.iter().find(named)
    }
}

impl Key {
    /// `None` for a key of an algorithm that is not known.
    fn read(item: Item) -> Option<Result<Self, Error>> {
        let algorithm = KeyAlgorithm::named(&item.algorithm)?;
        Some(Self::of(algorithm, item))
    }

    fn of(algorithm: KeyAlgorithm, item: Item) -> Result<Self, Error> {
        let bytes = Base64::decode_vec(&item.public_key)
            .map_err(|_| Error::Invalid("a public_key of the items is not standard base64"))?;
        if item.key_id != key_id(algorithm, &bytes) {
            return Err(Error::Invalid(
                "a key_id of the items is not that of its public_key: take the answer of /v1/signing-keys as it is",
            ));
        }
        match algorithm {
            KeyAlgorithm::Ed25519 => ed25519::check_key(array(&bytes)?)?,
            KeyAlgorithm::MlDsa65 => ParameterSet::MlDsa65.check_key(&bytes)?,
        }
        let origin = item.vkey.map(|vkey| origin(&vkey, &bytes)).transpose()?;
        Ok(Self {
            origin,
            id: item.key_id,
            algorithm,
            bytes,
            purpose: KeyPurpose::named(&item.purpose),
            revoked: revoked(&item.state)?,
        })
    }

    fn of_log(&self, origin: Option<&str>) -> Result<LogKey, Error> {
        let origin = origin.or(self.origin.as_deref()).ok_or(Error::Invalid(
            "the keys file does not name the log (vkey of the checkpoint key): say which it is, by --origin",
        ))?;
        Ok(LogKey {
            id: self.id.clone(),
            note: NoteKey::new(origin, *array(&self.bytes)?)?,
            revoked: self.revoked,
        })
    }

    /// Whether it made the signature over `message`, revoked or not. Both implementations of ML-DSA have to say so.
    pub(super) fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            KeyAlgorithm::Ed25519 => match (array(&self.bytes), signature.try_into()) {
                (Ok(key), Ok(signature)) => ed25519::verify(key, message, signature).is_ok(),
                _ => false,
            },
            KeyAlgorithm::MlDsa65 => {
                let set = ParameterSet::MlDsa65;
                set.verify_second(&self.bytes, message, signature).is_ok()
                    && set.verify(&self.bytes, message, signature).is_ok()
            }
        }
    }
}

impl Custodian {
    fn read(person: Person) -> Result<Self, Error> {
        const TIMES: Error = Error::Invalid(
            "from and until of a custodian are RFC 3339 times in UTC with Z, such as 2026-11-23T10:00:00Z",
        );
        let until = person
            .until
            .as_deref()
            .map(|until| instant(until).ok_or(TIMES));
        Ok(Self {
            lead: Lead::named(&person.role).ok_or(Error::Invalid(
                "the role of a custodian is risk_lead or security_lead",
            ))?,
            from: instant(&person.from).ok_or(TIMES)?,
            until: until.transpose()?,
            id: person.id,
            subject: person.subject,
            scheme: person.scheme,
            public_key: person.public_key,
        })
    }

    /// Whether it could sign then.
    pub(super) fn is_trusted_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// The log's name in a vkey, which must be that of this key.
fn origin(vkey: &str, bytes: &[u8]) -> Result<String, Error> {
    const OTHER: Error = Error::Invalid(
        "a vkey of the items is not that of its public_key: take the answer of /v1/signing-keys as it is",
    );
    let (origin, _) = vkey.split_once('+').ok_or(OTHER)?;
    let ours = NoteKey::new(origin, *array(bytes)?)?.vkey();
    (ours == vkey).then(|| origin.to_owned()).ok_or(OTHER)
}

fn revoked(state: &str) -> Result<bool, Error> {
    match KeyState::named(state) {
        Some(KeyState::Active | KeyState::Retired) => Ok(false),
        Some(KeyState::Revoked) => Ok(true),
        None => Err(Error::Invalid(
            "the state of a key of the items is active, retired or revoked: a later service's keys need its verifier",
        )),
    }
}

fn array(bytes: &[u8]) -> Result<&[u8; ed25519::PUBLIC_KEY_BYTES], Error> {
    bytes
        .try_into()
        .map_err(|_| Error::Invalid("a public_key of the items is not 32 bytes, as Ed25519 has it"))
}

fn twice<'a>(ids: impl Iterator<Item = &'a String>) -> bool {
    let mut ids: Vec<&String> = ids.collect();
    ids.sort_unstable();
    ids.windows(2).any(|pair| pair.first() == pair.last())
}
