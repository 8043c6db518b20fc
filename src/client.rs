//! Speaks to a running service over REST: to which one, by whose token, how long to wait, and what may be sent again.
//!
//! A token leaves this machine through TLS only. What goes wrong is a [`Failure`]: whoever runs the command reads what
//! the service said, its code and its request id.

use std::{
    cell::Cell,
    io,
    path::PathBuf,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use backon::{BlockingRetryable, ExponentialBuilder};
use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent,
    http::{HeaderValue, Method, Request, header},
};

use self::{answer::Answer, target::Target};
use crate::error::Source;

mod answer;
mod download;
mod failure;
mod identity;
mod private;
mod target;
mod token;

pub use failure::{Failure, Refusal};
pub use identity::{Identity, fingerprint};
pub use private::read as private_text;

/// How long one call may take, the way there and back included: a batch of 256 items on a slow token, and then some.
const CALL: Duration = Duration::from_secs(60);

/// How long it may take until a connection is there.
const CONNECT: Duration = Duration::from_secs(5);

/// The first wait before a call is sent again, and the longest, whatever the service asks for.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Which service, who asks, and how patiently.
#[derive(Debug)]
pub struct Settings {
    /// `https://host[:port]`, or `http://` to loopback.
    pub url: String,
    /// The file with the bearer token, which nobody else may read; `None` asks without one.
    pub token_file: Option<PathBuf>,
    /// The certificate by which the caller signs in, beside the token or without one; https only.
    pub identity: Option<Identity>,
    /// The certificates (PEM) of those who may sign the service's own, for https.
    pub ca_file: Option<PathBuf>,
    /// How long a call that is safe to repeat is repeated.
    pub patience: Duration,
}

/// Whether a call may be sent again.
#[derive(Clone, Copy, Debug)]
pub enum Again<'a> {
    /// With this idempotency key, so that it is done once only.
    ByKey(&'a str),
    /// It may have been done although no answer came.
    Never,
    /// Twice is as good as once.
    Safe,
}

/// One service, spoken to as one principal.
pub struct Client {
    agent: Agent,
    target: Target,
    /// The whole header; it is marked as sensitive.
    bearer: Option<HeaderValue>,
    patience: Duration,
    /// A service that was there is waited for when it is away; one that never was is not.
    was_there: AtomicBool,
}

impl Client {
    /// Reads the token and the certificates; nothing is sent yet.
    ///
    /// # Errors
    /// Why these settings are not safe, or not usable.
    pub fn new(settings: &Settings) -> Result<Self, Source> {
        let target = Target::read(&settings.url)?;
        let bearer = settings.token_file.as_deref().map(token::bearer);
        let tls = target.tls(settings.ca_file.as_deref(), settings.identity.as_ref())?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None) // one from the environment would see the token
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(CALL));
        let config = match tls {
            Some(tls) => config.tls_config(tls),
            None => config,
        };
        Ok(Self {
            agent: config.build().new_agent(),
            target,
            bearer: bearer.transpose()?,
            patience: settings.patience,
            was_there: AtomicBool::new(false),
        })
    }

    /// Reads something.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path, &[], Again::Safe)?.json()
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn text(&self, path: &str) -> Result<String, Failure> {
        self.send(Method::GET, path, &[], Again::Safe)?.text()
    }

    /// Reads something whose status (of HTTP) is a part of what it says; it is asked for once.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn look<T: DeserializeOwned>(&self, path: &str) -> Result<(u16, T), Failure> {
        let answer = self.answer(&Method::GET, path, &[], Again::Never)?;
        Ok((answer.status(), answer.json()?))
    }

    /// Has something done.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        again: Again<'_>,
    ) -> Result<T, Failure> {
        let body = self.body(body)?;
        self.send(Method::POST, path, &body, again)?.json()
    }

    /// Has something made as it is sent, however often.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = self.body(body)?;
        self.send(Method::PUT, path, &body, Again::Safe)?.json()
    }

    /// Has something taken away.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn delete(&self, path: &str, again: Again<'_>) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], again).map(drop)
    }

    /// Has something done that needs no words.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn post_empty<T: DeserializeOwned>(
        &self,
        path: &str,
        again: Again<'_>,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, &[], again)?.json()
    }

    /// Repeats what `ask` does for as long as the service asks to come again, or is away, and patience lasts.
    ///
    /// # Errors
    /// The last [`Failure`].
    pub fn patiently<T>(&self, ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        let begun = Instant::now();
        let asked = Rc::new(Cell::new(None));
        let told = Rc::clone(&asked);
        let (first, longest) = WAITS;
        let waits = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times();
        ask.retry(waits)
            .when(|failure| self.may_pass(failure) && begun.elapsed() < self.patience)
            .notify(|failure, _| asked.set(failure.retry_after()))
            .sleep(move |wait| thread::sleep(told.take().unwrap_or(wait).min(longest)))
            .call()
    }

    fn may_pass(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Refused(refusal) => refusal.is_passing(),
            Failure::CutOff { .. } | Failure::Strange { .. } => false,
            Failure::Unreachable { .. } => self.was_there.load(Ordering::Relaxed),
        }
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        again: Again<'_>,
    ) -> Result<Answer, Failure> {
        let once = || self.answer(&method, path, body, again)?.good();
        match again {
            Again::ByKey(_) | Again::Safe => self.patiently(once),
            Again::Never => once(),
        }
    }

    fn answer(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        again: Again<'_>,
    ) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(self.target.address(path));
        let request = match &self.bearer {
            Some(bearer) => request.header(header::AUTHORIZATION, bearer),
            None => request,
        };
        let request = match again {
            Again::ByKey(key) => request.header("Idempotency-Key", key),
            Again::Never | Again::Safe => request,
        };
        let strange = |error: ureq::http::Error| self.strange(error.into());
        let answered = if method == Method::GET || method == Method::DELETE {
            self.agent.run(request.body(()).map_err(strange)?)
        } else if body.is_empty() {
            self.agent.run(request.body(body).map_err(strange)?)
        } else {
            let request = request.header(header::CONTENT_TYPE, "application/json");
            self.agent.run(request.body(body).map_err(strange)?)
        };
        let answered = answered.map_err(|error| self.unreachable(error))?;
        let answer = Answer::read(answered, self.target.base());
        let answer = answer.map_err(|error| self.unreachable(error))?;
        self.was_there.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    fn body(&self, body: &impl Serialize) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(body).map_err(|error| self.strange(error.into()))
    }

    fn unreachable(&self, error: ureq::Error) -> Failure {
        if is_broken_off(&error) {
            self.was_there.store(true, Ordering::Relaxed);
        }
        Failure::Unreachable {
            url: self.target.base().to_owned(),
            source: error.into(),
        }
    }

    fn strange(&self, error: Source) -> Failure {
        Failure::Strange {
            url: self.target.base().to_owned(),
            source: error,
        }
    }
}

/// Whether there was a connection: what was asked may have been done.
fn is_broken_off(error: &ureq::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let ureq::Error::Io(error) = error else {
        return false;
    };
    [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        UnexpectedEof,
    ]
    .contains(&error.kind())
}
