//! Checkpoints of the audit log: C2SP tlog-checkpoints (<https://c2sp.org/tlog-checkpoint>) in signed notes
//! (<https://c2sp.org/signed-note>), by the crates `tlog_tiles` and `signed_note`; signed and verified by our own Ed25519.

use base64ct::{Base64, Encoding};
use signed_note::{Note, Signature, Verifier, VerifierList, is_key_name_valid, key_id};
use tlog_tiles::{Checkpoint as TlogCheckpoint, Hash as TlogHash};

use super::{
    ed25519::{self, PUBLIC_KEY_BYTES, SIGNATURE_BYTES},
    merkle::Hash,
};
use crate::error::Error;

/// What the signed-note page calls Ed25519.
const ALGORITHM: u8 = 1;

/// What a log commits to: its first `size` entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Why a note is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distrust {
    /// It is not a checkpoint in a signed note.
    Malformed,
    /// It is another log's.
    Origin,
    /// Its signature is missing, wrong, or by another key.
    Signature,
}

/// The key by which a log's checkpoints are signed: Ed25519, under the log's name.
#[derive(Clone, Debug)]
pub struct NoteKey {
    origin: String,
    public_key: [u8; PUBLIC_KEY_BYTES],
}

/// Whether a log may have that name: not empty, no spaces, no plus, nothing that a line cannot hold.
#[must_use]
pub fn is_origin(name: &str) -> bool {
    is_key_name_valid(name) && !name.chars().any(char::is_control)
}

impl NoteKey {
    /// The key of the log of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it [`is_origin`].
    pub fn new(origin: &str, public_key: [u8; PUBLIC_KEY_BYTES]) -> Result<Self, Error> {
        let origin = is_origin(origin).then(|| origin.to_owned());
        let origin = origin.ok_or(Error::Invalid(
            "a log's origin is not empty and has no spaces and no plus",
        ))?;
        Ok(Self { origin, public_key })
    }

    /// `name+hash+key`, as verifiers of signed notes take it.
    #[must_use]
    pub fn vkey(&self) -> String {
        let key = Base64::encode_string(&self.bytes());
        format!("{}+{:08x}+{key}", self.origin, self.id())
    }

    /// The note in which `checkpoint` is signed; `sign` makes the 64 bytes of Ed25519 over its text.
    ///
    /// # Errors
    /// Those of `sign`; [`Error::Internal`] if it is another log's, or if what is signed does not verify.
    pub fn sign(
        &self,
        checkpoint: &Checkpoint,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
    ) -> Result<String, Error> {
        let text = text(checkpoint)?;
        let signature = Signature::new(self.origin.clone(), self.id(), sign(&text)?);
        let note = signature.and_then(|signature| Note::new(&text, &[signature]));
        let note = note.map_err(|error| internal(error.into()))?;
        let note = String::from_utf8(note.to_bytes()).map_err(|error| internal(error.into()))?;
        match self.open(&note) {
            Ok(opened) if opened == *checkpoint => Ok(note),
            _ => Err(Error::internal(
                "a checkpoint that was just signed does not verify",
            )),
        }
    }

    /// The checkpoint in `note`, if this key signed it; other signatures beside it are no harm.
    ///
    /// # Errors
    /// [`Distrust`] says why not.
    pub fn open(&self, note: &str) -> Result<Checkpoint, Distrust> {
        let (note, claimed) = parts(note)?;
        if claimed.origin != self.origin {
            return Err(Distrust::Origin);
        }
        let known = VerifierList::new(vec![Box::new(self.clone())]);
        note.verify(&known).map_err(|_| Distrust::Signature)?;
        Ok(claimed)
    }

    /// Whether a signature of `note` says that this key made it, be it true or not.
    #[must_use]
    pub fn is_named_in(&self, note: &str) -> bool {
        let named = |line: &str| {
            let signature = Signature::from_bytes(line.as_bytes());
            signature.is_ok_and(|one| one.name() == self.origin && one.id() == self.id())
        };
        note.lines().any(named)
    }

