//! An answer that is too long for memory: it goes where it is to go while it comes.

use std::{
    io::{Read, Write},
    time::Duration,
};

use serde::Serialize;
use ureq::http::{Method, Request, header};

use super::{Answer, Client, Failure};
use crate::error::Source;

/// How long the service may take until it begins to answer: it copies the whole database first.
const FIRST: Duration = Duration::from_secs(600);

const PIECE: usize = 1 << 18;

impl Client {
    /// Has something made, and writes it to `to` as it comes; `at` hears how many bytes came, and of how many. Answers how
    /// long it is once all of it came.
    ///
    /// # Errors
    /// [`Failure`]; what cannot be written, and what was cut off.
    pub fn download(
        &self,
        path: &str,
        body: &impl Serialize,
        to: &mut impl Write,
        mut at: impl FnMut(u64, u64),
    ) -> Result<u64, Source> {
        let mut answered = self.patiently(|| self.ask_for(path, body))?;
        let length = answered.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length =
            length.ok_or_else(|| self.strange("it does not say how long its answer is".into()))?;
        let mut from = answered.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        let mut came = 0;
        loop {
            let read = from
                .read(&mut piece)
                .map_err(|error| self.cut_off(error.into()))?;
            if read == 0 {
                break;
            }
            to.write_all(piece.get(..read).unwrap_or_default())?;
            came += u64::try_from(read).unwrap_or_default();
            at(came, length);
        }
        match came == length {
            true => Ok(length),
            false => Err(self.cut_off("it ended early".into()).into()),
        }
    }

    fn ask_for(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| self.strange(error.into()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.target.address(path))
            .header(header::CONTENT_TYPE, "application/json");
        let request = match &self.bearer {
            Some(bearer) => request.header(header::AUTHORIZATION, bearer),
            None => request,
        };
        let request = request.body(&*body);
        let request = request.map_err(|error| self.strange(error.into()))?;
        let request = self.agent.configure_request(request);
        let request = request
            .timeout_global(None)
            .timeout_recv_response(Some(FIRST))
            .build();
        let answered = self.agent.run(request);
        let answered = answered.map_err(|error| self.unreachable(error))?;
        self.was_there
            .store(true, std::sync::atomic::Ordering::Relaxed);
        if answered.status().is_success() {
            return Ok(answered);
        }
        let refused = Answer::read(answered, self.target.base());
        let refused = refused.map_err(|error| self.unreachable(error))?.good();
        Err(refused
            .err()
            .unwrap_or_else(|| self.strange("it refuses and does not".into())))
    }

    fn cut_off(&self, source: Source) -> Failure {
        Failure::CutOff {
            url: self.target.base().to_owned(),
            source,
        }
    }
}
