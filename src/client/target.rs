//! Where the service is, and how what is sent there is protected.

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use ureq::{
    http::Uri,
    tls::{RootCerts, TlsConfig},
};

use super::identity::{self, Identity};
use crate::error::Source;

/// A service's address, without a `/` at its end.
pub(super) struct Target {
    base: String,
    is_https: bool,
}

impl Target {
    /// Reads an address. Plain http is for loopback only: a token must not be read on the way.
    pub(super) fn read(url: &str) -> Result<Self, Source> {
        const FORM: &str = "CUSTODIAN_URL (--url) is https://HOST[:PORT], or http://127.0.0.1:PORT on this machine";
        let uri: Uri = url.parse().map_err(|_| FORM)?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(FORM.into()),
        };
        let authority = uri.authority().ok_or(FORM)?.as_str();
        let host = uri.host().ok_or(FORM)?;
        if host.is_empty() || authority.contains('@') || uri.query().is_some() {
            return Err(FORM.into());
        }
        if !is_https && !is_loopback(host) {
            return Err(
                "a token is sent over plain http to this machine only: take https://".into(),
            );
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            is_https,
        })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Whom to believe that it is the service: who the file says, and nobody else; and whose certificate is shown
    /// to it. `None` for plain http.
    pub(super) fn tls(
        &self,
        ca_file: Option<&Path>,
        identity: Option<&Identity>,
    ) -> Result<Option<TlsConfig>, Source> {
        if !self.is_https {
            return match identity {
                None => Ok(None),
                Some(_) => Err("a client certificate is shown over https only: take https://, or leave CUSTODIAN_CLIENT_CERT_FILE (--client-cert-file) out".into()),
            };
        }
        let file = ca_file.ok_or(
            "https needs CUSTODIAN_CA_FILE (--ca-file): the certificates (PEM) of those who may sign the service's own",
        )?;
        let about = |error: Source| format!("{}: {error}", file.display());
        let pem = fs::read(file).map_err(|error| about(error.into()))?;
        let roots = identity::certificates(&pem).map_err(about)?;
        let provider = only_tls_13();
        let identity = identity.map(|one| one.read(&provider)).transpose()?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(identity)
            .unversioned_rustls_crypto_provider(Arc::new(provider));
        Ok(Some(tls.build()))
    }
}

/// Without a cipher suite of TLS 1.2 there is no TLS 1.2; the hybrid exchange comes first.
fn only_tls_13() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    provider
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_token_goes_over_plain_http_to_this_machine_only() {
        for fine in [
            "http://127.0.0.1:7820",
            "http://127.8.9.1",
            "http://[::1]:7820/",
            "http://localhost:7820",
            "https://custodian.example",
            "https://custodian.example:8443/behind/a/proxy/",
        ] {
            assert!(Target::read(fine).is_ok(), "{fine}");
        }
        for refused in [
            "http://custodian.example",
            "http://10.0.0.1:7820",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://127.0.0.1@custodian.example",
            "https://user:password@custodian.example",
            "https://custodian.example?x=1",
            "ftp://127.0.0.1",
            "127.0.0.1:7820",
            "/v1",
            "",
        ] {
            assert!(Target::read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn https_believes_nobody_unless_told_whom() {
        let target = Target::read("https://custodian.example").unwrap();
        assert!(target.tls(None, None).is_err());
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("ca.pem");
        assert!(target.tls(Some(&file), None).is_err());
        std::fs::write(&file, "no certificate").unwrap();
        assert!(target.tls(Some(&file), None).is_err());
    }

    #[test]
    fn paths_are_joined_by_one_slash() {
        let target = Target::read("http://127.0.0.1:7820/").unwrap();
        assert_eq!(target.address("/v1/kek"), "http://127.0.0.1:7820/v1/kek");
    }
}
