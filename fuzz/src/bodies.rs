//! Request bodies: whatever is sent to a POST or PUT route, the service answers as its description promises.
//!
//! An input is a line `ROLE METHOD PATH`, then the body. With a fourth word, an idempotency key, it is sent twice.
//! A line that names no operation stands for one all the same, so that no input is lost; a line that does is not
//! moved to another by a new route. In path and body `{id}`, `{wrapped}` and the like stand for what the world
//! holds (`world/cast.rs`).

use std::fmt;

use actix_web::http::header::HeaderValue;
use serde_json::Value;

use mutate::{Bytes, Dice, Words};
use operations::{Operation, Operations};
use world::{Answer, World};

mod mutate;
mod operations;
mod sample;
mod world;

/// Where this is in a body, no refusal may quote it.
const MARKER: &str = "zq7marker";

/// A world and what can be asked of it.
pub struct Stage {
    world: World,
    operations: Operations,
    words: Words,
}

/// What an input asks for.
struct Call<'a> {
    role: &'static str,
    operation: &'a Operation,
    path: String,
    key: Option<HeaderValue>,
    body: Vec<u8>,
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            role,
            operation,
            path,
            key,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(
            out,
            "{role}: {operation} as {path} (key {key:?})\n{body:.2000}"
        )
    }
}

impl Stage {
    pub fn new() -> Self {
        let world = World::new();
        let operations = Operations::read(&world.description());
        let words = Words::new(&operations, world.cast.names());
        Self {
            world,
            operations,
            words,
        }
    }

    /// Sends an input; answers which operation succeeded with it, if one did.
    pub fn check(&mut self, input: &[u8]) -> Option<String> {
        let (line, body) = split(input);
        let line = String::from_utf8_lossy(line);
        let call = self.call(&line, body);
        let answer = self.world.ask(&call);
        promised(&call, &answer);
        if call.key.is_some() && call.operation.once {
            let again = self.world.ask(&call);
            let same = again.status == answer.status;
            assert!(
                same,
                "another answer to the same\n{call}\n{answer}\n{again}"
            );
        }
        let succeeded = (answer.status < 300).then(|| call.operation.to_string());
        if succeeded.is_some() && call.operation.may_change() {
            self.world.renew();
        }
        succeeded
    }

    /// All that can be asked for.
    pub fn operations(&self) -> impl Iterator<Item = String> {
        self.operations.0.iter().map(Operation::to_string)
    }

    /// One input for each operation and body that the description shows, under a name of its own.
    pub fn samples(&self) -> Vec<(String, Vec<u8>)> {
        self.operations.samples().collect()
    }

    /// Another input, made of `input` in most cases; `bytes` changes bytes without knowing what they say.
    pub fn change(&self, input: &[u8], seed: u32, bytes: Bytes<'_>) -> Vec<u8> {
        self.words.change(input, &mut Dice(seed.into()), bytes)
    }

    fn call(&self, line: &str, body: &[u8]) -> Call<'_> {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let (role, method, path, key) = (word(), word(), word(), word());
        let named = self
            .operations
            .find(method, path)
            .map(|operation| (operation, path));
        let (operation, path) = named.unwrap_or_else(|| self.operations.lot(line));
        let cast = &self.world.cast;
        let filled = std::str::from_utf8(body).map(|body| cast.fill(body).into_bytes());
        Call {
            role: cast.role(role, line),
            operation,
            path: cast.path(path),
            key: HeaderValue::from_str(key)
                .ok()
                .filter(|key| !key.is_empty()),
            body: filled.unwrap_or_else(|_| body.to_vec()),
        }
    }
}

/// The line and the body.
fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (line, body) = input.split_at(end.unwrap_or(input.len()));
    (line, body.get(1..).unwrap_or_default())
}

/// One of `many`, the same for the same text.
fn lot(text: &str, many: usize) -> usize {
    text.bytes().map(usize::from).sum::<usize>() % many
}

/// What the description and the conventions say of any answer.
fn promised(call: &Call<'_>, answer: &Answer) {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let body = body.unwrap_or_default();
    if (200..300).contains(&answer.status) {
        let is_json = answer.content_type != "application/octet-stream" && answer.status != 204;
        assert!(!body.is_null() || !is_json, "no JSON\n{call}\n{answer}");
        let items = body["items"].as_array().into_iter().flatten();
        for refusal in items.filter_map(|item| item.get("error")) {
            assert!(
                described(call.operation, refusal),
                "not described\n{call}\n{answer}"
            );
        }
        return;
    }
    let of_its_form =
        answer.content_type == "application/problem+json" && body["status"] == answer.status;
    assert!(of_its_form, "not a problem\n{call}\n{answer}");
    assert!(
        described(call.operation, &body),
        "not described\n{call}\n{answer}"
    );
    let quotes = String::from_utf8_lossy(&answer.body).contains(MARKER);
    assert!(!quotes, "quotes the client\n{call}\n{answer}");
}

/// Whether a problem is one of the operation's, and no failure of the service's own.
fn described(operation: &Operation, problem: &Value) -> bool {
    let code = problem["code"].as_str().unwrap_or_default();
    let status = problem["status"].as_u64().unwrap_or(500);
    operation.codes.iter().any(|known| known == code) && (status < 500 || code == "not_ready")
}
