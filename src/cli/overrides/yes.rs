//! `custodian override sign`.

use serde::Serialize;

use super::{
    seat::{Seat, SeatArguments},
    view::{self, Override},
};
use crate::{
    cli::answer::Answer,
    client::{Again, Failure},
    error::Source,
    id::Id,
};

#[derive(clap::Args, Debug)]
pub(super) struct Sign {
    #[command(flatten)]
    seat: SeatArguments,
}

#[derive(Serialize)]
struct Signed<'a> {
    custodian_id: &'a Id,
    signature: &'a str,
}

impl Sign {
    pub(super) fn run(&self) -> Result<(), Source> {
        let seat = self.seat.take()?;
        let message = seat.document.message(&seat.key)?;
        let screen = seat.document.screen(&seat.key, &message);
        screen.confirm("Sign this?", self.seat.yes)?;
        let signature = seat.key.sign(&message)?;
        let done = seat.send(&signature)?;
        done.print(self.seat.asking.output)
    }
}

impl Seat {
    /// Sent again after a lost answer, or to have the token asked again for the certificate, it is still one signature.
    fn send(&self, signature: &str) -> Result<Answer<Override>, Failure> {
        let path = view::path(&self.override_id);
        let signed = Signed {
            custodian_id: &self.custodian,
            signature,
        };
        match self
            .client
            .post(&format!("{path}/signatures"), &signed, Again::Safe)
        {
            Err(Failure::Refused(refusal)) if refusal.status == 409 => {
                let now: Answer<Override> = self.client.read(&path)?;
                let is_ours = now.view.signatures.iter().any(|one| {
                    one.custodian_id == self.custodian.as_str() && one.signature == signature
                });
                match is_ours {
                    true => Ok(now),
                    false => Err(Failure::Refused(refusal)),
                }
            }
            answered => answered,
        }
    }
}
