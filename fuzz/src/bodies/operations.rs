//! The operations with a body, as `/openapi.json` of the same service describes them: a new route is fuzzed at once.

use std::fmt;

use serde_json::Value;

use super::{lot, sample, world::ROLES};

/// Answers that leave the world as it was, but for the audit log. Every other success is followed by a new world.
const LEAVE_NO_TRACE: [&str; 8] = [
    "/wrap",
    "/unwrap",
    "/rewrap",
    "/encrypt",
    "/decrypt",
    "/data-key",
    "/verify",
    "/tools/sign",
];

pub struct Operation {
    pub method: String,
    pub path: String,
    /// The codes that it may refuse with.
    pub codes: Vec<String>,
    /// Whether it takes an idempotency key.
    pub once: bool,
    roles: Vec<String>,
    bodies: Vec<Value>,
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path)
    }
}

pub struct Operations(pub Vec<Operation>);

impl Operation {
    pub fn may_change(&self) -> bool {
        !LEAVE_NO_TRACE.iter().any(|end| self.path.ends_with(end))
    }

    fn read(description: &Value, method: &str, path: &str) -> Option<Self> {
        let told = &description["paths"][path][method];
        let schema = &told["requestBody"]["content"]["application/json"]["schema"];
        told.is_object().then(|| Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            codes: texts(&told["x-codes"]),
            once: list(&told["parameters"]).any(|one| one["name"] == "Idempotency-Key"),
            roles: texts(&told["x-roles"]),
            bodies: sample::of(description, schema),
        })
    }

    fn samples(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let known = |role: &&str| self.roles.iter().any(|may| may == role);
        let role = ROLES.into_iter().find(known).unwrap_or("app");
        let line = format!("{role} {self}\n");
        let name = line
            .trim()
            .replace(|mark: char| !mark.is_ascii_alphanumeric(), "-");
        self.bodies.iter().enumerate().map(move |(number, body)| {
            (
                format!("sample-{name}-{number}"),
                format!("{line}{body}").into_bytes(),
            )
        })
    }
}

impl Operations {
    pub fn read(description: &Value) -> Self {
        let paths = description["paths"].as_object().unwrap();
        let pairs = paths
            .keys()
            .flat_map(|path| ["post", "put"].map(|method| (method, path)));
        let found = pairs.filter_map(|(method, path)| Operation::read(description, method, path));
        let found: Vec<_> = found.collect();
        assert!(
            !found.is_empty(),
            "the description has no operation with a body"
        );
        Self(found)
    }

    /// The operation that `method` and `path` name, if there is one.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let named =
            |operation: &&Operation| operation.method == method && alike(&operation.path, path);
        self.0.iter().find(named)
    }

    /// The operation that any text stands for, with its path.
    pub fn lot(&self, text: &str) -> (&Operation, &str) {
        let operation = &self.0[lot(text, self.0.len())];
        (operation, &operation.path)
    }

    /// One input for each operation and body that the description shows, under a name of its own.
    pub fn samples(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.0.iter().flat_map(Operation::samples)
    }

    /// The first line of every call that there is.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let by_all = |operation| ROLES.map(|role| format!("{role} {operation}"));
        self.0.iter().flat_map(by_all)
    }

    pub fn bodies(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().flat_map(|operation| &operation.bodies)
    }
}

/// Whether two paths differ only in what stands in braces.
fn alike(one: &str, other: &str) -> bool {
    let in_braces = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let same = |(one, other): (&str, &str)| one == other || in_braces(one) && in_braces(other);
    one.split('/').count() == other.split('/').count()
        && one.split('/').zip(other.split('/')).all(same)
}

fn texts(all: &Value) -> Vec<String> {
    list(all)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn list(all: &Value) -> impl Iterator<Item = &Value> {
    all.as_array().into_iter().flatten()
}
