//! Lines that travel together, and what became of each.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{carrier::Carrier, lines::ReadSoFar};
use crate::{
    client::{Again, Client, Failure, Refusal},
    crypto::blob::KekBlob,
    error::Source,
};

/// One line of the file.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) text: Vec<u8>,
    /// Or why it carries no blob.
    pub(super) carrier: Result<Carrier, String>,
}

/// Lines in their order.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    /// With this batch.
    pub(super) read: ReadSoFar,
}

/// A batch that was sent.
pub(super) struct Moved {
    pub(super) lines: Vec<MovedLine>,
    pub(super) read: ReadSoFar,
}

/// What became of a line.
pub(super) enum MovedLine {
    /// It is under this KEK version now.
    Done { text: Vec<u8>, kek: String },
    /// It could not be moved.
    Rejected { text: Vec<u8>, reject: Reject },
}

/// Why a line was not moved, as the file of rejects has it.
#[derive(Serialize)]
pub(super) struct Reject {
    line: u64,
    code: Cow<'static, str>,
    reason: String,
}

impl Line {
    /// Of the blob, which is what travels.
    pub(super) fn blob_bytes(&self) -> usize {
        self.carrier
            .as_ref()
            .map_or(0, |carrier| carrier.blob.len())
    }
}

impl Batch {
    /// Has the service move all blobs; waits while it is busy or away.
    pub(super) fn send(self, client: &Client) -> Result<Moved, Source> {
        let carriers = self
            .lines
            .iter()
            .filter_map(|line| line.carrier.as_ref().ok());
        let items = carriers.map(|carrier| Item {
            wrapped: &carrier.blob,
        });
        let request = Items {
            items: items.collect(),
        };
        let mut answers = ask(client, &request)?.into_iter();
        let mut lines = Vec::with_capacity(self.lines.len());
        for line in self.lines {
            lines.push(line.moved(&mut answers)?);
        }
        let read = self.read;
        Ok(Moved { lines, read })
    }
}

#[derive(Serialize, Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Serialize)]
struct Item<'a> {
    wrapped: &'a str,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Moved { wrapped: String },
    Refused { error: Problem },
}

#[derive(Deserialize)]
struct Problem {
    status: u16,
    code: String,
    detail: String,
    request_id: String,
}

/// One answer for each item. If the service refuses one for its own sake, all are sent again: that costs nothing.
fn ask(client: &Client, request: &Items<Item<'_>>) -> Result<Vec<Answer>, Source> {
    if request.items.is_empty() {
        return Ok(Vec::new());
    }
    let once = || {
        let answer: Items<Answer> = client.post("/v1/rewrap", request, Again::Never)?;
        match answer.items.iter().find_map(Answer::own_fault) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None => Ok(answer.items),
        }
    };
    let answers = client.patiently(once)?;
    if answers.len() == request.items.len() {
        return Ok(answers);
    }
    Err("the service answered more or fewer blobs than were sent".into())
}

impl Answer {
    /// The service's reason, which is none of the blob's.
    fn own_fault(&self) -> Option<Refusal> {
        match self {
            Self::Refused { error } if error.status >= 500 || error.status == 429 => {
                Some(Refusal {
                    status: error.status,
                    code: error.code.clone(),
                    detail: error.detail.clone(),
                    request_id: error.request_id.clone(),
                    retry_after: None,
                })
            }
            Self::Moved { .. } | Self::Refused { .. } => None,
        }
    }
}

impl Line {
    fn moved(self, answers: &mut impl Iterator<Item = Answer>) -> Result<MovedLine, Source> {
        let number = self.number;
        let (text, code, reason) = match self.carrier {
            Err(reason) => (self.text, Cow::Borrowed("not_a_blob"), reason),
            Ok(carrier) => match answers.next().ok_or("an answer was lost")? {
                Answer::Moved { wrapped } => return done(&carrier, &wrapped),
                Answer::Refused { error } => (self.text, Cow::Owned(error.code), error.detail),
            },
        };
        let reject = Reject {
            line: number,
            code,
            reason,
        };
        Ok(MovedLine::Rejected { text, reject })
    }
}

fn done(carrier: &Carrier, moved: &str) -> Result<MovedLine, Source> {
    Ok(MovedLine::Done {
        text: carrier.with(moved)?,
        kek: KekBlob::decode(moved)?.one_time.kek.to_string(),
    })
}
