//! An authority for tests: certificates and keys as PEM files, and what a client of them needs.

use std::{
    fs,
    ops::Range,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use sha2::{Digest, Sha256};
use ureq::{
    Agent,
    tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig},
};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its own certificate, PEM.
    pub file: PathBuf,
}

/// Two PEM files.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// SHA-256 of the certificate's DER, in hex.
    pub sha256: String,
}

impl Authority {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self::that(folder, name, |_| ())
    }

    /// One whose certificate is changed before it is signed.
    pub fn that(folder: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut about = CertificateParams::default();
        change(&mut about);
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(about, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).unwrap();
        Self {
            issuer,
            folder: folder.to_owned(),
            file,
        }
    }

    pub fn server(&self, name: &str) -> Pair {
        self.sign(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A server's certificate that is changed before it is signed.
    pub fn server_that(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut about = about();
        change(&mut about);
        self.sign_that(about, name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub fn client(&self, name: &str) -> Pair {
        self.sign(name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A client's certificate of these years.
    pub fn client_of(&self, name: &str, years: Range<i32>) -> Pair {
        let mut about = about();
        of(years)(&mut about);
        self.sign_that(about, name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Pair {
        self.sign_that(about(), name, usage)
    }

    fn sign_that(
        &self,
        mut about: CertificateParams,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
    ) -> Pair {
        about.distinguished_name.push(DnType::CommonName, name);
        about.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        let certificate = about.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            certificate: self.folder.join(format!("{name}.crt")),
            key: self.folder.join(format!("{name}.key")),
            sha256: hex::encode(Sha256::digest(certificate.der())),
        };
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
        pair
    }

    /// A client that believes this authority, and shows a certificate if it has one.
    pub fn agent(&self, shows: Option<&Pair>) -> Agent {
        let root = Certificate::from_pem(&fs::read(&self.file).unwrap()).unwrap();
        let shows = shows.map(|pair| {
            let certificate = fs::read(&pair.certificate).unwrap();
            let key = fs::read(&pair.key).unwrap();
            let certificate = Certificate::from_pem(&certificate).unwrap();
            ClientCert::new_with_certs(
                &[certificate.to_owned()],
                PrivateKey::from_pem(&key).unwrap(),
            )
        });
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root.to_owned()]))
            .client_cert(shows)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls);
        config.build().new_agent()
    }
}

/// Makes a certificate one of these years.
pub fn of(years: Range<i32>) -> impl Fn(&mut CertificateParams) {
    move |about| {
        about.not_before = date_time_ymd(years.start, 1, 1);
        about.not_after = date_time_ymd(years.end, 1, 1);
    }
}

/// Makes a certificate one that ends so long after now.
#[expect(
    clippy::disallowed_methods,
    reason = "the service's clock is the system's"
)]
pub fn ending_in(left: Duration) -> impl Fn(&mut CertificateParams) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    move |about| about.not_after = date_time_ymd(1970, 1, 1) + now + left
}

fn about() -> CertificateParams {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    CertificateParams::new(names).unwrap()
}