    fn id(&self) -> u32 {
        key_id(&self.origin, &self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        [&[ALGORITHM], self.public_key.as_slice()].concat()
    }
}

impl Verifier for NoteKey {
    fn name(&self) -> &str {
        &self.origin
    }

    fn key_id(&self) -> u32 {
        self.id()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature: Result<&[u8; SIGNATURE_BYTES], _> = signature.try_into();
        signature
            .is_ok_and(|signature| ed25519::verify(&self.public_key, message, signature).is_ok())
    }
}

/// The checkpoint that a note claims, whoever signed it.
///
/// # Errors
/// [`Distrust::Malformed`].
pub fn claimed(note: &str) -> Result<Checkpoint, Distrust> {
    parts(note).map(|(_, claimed)| claimed)
}

fn parts(note: &str) -> Result<(Note, Checkpoint), Distrust> {
    let note = Note::from_bytes(note.as_bytes()).map_err(|_| Distrust::Malformed)?;
    let read = TlogCheckpoint::from_bytes(note.text()).map_err(|_| Distrust::Malformed)?;
    let claimed = Checkpoint {
        origin: read.origin().to_owned(),
        size: read.size(),
        root: read.hash().0,
    };
    Ok((note, claimed))
}

fn text(checkpoint: &Checkpoint) -> Result<Vec<u8>, Error> {
    let Checkpoint { origin, size, root } = checkpoint;
    let made = TlogCheckpoint::new(origin, *size, TlogHash(*root), "");
    made.map(|made| made.to_bytes())
        .map_err(|_| Error::internal("the log's origin makes no checkpoint"))
}

fn internal(source: crate::error::Source) -> Error {
    Error::Internal {
        what: "signing a checkpoint",
        source: Some(source),
    }
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, StandardVerifier, VerifierList};

    use super::{Checkpoint, Distrust, NoteKey, ed25519};

    const SEED: [u8; 32] = [7; 32];

    fn key(origin: &str) -> NoteKey {
        NoteKey::new(origin, ed25519::public_key(&SEED)).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "example.com/log".to_owned(),
            size: 5,
            root: [3; 32],
        }
    }

    fn note() -> String {
        let sign = |text: &[u8]| Ok(ed25519::sign(&SEED, text).to_vec());
        key("example.com/log").sign(&checkpoint(), sign).unwrap()
    }

    #[test]
    fn what_was_signed_opens_and_the_crates_own_verifier_believes_our_vkey() {
        let key = key("example.com/log");
        assert_eq!(key.open(&note()), Ok(checkpoint()));
        let standard = StandardVerifier::new(&key.vkey()).unwrap();
        let note = Note::from_bytes(note().as_bytes()).unwrap();
        assert!(
            note.verify(&VerifierList::new(vec![Box::new(standard)]))
                .is_ok()
        );
    }

    #[test]
    fn each_changed_byte_is_noticed() {
        let (key, whole) = (key("example.com/log"), note());
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes);
            assert!(
                changed.is_err() || key.open(&changed.unwrap()).is_err(),
                "{at}"
            );
        }
        for cut in 0..whole.len() {
            assert!(
                whole.get(..cut).is_none_or(|cut| key.open(cut).is_err()),
                "{cut}"
            );
        }
    }

    #[test]
    fn another_logs_note_is_told_from_a_forged_one() {
        assert_eq!(
            key("example.com/other").open(&note()),
            Err(Distrust::Origin)
        );
        let forged = note().replace("\n5\n", "\n6\n");
        assert_eq!(
            key("example.com/log").open(&forged),
            Err(Distrust::Signature)
        );
        assert_eq!(
            key("example.com/log").open("no note"),
            Err(Distrust::Malformed)
        );
    }

    #[test]
    fn a_log_that_no_note_can_name_has_no_key() {
        for origin in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{7f}"] {
            assert!(NoteKey::new(origin, [0; 32]).is_err(), "{origin:?}");
        }
    }
}
