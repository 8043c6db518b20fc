//! Seals what leaves this machine to an operator's own keys, and opens it again: age (<https://age-encryption.org/v1>),
//! X25519 recipients. A piece at a time, in memory that does not grow.

use std::{
    io::{self, Read, Write},
    mem,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use age::{
    Decryptor, Encryptor, Identity,
    stream::{StreamReader, StreamWriter},
    x25519,
};

use crate::error::{Error, Source};

/// Recipients that one copy may be sealed to.
pub const MOST_RECIPIENTS: usize = 16;

/// Bytes of plaintext in one chunk of an age file, and of the tag that each has.
const CHUNK: (u64, u64) = (64 * 1024, 16);

/// To whom a copy is sealed: each of them alone can open it.
#[derive(Clone, Debug)]
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// Reads public keys (`age1…`).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless they are 1 to 16, each another one.
    pub fn read(texts: &[String]) -> Result<Self, Error> {
        if texts.is_empty() || texts.len() > MOST_RECIPIENTS {
            return Err(Error::Invalid(
                "name 1 to 16 recipients: public keys as age-keygen prints them",
            ));
        }
        let keys = texts.iter().map(|text| x25519::Recipient::from_str(text));
        let keys: Result<Vec<_>, _> = keys.collect();
        let keys = keys.map_err(|_| {
            Error::Invalid("a recipient is an age public key, age1…, as age-keygen prints it")
        })?;
        let mut names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        match names.len() == keys.len() {
            true => Ok(Self(keys)),
            false => Err(Error::Invalid("a recipient is named twice")),
        }
    }

    /// Their public keys, as they were given.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// What is being sealed.
pub struct Sealing {
    to: StreamWriter<Pieces>,
    made: Pieces,
    head: u64,
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sealing")
    }
}

/// What the cipher has written and nobody has taken yet.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<u8>>>);

impl Pieces {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealing {
    /// Begins a file under a key of its own.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn begin(recipients: &Recipients) -> Result<Self, Error> {
        let to = recipients.0.iter().map(|key| key as &dyn age::Recipient);
        let made = Pieces::default();
        let encryptor = Encryptor::with_recipients(to).map_err(failed)?;
        let to = encryptor.wrap_output(made.clone()).map_err(failed)?;
        let head = made.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok(Self {
            to,
            made,
            head: u64::try_from(head).unwrap_or_default(),
        })
    }

    /// How long the whole file is for so many bytes of content.
    #[must_use]
    pub fn length(&self, content: u64) -> u64 {
        let (chunk, tag) = CHUNK;
        let chunks = content.div_ceil(chunk).max(1);
        let tags = chunks.saturating_mul(tag);
        self.head.saturating_add(content).saturating_add(tags)
    }

    /// Seals more, and answers what can be sent.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, Error> {
        self.to.write_all(content).map_err(failed)?;
        Ok(self.made.take())
    }

    /// The last of the file.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn end(self) -> Result<Vec<u8>, Error> {
        let made = self.to.finish().map_err(failed)?;
        Ok(made.take())
    }
}

/// The secret keys with which copies are opened.
pub struct Identities(Vec<x25519::Identity>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Identities")
    }
}

impl Identities {
    /// Reads what age-keygen writes: a key (`AGE-SECRET-KEY-1…`) on each line that is no comment.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn read(text: &str) -> Result<Self, Error> {
        const WRONG: Error = Error::Invalid(
            "an identity file holds secret keys as age-keygen writes them, AGE-SECRET-KEY-1…, a line each",
        );
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| x25519::Identity::from_str(line).map_err(|_| WRONG));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(WRONG),
            false => Ok(Self(keys)),
        }
    }

    /// Opens a sealed file: what is read of the answer is what was sealed, and an error where it was changed or cut.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if none of the keys opens it, or if it is no such file.
    pub fn open<R: Read>(&self, sealed: R) -> Result<StreamReader<R>, Error> {
        let keys = self.0.iter().map(|key| key as &dyn Identity);
        let opened = Decryptor::new(sealed).and_then(|file| file.decrypt(keys));
        opened.map_err(|_| {
            Error::Corrupt("no key of the identity file opens the backup: it is sealed to others, or it is no backup")
        })
    }
}

fn failed(error: impl Into<Source>) -> Error {
    Error::Internal {
        what: "sealing a copy",
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use age::{secrecy::ExposeSecret, x25519};

    use super::{CHUNK, Identities, Recipients, Sealing};

    fn pair() -> (Recipients, Identities) {
        let key = x25519::Identity::generate();
        let recipients = Recipients::read(&[key.to_public().to_string()]).unwrap();
        let file = format!("# a comment\n\n{}\n", key.to_string().expose_secret());
        (recipients, Identities::read(&file).unwrap())
    }

    fn sealed(to: &Recipients, content: &[u8]) -> Vec<u8> {
        let mut sealing = Sealing::begin(to).unwrap();
        let length = sealing.length(content.len() as u64);
        let mut file = Vec::new();
        for piece in content.chunks(1000) {
            file.extend(sealing.seal(piece).unwrap());
        }
        file.extend(sealing.end().unwrap());
        assert_eq!(file.len() as u64, length);
        file
    }

    #[test]
    fn a_copy_of_any_length_is_as_long_as_was_said_and_opens() {
        let (to, own) = pair();
        let chunk = usize::try_from(CHUNK.0).unwrap();
        for length in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut opened = Vec::new();
            let file = sealed(&to, &content);
            own.open(&*file).unwrap().read_to_end(&mut opened).unwrap();
            assert!(opened == content, "{length}");
        }
    }

    #[test]
    fn a_copy_that_was_cut_or_changed_does_not_read_to_its_end() {
        let (to, own) = pair();
        let file = sealed(&to, &[7; 100_000]);
        for length in [file.len() - 1, file.len() - 20, file.len() - 50_000, 100, 0] {
            let opened = own.open(&file[..length]);
            assert!(opened.is_err() || opened.unwrap().read_to_end(&mut Vec::new()).is_err());
        }
        for at in (0..file.len()).step_by(997) {
            let mut file = file.clone();
            file[at] ^= 1;
            let opened = own.open(&*file);
            assert!(
                opened.is_err() || opened.unwrap().read_to_end(&mut Vec::new()).is_err(),
                "{at}"
            );
        }
    }

    #[test]
    fn only_the_recipients_open_a_copy() {
        let ((to, _), (_, other)) = (pair(), pair());
        assert!(other.open(&*sealed(&to, b"content")).is_err());
    }

    #[test]
    fn recipients_are_one_to_sixteen_different_public_keys() {
        let key = || x25519::Identity::generate().to_public().to_string();
        assert!(Recipients::read(&[]).is_err());
        assert!(Recipients::read(&["age1nonsense".to_owned()]).is_err());
        assert!(Recipients::read(&(0..16).map(|_| key()).collect::<Vec<_>>()).is_ok());
        assert!(Recipients::read(&(0..17).map(|_| key()).collect::<Vec<_>>()).is_err());
        let twice = key();
        assert!(Recipients::read(&[twice.clone(), twice.to_uppercase()]).is_err());
        assert!(Identities::read("# only a comment\n").is_err());
    }
}
