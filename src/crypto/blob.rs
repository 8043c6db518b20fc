//! The text form of what callers keep: `cst1:{kind}:{reference}:{base64url}` (formats.md section 2).

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    algorithm::Mechanism,
    crypto::wrapped::WrappedSecret,
    error::Error,
    id::{DekName, DekVersion, KekVersion},
};

/// What any text that is not a whole blob of the wanted kind answers.
pub const NOT_A_BLOB: Error = Error::Corrupt("this is not an intact blob of this kind");

const KEK_PREFIX: &str = "cst1:kek:";

/// A blob of `/v1/wrap`: a one-time key under the KEK, and the payload under that key.
#[derive(Debug)]
pub struct KekBlob {
    /// The one-time key, wrapped.
    pub one_time: WrappedSecret,
    /// `nonce || ciphertext || tag` of the payload.
    pub payload: Vec<u8>,
}

impl KekBlob {
    /// The payload's AAD: it names neither KEK version, so that rewrap need not open the payload.
    #[must_use]
    pub fn payload_aad(wrap_scope: &str, context: &[u8]) -> Vec<u8> {
        [KEK_PREFIX.as_bytes(), wrap_scope.as_bytes(), context].join(&0)
    }

    /// The blob as text.
    ///
    /// # Errors
    /// [`Error::Internal`] if the wrapped one-time key is longer than its length field can say.
    pub fn encode(&self) -> Result<String, Error> {
        let record = encode_record(&self.one_time)?;
        let length = u16::try_from(record.len()).map_err(|_| RECORD_TOO_LONG)?;
        let body = [&length.to_be_bytes(), record.as_slice(), &self.payload].concat();
        let body = Base64UrlUnpadded::encode_string(&body);
        Ok(format!("{KEK_PREFIX}{}:{body}", self.one_time.kek))
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the text is not a whole one.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let (version, body) = split(text, KEK_PREFIX)?;
        let kek: KekVersion = version.parse().map_err(|_| NOT_A_BLOB)?;
        let (length, rest) = body.split_first_chunk::<2>().ok_or(NOT_A_BLOB)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (record, payload) = rest.split_at_checked(length).ok_or(NOT_A_BLOB)?;
        Ok(Self {
            one_time: decode_record(kek, record)?,
            payload: payload.to_vec(),
        })
    }
}

/// How a DEK's blob was encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DekBlobKind {
    /// `dek`: AES-256-GCM under the version's key; the payload is `nonce || ciphertext || tag`.
    Aead,
    /// `hpke`: to the version's public key, here or elsewhere; the payload is
    /// `encapsulated key || ciphertext || tag`.
    Hpke,
}

impl DekBlobKind {
    const ALL: [Self; 2] = [Self::Aead, Self::Hpke];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Aead => "cst1:dek:",
            Self::Hpke => "cst1:hpke:",
        }
    }
}

/// What a DEK encrypted.
#[derive(Debug, Eq, PartialEq)]
pub struct DekBlob {
    /// How.
    pub kind: DekBlobKind,
    /// Which DEK.
    pub name: DekName,
    /// Which of its versions.
    pub version: DekVersion,
    /// What its kind says.
    pub payload: Vec<u8>,
}

impl DekBlob {
    /// The AAD of an `aes-256-gcm` payload under this DEK version.
    #[must_use]
    pub fn aad(name: &DekName, version: &DekVersion, context: &[u8]) -> Vec<u8> {
        let prefix = DekBlobKind::Aead.prefix();
        let head = format!("{prefix}{}:", name.reference(version));
        [head.as_bytes(), context].join(&0)
    }

    /// The HPKE `info` of a payload to this DEK version's public key; `label` is the canonical context, or the
    /// name of a field.
    #[must_use]
    pub fn info(name: &DekName, version: &DekVersion, label: &[u8]) -> Vec<u8> {
        let reference = name.reference(version);
        [b"aegis-custodian/hpke/v1", reference.as_bytes(), label].join(&0)
    }

    /// The blob as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = Base64UrlUnpadded::encode_string(&self.payload);
        let reference = self.name.reference(&self.version);
        format!("{}{reference}:{body}", self.kind.prefix())
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the text is not a whole one.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let mut kinds = DekBlobKind::ALL.into_iter();
        let kind = kinds.find(|kind| text.starts_with(kind.prefix()));
        let kind = kind.ok_or(NOT_A_BLOB)?;
        let (reference, payload) = split(text, kind.prefix())?;
        let (name, version) = reference.split_once('/').ok_or(NOT_A_BLOB)?;
        Ok(Self {
            kind,
            name: name.parse().map_err(|_| NOT_A_BLOB)?,
            version: version.parse().map_err(|_| NOT_A_BLOB)?,
            payload,
        })
    }
}

