//! Custodians as the service shows them, one and all.

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
};

#[derive(clap::Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// The custodian's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
pub(super) struct Custodian {
    id: String,
    name: String,
    subject: String,
    role: String,
    scheme: String,
    public_key: String,
    fingerprint: String,
    status: String,
    challenge_expires_at: Option<String>,
    proven_at: Option<String>,
    proposed_by: String,
    approved_by: Option<String>,
    created_at: String,
    history: Vec<Moment>,
}

#[derive(Deserialize)]
struct Moment {
    at: String,
    event: String,
    by: String,
    reason: Option<String>,
}

/// Reads a custodian.
pub(super) fn read(client: &Client, id: &Id) -> Result<Answer<Custodian>, Failure> {
    client.read(&format!("/v1/custodians/{id}"))
}

impl List {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        list::print::<Custodian>(&client, "/v1/custodians", &[], self.asking.output)
    }
}

impl One {
    pub(super) fn run(&self) -> Result<(), Source> {
        read(&self.asking.client()?, &self.id)?.print(self.asking.output)
    }
}

impl Row for Custodian {
    const COLUMNS: &'static [&'static str] = &["id", "status", "role", "scheme", "subject", "name"];

    fn cells(&self) -> Vec<String> {
        let Self {
            id,
            status,
            role,
            scheme,
            subject,
            name,
            ..
        } = self;
        [id, status, role, scheme, subject, name]
            .map(String::clone)
            .to_vec()
    }
}

impl Show for Custodian {
    fn show(&self, screen: &mut Screen) {
        const NOT_YET: &str = "not yet";
        screen.line("custodian id", &self.id);
        screen.line("status", &self.status);
        screen.line("role", &self.role);
        screen.line("subject", &self.subject);
        screen.line("name", &self.name);
        screen.line("scheme", &self.scheme);
        screen.line("public key", &self.public_key);
        screen.line("fingerprint", &self.fingerprint);
        screen.line("since", &self.created_at);
        screen.line("key proven", self.proven_at.as_deref().unwrap_or(NOT_YET));
        if let Some(until) = &self.challenge_expires_at {
            screen.line("proof until", until);
        }
        screen.line("proposed by", &self.proposed_by);
        if let Some(by) = &self.approved_by {
            screen.line("approved by", by);
        }
        for moment in &self.history {
            screen.line(&moment.event.escape_debug().to_string(), &moment.words());
        }
    }
}

impl Moment {
    fn words(&self) -> String {
        let Self { at, by, reason, .. } = self;
        match reason {
            Some(reason) => format!("{at} by {by}: {reason}"),
            None => format!("{at} by {by}"),
        }
    }
}
