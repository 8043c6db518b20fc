//! What came back, and whether it is good.

use std::mem;

use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Body,
    http::{Response, StatusCode, header},
};
use zeroize::Zeroizing;

use super::{Failure, Refusal};
use crate::error::Source;

/// Most bytes of an answer: 500 audit entries, or a full batch of the largest blobs, and then some.
const LARGEST: u64 = 64 << 20;

/// An answer, whole. There may be a token in it.
pub(super) struct Answer {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Zeroizing<Vec<u8>>,
    url: String,
}

impl Answer {
    /// Reads all of it.
    pub(super) fn read(mut response: Response<Body>, url: &str) -> Result<Self, ureq::Error> {
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
        let status = response.status();
        let body = response.body_mut().with_config().limit(LARGEST);
        Ok(Self {
            status,
            retry_after: wait,
            body: Zeroizing::new(body.read_to_vec()?),
            url: url.to_owned(),
        })
    }

    /// Of HTTP.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Itself, unless it is a refusal or nothing that a custodian answers.
    pub(super) fn good(self) -> Result<Self, Failure> {
        if self.status.is_success() {
            return Ok(self);
        }
        let Ok(problem) = serde_json::from_slice::<Problem>(&self.body) else {
            let what = format!("it answers {} and no problem+json", self.status);
            return Err(self.strange(what.into()));
        };
        Err(Failure::Refused(Refusal {
            status: self.status(),
            code: problem.code,
            detail: problem.detail,
            request_id: problem.request_id,
            retry_after: self.retry_after,
        }))
    }

    pub(super) fn json<T: DeserializeOwned>(self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| self.strange(error.into()))
    }

    pub(super) fn text(mut self) -> Result<String, Failure> {
        let body = mem::take(&mut *self.body);
        String::from_utf8(body).map_err(|error| self.strange(error.into()))
    }

    fn strange(&self, source: Source) -> Failure {
        Failure::Strange {
            url: self.url.clone(),
            source,
        }
    }
}

/// RFC 9457, as api.md section 1 has it.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    request_id: String,
}
