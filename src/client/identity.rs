//! Who the caller is by TLS: a certificate and its key, which nobody else may read.

use std::path::{Path, PathBuf};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use super::private;
use crate::error::Source;

/// Most bytes of a file with certificates or with a key.
const MOST_BYTES: usize = 64 * 1024;

/// Where a certificate and its key are, both in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The caller's certificate, and those that lead from it to whom the service believes.
    pub cert_file: PathBuf,
    /// Its private key, not encrypted; nobody else may read the file.
    pub key_file: PathBuf,
}

/// SHA-256 of the first certificate in `pem`, over its DER: lower-case hex, as a principal is bound to it.
///
/// # Errors
/// There is no certificate in it.
pub fn fingerprint(pem: &[u8]) -> Result<String, Source> {
    let found = certificates(pem)?;
    let first = found.first().ok_or(NO_CERTIFICATE)?;
    ParsedCertificate::try_from(&CertificateDer::from(first.der())).map_err(|_| NO_CERTIFICATE)?;
    Ok(hex::encode(Sha256::digest(first.der())))
}

const NO_CERTIFICATE: &str = "it has no certificate in PEM";

/// Every certificate in `pem`; at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, Source> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(one) = item? {
            found.push(one);
        }
    }
    if found.is_empty() {
        return Err(NO_CERTIFICATE.into());
    }
    Ok(found)
}

impl Identity {
    /// Reads both, and looks whether they belong together.
    pub(super) fn read(&self, provider: &CryptoProvider) -> Result<ClientCert, Source> {
        let chain = about(&self.cert_file, chain(&self.cert_file))?;
        let key = about(&self.key_file, key(&self.key_file))?;
        about(&self.key_file, belong(&chain, &key, provider))?;
        Ok(ClientCert::new_with_certs(&chain, key))
    }
}

fn chain(path: &Path) -> Result<Vec<Certificate<'static>>, Source> {
    certificates(&std::fs::read(path)?)
}

fn key(path: &Path) -> Result<PrivateKey<'static>, Source> {
    let pem = private::read(path, MOST_BYTES)?;
    let none = "it has no private key in PEM that is not encrypted";
    Ok(PrivateKey::from_pem(pem.as_bytes()).map_err(|_| none)?)
}

/// ureq takes this for granted.
fn belong(
    chain: &[Certificate<'static>],
    key: &PrivateKey<'static>,
    provider: &CryptoProvider,
) -> Result<(), Source> {
    let chain = chain
        .iter()
        .map(|one| CertificateDer::from(one.der()).into_owned());
    let key = PrivateKeyDer::try_from(key.der()).map(|key| key.clone_key());
    let key = key.map_err(|_| "this private key is of no kind that TLS knows")?;
    let other = "this private key is not the one of the certificate, or of no kind that TLS knows";
    CertifiedKey::from_der(chain.collect(), key, provider).map_err(|_| other)?;
    Ok(())
}

fn about<T>(path: &Path, result: Result<T, Source>) -> Result<T, Source> {
    result.map_err(|error| format!("{}: {error}", path.display()).into())
}
