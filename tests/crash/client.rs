//! Calls that may find the service dead: an answer counts only once all of it is here.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use ureq::{
    Agent, Body,
    http::{Request, Response},
};

use super::service::ROLES;

/// The URL and the tokens of one life of the service.
pub struct Client {
    url: String,
    agent: Agent,
    tokens: Vec<(&'static str, String)>,
}

/// A whole answer.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// It is the answer of an earlier request.
    pub replayed: bool,
}

impl Client {
    pub fn new(url: &str, dir: &Path) -> Self {
        Self::of(url, dir, &ROLES)
    }

    /// With the tokens of these names in the folder.
    pub fn of(url: &str, dir: &Path, names: &[&'static str]) -> Self {
        let token = |name| fs::read_to_string(dir.join(format!("{name}.token"))).unwrap();
        Self {
            url: url.to_owned(),
            agent: Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(20)))
                .build()
                .new_agent(),
            tokens: names.iter().map(|name| (*name, token(name))).collect(),
        }
    }

    /// The bearer token of a role's principal.
    pub fn token(&self, role: &str) -> &str {
        let mut tokens = self.tokens.iter();
        &tokens.find(|(name, _)| *name == role).unwrap().1
    }

    /// One call under this request id and perhaps an idempotency key; `None` if the service died before its answer was here.
    pub fn send(
        &self,
        token: &str,
        id: &str,
        method: &str,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> Option<Reply> {
        let mut answered = self.answer(token, id, method, path, body, key)?;
        let text = answered.body_mut().read_to_string().ok()?;
        Some(Reply {
            status: answered.status().as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
            replayed: answered.headers().contains_key("idempotent-replayed"),
        })
    }

    /// A POST that is answered by bytes, all of them.
    pub fn download(&self, token: &str, id: &str, path: &str, body: Value) -> Option<Vec<u8>> {
        let mut answered = self.answer(token, id, "POST", path, body, None)?;
        assert_eq!(answered.status(), 200);
        let whole = answered.body_mut().with_config().limit(u64::MAX);
        whole.read_to_vec().ok()
    }

    fn answer(
        &self,
        token: &str,
        id: &str,
        method: &str,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> Option<Response<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .header("x-request-id", id);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answered = if body.is_null() {
            self.agent.run(request.body(()).unwrap())
        } else {
            let request = request.header("content-type", "application/json");
            self.agent.run(request.body(body.to_string()).unwrap())
        };
        answered.ok()
    }
}