const RECORD_TOO_LONG: Error = Error::Internal {
    what: "a wrapped one-time key is longer than a blob can carry",
    source: None,
};

fn split<'a>(text: &'a str, prefix: &str) -> Result<(&'a str, Vec<u8>), Error> {
    let rest = text.strip_prefix(prefix).ok_or(NOT_A_BLOB)?;
    let (reference, body) = rest.split_once(':').ok_or(NOT_A_BLOB)?;
    let body = Base64UrlUnpadded::decode_vec(body).map_err(|_| NOT_A_BLOB)?;
    Ok((reference, body))
}

fn encode_record(wrapped: &WrappedSecret) -> Result<Vec<u8>, Error> {
    let mechanism = wrapped.mechanism.name().as_bytes();
    let short = |bytes: &[u8]| u8::try_from(bytes.len()).map_err(|_| RECORD_TOO_LONG);
    Ok([
        &[short(mechanism)?],
        mechanism,
        &[short(&wrapped.nonce)?],
        &wrapped.nonce,
        &wrapped.sealed,
    ]
    .concat())
}

fn decode_record(kek: KekVersion, record: &[u8]) -> Result<WrappedSecret, Error> {
    let (mechanism, rest) = short_field(record)?;
    let (nonce, sealed) = short_field(rest)?;
    let mechanism = std::str::from_utf8(mechanism)
        .ok()
        .and_then(Mechanism::named);
    Ok(WrappedSecret {
        kek,
        mechanism: mechanism.ok_or(NOT_A_BLOB)?,
        nonce: nonce.to_vec(),
        sealed: sealed.to_vec(),
    })
}

fn short_field(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (length, rest) = bytes.split_first().ok_or(NOT_A_BLOB)?;
    rest.split_at_checked(usize::from(*length))
        .ok_or(NOT_A_BLOB)
}

#[cfg(test)]
mod tests {
    use super::{DekBlob, KekBlob};
    use crate::{algorithm::Mechanism, crypto::wrapped::WrappedSecret};

    fn kek_blob() -> KekBlob {
        KekBlob {
            one_time: WrappedSecret {
                kek: "kek-v1-20261123".parse().unwrap(),
                mechanism: Mechanism::AesGcm,
                nonce: vec![1; 12],
                sealed: vec![2; 48],
            },
            payload: vec![3; 40],
        }
    }

    #[test]
    fn a_kek_blob_is_laid_out_as_the_formats_page_says() {
        let text = kek_blob().encode().unwrap();
        let body = text.strip_prefix("cst1:kek:kek-v1-20261123:").unwrap();
        let mut wanted = vec![0, 69, 7];
        wanted.extend(b"aes-gcm");
        wanted.push(12);
        wanted.extend([1; 12]);
        wanted.extend([2; 48]);
        wanted.extend([3; 40]);
        use base64ct::Encoding;
        assert_eq!(
            base64ct::Base64UrlUnpadded::decode_vec(body).unwrap(),
            wanted
        );
        let again = KekBlob::decode(&text).unwrap();
        assert_eq!(again.one_time, kek_blob().one_time);
        assert_eq!(again.payload, kek_blob().payload);
    }

    #[test]
    fn aads_are_the_ones_of_the_formats_page() {
        assert_eq!(
            KekBlob::payload_aad("scope", b"{}"),
            b"cst1:kek:\0scope\0{}"
        );
        let (name, version) = (
            "telemetry".parse().unwrap(),
            "dek-v3-20261123".parse().unwrap(),
        );
        let aad = DekBlob::aad(&name, &version, b"{}");
        assert_eq!(aad, b"cst1:dek:telemetry/dek-v3-20261123:\0{}");
        let info = DekBlob::info(&name, &version, b"{}");
        let wanted = b"aegis-custodian/hpke/v1\0telemetry/dek-v3-20261123\0{}";
        assert_eq!(info, wanted);
    }

    #[test]
    fn no_prefix_of_a_blob_and_no_trailing_bit_is_a_blob() {
        let text = kek_blob().encode().unwrap();
        let header = text.len() - 40 * 4 / 3;
        for length in 0..header - 1 {
            assert!(KekBlob::decode(&text[..length]).is_err(), "{length}");
        }
        for kind in ["dek", "hpke"] {
            let head = format!("cst1:{kind}:telemetry/dek-v3-20261123:");
            let blob = DekBlob::decode(&format!("{head}AAA")).unwrap();
            assert_eq!(blob.encode(), format!("{head}AAA"));
            assert!(DekBlob::decode(&format!("{head}AAB")).is_err());
            assert!(DekBlob::decode(&format!("{head}AAA=")).is_err());
            assert!(DekBlob::decode(&head.replace("tele", "Tele")).is_err());
        }
        assert!(DekBlob::decode("cst1:kek:telemetry/dek-v3-20261123:AAA").is_err());
    }
}
