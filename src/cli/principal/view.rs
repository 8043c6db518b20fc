//! Principals as the service shows them, one and all.

use serde::Deserialize;

use crate::{
    cli::{
        answer::{Answer, Show},
        document,
        list::{self, Row},
        screen::Screen,
        service::Asking,
    },
    client::{Client, Failure},
    error::Source,
    id::Id,
    policy::Grants,
};

#[derive(clap::Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// The principal's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
pub(super) struct Principal {
    pub(super) id: String,
    name: String,
    subject: String,
    roles: Vec<String>,
    grants: Grants,
    wrap_scope: String,
    status: String,
    created_by: Option<String>,
    created_at: String,
    client_cert_sha256: Option<String>,
    custodian_id: Option<String>,
    pub(super) pending_grants: Option<Grants>,
    grants_proposed_by: Option<String>,
    pub(super) tokens: Vec<Token>,
}

#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) id: String,
    status: String,
    issued_by: Option<String>,
    created_at: String,
    expires_at: Option<String>,
}

/// Where a principal is.
pub(super) fn path(id: &Id) -> String {
    format!("/v1/admin/principals/{id}")
}

/// Reads a principal.
pub(super) fn read(client: &Client, id: &Id) -> Result<Answer<Principal>, Failure> {
    client.read(&path(id))
}

impl List {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        list::print::<Principal>(&client, "/v1/admin/principals", &[], self.asking.output)
    }
}

impl One {
    pub(super) fn run(&self) -> Result<(), Source> {
        read(&self.asking.client()?, &self.id)?.print(self.asking.output)
    }
}

impl Row for Principal {
    const COLUMNS: &'static [&'static str] =
        &["id", "status", "roles", "tokens", "subject", "name"];

    fn cells(&self) -> Vec<String> {
        let live = self.tokens.iter().filter(|token| token.status == "active");
        vec![
            self.id.clone(),
            self.status.clone(),
            self.roles.join(", "),
            live.count().to_string(),
            self.subject.clone(),
            self.name.clone(),
        ]
    }
}

impl Show for Principal {
    fn show(&self, screen: &mut Screen) {
        const NOBODY: &str = "nobody: it was there first";
        screen.line("principal", &self.id);
        screen.line("name", &self.name);
        screen.line("subject", &self.subject);
        screen.line("roles", &self.roles.join(", "));
        screen.line("status", &self.status);
        screen.line("proposed by", self.created_by.as_deref().unwrap_or(NOBODY));
        screen.line("since", &self.created_at);
        grants(screen, ["DEKs", "MCP servers"], &self.grants);
        screen.line("wrap scope", &self.wrap_scope);
        for (label, value) in [
            ("certificate", &self.client_cert_sha256),
            ("custodian id", &self.custodian_id),
            ("new grants by", &self.grants_proposed_by),
        ] {
            if let Some(value) = value {
                screen.line(label, value);
            }
        }
        if let Some(pending) = &self.pending_grants {
            grants(screen, ["new DEKs", "new servers"], pending);
        }
        for token in &self.tokens {
            screen.say("");
            token.show(screen);
        }
    }
}

impl Show for Token {
    fn show(&self, screen: &mut Screen) {
        screen.line("token", &self.id);
        screen.line("status", &self.status);
        if let Some(issuer) = &self.issued_by {
            screen.line("issued by", issuer);
        }
        screen.line("since", &self.created_at);
        screen.line("until", self.expires_at.as_deref().unwrap_or("for ever"));
    }
}

fn grants(screen: &mut Screen, [deks, servers]: [&str; 2], grants: &Grants) {
    let words = |patterns: &[String]| match patterns {
        [] => "none".to_owned(),
        some => some.join("\n"),
    };
    screen.value(deks, &words(&grants.deks));
    if !grants.servers.is_empty() {
        screen.value(servers, &words(&grants.servers));
    }
}
