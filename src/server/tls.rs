//! TLS 1.3 (RFC 8446) by rustls and aws-lc-rs, the hybrid exchange X25519MLKEM768 first; what it shows and whom it lets
//! in is read again at SIGHUP, and connections that are open stay open.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use actix_http::Extensions;
use jiff::Timestamp;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{
            self,
            kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768},
        },
    },
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};

use super::listener::{self, Secured};
use crate::{config::Tls, custodian::Clock, error::Source, figures, http::ClientCertificate};

mod fit;

/// Where systemd shows credentials to a service, by an ACL whose mask stands in the group bits.
const CREDENTIALS: &str = "/run/credentials";

/// What the service shows, and whom it lets in.
pub struct Front {
    files: Tls,
    provider: Arc<CryptoProvider>,
    shown: RwLock<Arc<Shown>>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    ends: Ends,
}

/// When the certificates end: of each file, the first.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Of what the service shows.
    pub certificate: Timestamp,
    /// Of the authorities whose clients are let in, if clients are asked.
    pub client_ca: Option<Timestamp>,
}

impl Front {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which file and what to do.
    pub fn open(files: &Tls) -> Result<Arc<Self>, Source> {
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1],
            ..aws_lc_rs::default_provider()
        });
        let shown = Arc::new(Shown::read(files, &provider)?);
        Ok(Arc::new(Self {
            files: files.clone(),
            provider,
            shown: RwLock::new(shown),
        }))
    }

    /// Reads the files again; if anything is wrong with them, all stays as it is.
    ///
    /// # Errors
    /// Those of [`Front::open`].
    pub fn reload(&self) -> Result<(), Source> {
        let shown = Arc::new(Shown::read(&self.files, &self.provider)?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// When the certificates end that are shown now.
    #[must_use]
    pub fn ends(&self) -> Ends {
        self.shown().ends
    }

    pub(super) fn secure(self: &Arc<Self>) -> Result<listener::Tls, Source> {
        Ok(listener::Tls {
            config: self.config()?,
            met: meet,
        })
    }

    /// No session is resumed: whoever comes back shows its certificate again, under the authorities of the day.
    fn config(self: &Arc<Self>) -> Result<ServerConfig, Source> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_protocol_versions(&[&TLS13])?;
        let builder = match self.files.clients.authorities() {
            None => builder.with_no_client_auth(),
            Some(_) => builder.with_client_cert_verifier(self.clone()),
        };
        let mut config = builder.with_cert_resolver(self.clone());
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn shown(&self) -> Arc<Shown> {
        let shown = self.shown.read();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn clients(&self) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let none = || rustls::Error::General("no client certificates are asked for".to_owned());
        self.shown().clients.clone().ok_or_else(none)
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Front")
    }
}

/// Keeps the certificate that the client of a connection showed, and proved to have the key of.
fn meet(stream: &Secured, kept: &mut Extensions) {
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    if let Some(leaf) = shown {
        kept.insert(ClientCertificate::of(leaf));
    }
}

/// Shows when the certificates end; 0 is what there is not.
pub(super) fn show_figures(front: Option<&Front>) {
    let ends = front.map(Front::ends);
    for (file, end) in [
        ("certificate", ends.map(|ends| ends.certificate)),
        ("client_ca", ends.and_then(|ends| ends.client_ca)),
    ] {
        let end = end.map_or(0, Timestamp::as_second);
        let end = figures::number(u64::try_from(end).unwrap_or_default());
        metrics::gauge!(figures::TLS_NOT_AFTER, "file" => file).set(end);
    }
}

impl Shown {
    fn read(files: &Tls, provider: &Arc<CryptoProvider>) -> Result<Self, Source> {
        let now = Clock::system().now();
        let chain = certificates(&files.certificate)?;
        let certificate = fit::serves(&files.certificate, &chain, now)?;
        let key = key(&files.key)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("{key} is not a key that can serve with {certificate}: {error}")
        })?;
        let (mut clients, mut client_ca) = (None, None);
        if let Some(ca) = files.clients.authorities() {
            let authorities = certificates(ca)?;
            client_ca = Some(fit::authorises(ca, &authorities, now)?);
            let required = files.clients.are_required();
            clients = Some(verifier(ca, authorities, provider, required)?);
        }
        Ok(Self {
            key: Arc::new(key),
            clients,
            ends: Ends {
                certificate,
                client_ca,
            },
        })
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Source> {
    let failed = |error| format!("{}: {error}; it holds certificates as PEM", file.display());
    let read = CertificateDer::pem_file_iter(file).map_err(failed)?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(failed)?;
    match read.is_empty() {
        true => Err(format!("{}: no certificate is in it; it holds PEM", file.display()).into()),
        false => Ok(read),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Source> {
    let shown = file.display();
    let about = fs::metadata(file).map_err(|error| format!("{shown}: {error}"))?;
    let forbidden = match file.starts_with(CREDENTIALS) {
        true => 0o037,
        false => 0o077,
    };
    if about.permissions().mode() & forbidden != 0 {
        let why =
            "others than its owner may read this key: chmod 600, or give it by LoadCredential=";
        return Err(format!("{shown}: {why}").into());
    }
    let key = PrivateKeyDer::from_pem_file(file);
    Ok(key.map_err(|error| format!("{shown}: {error}; it holds one private key as PEM"))?)
}

fn verifier(
    ca: &Path,
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
    required: bool,
) -> Result<Arc<dyn ClientCertVerifier>, Source> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        let added = roots.add(certificate);
        added.map_err(|error| format!("{}: {error}", ca.display()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match required {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    let built = builder.build();
    Ok(built.map_err(|error| format!("{}: {error}", ca.display()))?)
}

impl ResolvesServerCert for Front {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().key.clone())
    }
}

impl ClientCertVerifier for Front {
    fn client_auth_mandatory(&self) -> bool {
        self.files.clients.are_required()
    }

    /// None are named, since they may be others after the next SIGHUP: a client shows what it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let clients = self.clients()?;
        clients.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.clients()?
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.clients()?
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
