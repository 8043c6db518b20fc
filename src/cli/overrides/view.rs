//! Overrides as the service shows them, one and all.

use clap::builder::PossibleValuesParser;
use serde::Deserialize;

use crate::{
    cli::{
        answer::{Answer, Show},
        document,
        list::{self, Row},
        screen::Screen,
        service::Asking,
    },
    error::Source,
    id::Id,
};

const STATUSES: [&str; 6] = [
    "pending",
    "partial",
    "approved",
    "rejected",
    "expired",
    "withdrawn",
];

#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// Only those that are pending, partial, approved, rejected, expired or withdrawn.
    #[arg(long, value_name = "STATUS", value_parser = PossibleValuesParser::new(STATUSES))]
    status: Option<String>,
    /// Only those about this proposal.
    #[arg(long, value_name = "ID")]
    proposal_id: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// The override's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
pub(super) struct Override {
    id: String,
    status: String,
    proposal_id: String,
    justification: String,
    failed_gates: Vec<String>,
    requested_by: String,
    on_behalf_of: Option<String>,
    environment: String,
    binding: String,
    signing_hash: String,
    created_at: String,
    expires_at: String,
    closed_at: Option<String>,
    pub(super) signatures: Vec<Signature>,
    #[serde(default)]
    void_signatures: Vec<Signature>,
    rejection: Option<Rejection>,
}

#[derive(Deserialize)]
pub(super) struct Signature {
    role: String,
    pub(super) custodian_id: String,
    subject: String,
    pub(super) signature: String,
    signed_at: String,
}

#[derive(Deserialize)]
struct Rejection {
    custodian_id: String,
    reason: String,
}

/// Where an override is.
pub(super) fn path(id: &Id) -> String {
    format!("/v1/overrides/{id}")
}

impl List {
    pub(super) fn run(&self) -> Result<(), Source> {
        let status = self.status.as_deref().map(|status| ("status", status));
        let about = self.proposal_id.as_deref();
        let about = about.map(|proposal| ("proposal_id", proposal));
        let filter: Vec<_> = status.into_iter().chain(about).collect();
        let client = self.asking.client()?;
        list::print::<Override>(&client, "/v1/overrides", &filter, self.asking.output)
    }
}

impl One {
    pub(super) fn run(&self) -> Result<(), Source> {
        let found: Answer<Override> = self.asking.client()?.read(&path(&self.id))?;
        found.print(self.asking.output)
    }
}

impl Row for Override {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "status",
        "environment",
        "expires",
        "requested by",
        "signed by",
        "proposal",
    ];

    fn cells(&self) -> Vec<String> {
        let signers = self.signatures.iter().map(|one| one.subject.as_str());
        vec![
            self.id.clone(),
            self.status.clone(),
            self.environment.clone(),
            self.expires_at.clone(),
            self.requested_by.clone(),
            signers.collect::<Vec<_>>().join(", "),
            self.proposal_id.clone(),
        ]
    }
}

impl Show for Override {
    fn show(&self, screen: &mut Screen) {
        screen.line("override id", &self.id);
        screen.line("status", &self.status);
        screen.line("proposal", &self.proposal_id);
        screen.value("justification", &self.justification);
        screen.line("failed gates", &self.failed_gates.join(", "));
        screen.line("requested by", &self.requested_by);
        screen.line(
            "on behalf of",
            self.on_behalf_of.as_deref().unwrap_or("nobody else"),
        );
        screen.line("environment", &self.environment);
        screen.line("binding", &self.binding);
        screen.line("signing hash", &self.signing_hash);
        screen.line("requested", &self.created_at);
        screen.line("expires", &self.expires_at);
        if let Some(closed) = &self.closed_at {
            screen.line("closed", closed);
        }
        for (label, signatures) in [
            ("signed", &self.signatures),
            ("void", &self.void_signatures),
        ] {
            for one in signatures {
                screen.line(label, &one.words());
            }
        }
        if let Some(rejection) = &self.rejection {
            screen.line("rejected by", &rejection.custodian_id);
            screen.value("because", &rejection.reason);
        }
    }
}

impl Signature {
    fn words(&self) -> String {
        format!("by {} ({}) at {}", self.subject, self.role, self.signed_at)
    }
}
