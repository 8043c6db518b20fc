//! `custodian override reject` and `withdraw`.

use serde::Serialize;

use super::{
    seat::SeatArguments,
    view::{self, Override},
};
use crate::{
    cli::{answer::Answer, document, service::Asking},
    client::Again,
    crypto::messages::Rejection,
    error::Source,
    id::Id,
    texts,
};

#[derive(clap::Args, Debug)]
pub(super) struct Reject {
    /// Why; it goes on record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    seat: SeatArguments,
}

#[derive(clap::Args, Debug)]
pub(super) struct Withdraw {
    /// The override's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Serialize)]
struct Rejected<'a> {
    custodian_id: &'a Id,
    reason: &'a str,
    signature: &'a str,
}

impl Reject {
    pub(super) fn run(&self) -> Result<(), Source> {
        let reason = texts::prose(self.reason.clone(), texts::REASON)?;
        let seat = self.seat.take()?;
        // What the service says of the override is looked at, though its rejection signs only which one it is.
        seat.document.message(&seat.key)?;
        let rejection = Rejection {
            custodian_id: seat.custodian.as_str(),
            override_id: seat.override_id.as_str(),
            reason: &reason,
        };
        let message = rejection.message()?;
        let mut screen = seat.document.screen(&seat.key, &message);
        screen.value("REJECTED WITH", &reason);
        screen.value("custodian id", seat.custodian.as_str());
        screen.confirm("Reject this?", self.seat.yes)?;
        let rejected = Rejected {
            custodian_id: &seat.custodian,
            reason: &reason,
            signature: &seat.key.sign(&message)?,
        };
        let path = format!("{}/reject", view::path(&seat.override_id));
        let done: Answer<Override> = seat.client.post(&path, &rejected, Again::Never)?;
        done.print(self.seat.asking.output)
    }
}

impl Withdraw {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let path = view::path(&self.id);
        let now: Answer<Override> = client.read(&path)?;
        now.screen().confirm("Withdraw this?", self.yes)?;
        let done: Answer<Override> =
            client.post_empty(&format!("{path}/withdraw"), Again::Never)?;
        done.print(self.asking.output)
    }
}
