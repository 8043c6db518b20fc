//! `custodian principal create`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use uuid::Uuid;

use super::{
    grants::{GrantArguments, WholeGrants},
    handed::{Handed, Lifetime, Place, TokenOut},
    view::Principal,
};
use crate::{
    cli::{document, input, service::Asking},
    client::{self, Again},
    error::Source,
    id::Id,
};

const ROLES: [&str; 6] = [
    "admin",
    "app",
    "auditor",
    "custodian",
    "metrics",
    "operator",
];

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// What it is called: 1 to 128 characters, unique among the live principals.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The human or service behind it, for example jane@example.org; without it, the name.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// admin, app, auditor, custodian, metrics or operator; can be given again.
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = PossibleValuesParser::new(ROLES))]
    roles: Vec<String>,
    #[command(flatten)]
    grants: GrantArguments,
    /// Who shares its blobs of /v1/wrap: only principals of one scope open them; without it, nobody.
    #[arg(long, value_name = "SCOPE")]
    wrap_scope: Option<String>,
    /// For the role custodian: the id of the custodian that it acts for.
    #[arg(long = "custodian", value_name = "ID", value_parser = document::id)]
    custodian: Option<Id>,
    #[command(flatten)]
    certificate: CertificateArguments,
    #[command(flatten)]
    lifetime: Lifetime,
    /// The new file (mode 0600) for its first token; - prints the token on standard output, and the rest on standard
    /// error. Only a principal that is bound to a certificate can do without: its first token is revoked again at once.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["client_cert", "client_cert_sha256"])]
    token_out: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
struct CertificateArguments {
    /// The TLS certificate (PEM) by which it signs in: its fingerprint is sent.
    #[arg(long, value_name = "FILE", conflicts_with = "client_cert_sha256")]
    client_cert: Option<PathBuf>,
    /// The SHA-256 fingerprint of that certificate instead: 64 lower-case hex digits.
    #[arg(long, value_name = "HEX")]
    client_cert_sha256: Option<String>,
}

#[derive(Serialize)]
struct NewPrincipal<'a> {
    name: &'a str,
    subject: &'a str,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<WholeGrants<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custodian_id: Option<&'a Id>,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let new = NewPrincipal {
            name: &self.name,
            subject: self.subject.as_deref().unwrap_or(&self.name),
            roles: &self.roles,
            grants: (!self.grants.is_empty()).then(|| self.grants.whole()),
            wrap_scope: self.wrap_scope.as_deref(),
            expires_in: self.lifetime.words(),
            client_cert_sha256: self.certificate.fingerprint()?,
            custodian_id: self.custodian.as_ref(),
        };
        let out = self.token_out.as_deref().map(TokenOut::open).transpose()?;
        let key = Uuid::new_v4().to_string();
        let made: Handed<Principal> =
            client.post("/v1/admin/principals", &new, Again::ByKey(&key))?;
        let place = Place::of_first(&made.answer.view)?;
        made.keep(&client, &place, out, self.asking.output)
    }
}

impl CertificateArguments {
    fn fingerprint(&self) -> Result<Option<String>, Source> {
        let Some(file) = &self.client_cert else {
            return Ok(self.client_cert_sha256.clone());
        };
        let found = client::fingerprint(&input::read(file)?);
        Ok(Some(
            found.map_err(|error| format!("{}: {error}", file.display()))?,
        ))
    }
}
