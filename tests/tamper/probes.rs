//! Requests that together touch every row, and what they may answer while one is damaged: what they always answer, less
//! of it, or a refusal. Never a failure, never more.

use serde_json::{Value, json};

use crate::{
    council_probes,
    sample::{DEKS, PLAINTEXT, Sample, TWO, making},
    service::{Answer, ROLES, Service},
};

/// One request.
pub struct Probe {
    name: String,
    token: String,
    method: &'static str,
    path: String,
    key: Option<String>,
    body: String,
    /// The member of the answer that must stay; `None` is all of it.
    essence: Option<&'static str>,
}

/// What came back, as far as it must stay the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    status: u16,
    code: String,
    essence: Value,
}

const INTEGRITY: &str = "integrity_failure";

/// With a damaged end of the audit log nothing that must be written down is done.
const NO_LOG: &str = "audit_unavailable";

/// What else a refusal may be while a row is damaged: a row that is not found any more is not there.
const REFUSALS: [(u16, &str); 5] = [
    (422, INTEGRITY),
    (503, NO_LOG),
    (401, "unauthenticated"),
    (404, "not_found"),
    // A request whose kept answer is not found is made again.
    (409, "already_exists"),
];

impl Found {
    /// Whether it may stand while something is damaged.
    pub fn is_right_beside(&self, healthy: &Self) -> bool {
        let refused = REFUSALS.contains(&(self.status, self.code.as_str()));
        let less = self.status < 300 && self.status == healthy.status;
        self == healthy || refused || less && within(&self.essence, &healthy.essence)
    }
}

/// Whether nothing is in `part` that is not in `whole`: lists may have lost something, and what was available may be
/// no more, with a reason.
fn within(part: &Value, whole: &Value) -> bool {
    let lost = part["available"] == false && whole["available"] == true;
    match (part, whole) {
        (Value::Object(part), _) if lost => part["reason"].is_string(),
        (Value::Array(part), Value::Array(whole)) => part
            .iter()
            .all(|one| whole.iter().any(|other| within(one, other))),
        (Value::Object(part), Value::Object(whole)) => {
            part.len() == whole.len()
                && part
                    .iter()
                    .all(|(key, value)| whole.get(key).is_some_and(|other| within(value, other)))
        }
        _ => part == whole,
    }
}

impl Probe {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn run(&self, service: &Service) -> Found {
        let answer = self.ask(service);
        let found = found(&answer, self.essence);
        let failed = found.status >= 500 && found.code != NO_LOG;
        assert!(!failed, "{}: {answer:?}", self.name);
        if answer.status == 200 && self.path.ends_with("/encrypt") {
            self.opens_again(service, &answer);
        }
        found
    }

    /// What was just encrypted comes back: it was not encrypted to anybody else.
    fn opens_again(&self, service: &Service, made: &Answer) {
        let path = self.path.replace("/encrypt", "/decrypt");
        let body = json!({"ciphertext": made.json()["ciphertext"]});
        let opened = service.send(&self.token, "POST", &path, &[], &body.to_string());
        assert_eq!(opened.is(200)["plaintext"], PLAINTEXT, "{}", self.name);
    }

    fn ask(&self, service: &Service) -> Answer {
        let key = self.key.as_deref().map(|key| ("idempotency-key", key));
        let more: Vec<_> = key.into_iter().collect();
        service.send(&self.token, self.method, &self.path, &more, &self.body)
    }
}

fn found(answer: &Answer, essence: Option<&str>) -> Found {
    let mut body = match answer.text.as_str() {
        "" => Value::Null,
        _ => answer.json(),
    };
    // On a machine that has much to do the token may be away for a moment.
    if let Some(kek) = body.get_mut("kek").and_then(Value::as_object_mut) {
        kek.remove("state");
    }
    let refused = answer.status >= 400;
    let essence = match essence {
        _ if refused => Value::Null,
        Some(member) => body[member].clone(),
        None => body.clone(),
    };
    Found {
        status: answer.status,
        code: body["code"].as_str().unwrap_or_default().to_owned(),
        essence,
    }
}

/// Those probes of a service that was filled that may have to do with a table.
pub fn about(table: &str, service: &Service, sample: &Sample) -> Vec<Probe> {
    let starts = |kinds: &[&str]| kinds.iter().any(|kind| table.starts_with(kind));
    let mut all = signing_in(service, sample);
    all.extend(people(service, sample));
    all.push(probe("", "GET", "/v1/signing-keys", Value::Null));
    all.extend(tools(service, sample));
    if !starts(&["custodian", "override"]) {
        all.extend(keys(service));
        all.extend(blobs(service, sample));
        all.extend(replays(service));
    }
    if starts(&["jobs", "kek"]) {
        let operator = service.token("operator");
        all.push(probe(&operator, "GET", "/v1/jobs", Value::Null));
        let kek = probe(&operator, "GET", "/v1/kek", Value::Null);
        all.push(keeping("current", kek));
    }
    if !starts(&["dek", "jobs", "kek", "replies", "row"]) {
        all.extend(council_probes::all(service, &sample.council));
    }
    all
}

pub fn probe(token: &str, method: &'static str, path: &str, body: Value) -> Probe {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    Probe {
        name: format!("{method} {path} {body:.60}"),
        token: token.to_owned(),
        method,
        path: path.to_owned(),
        key: None,
        body,
        essence: None,
    }
}

fn signing_in(service: &Service, sample: &Sample) -> Vec<Probe> {
    let mut tokens: Vec<_> = ROLES.map(|role| service.token(role)).into();
    tokens.extend([&sample.two, &sample.metrics, &sample.gone].map(|who| who.token.clone()));
    tokens.extend([&sample.revoked.1, &sample.expired, &sample.endless].map(Clone::clone));
    let sign_in = |token: &String| probe(token, "GET", "/v1/capabilities", Value::Null);
    tokens.iter().map(sign_in).collect()
}

fn people(service: &Service, sample: &Sample) -> Vec<Probe> {
    let admin = service.token("admin");
    let principals = "/v1/admin/principals";
    let two = format!("{principals}/{}", sample.two.id);
    let revoked = format!("{two}/tokens/{}", sample.revoked.0);
    // Separation of duties: the app's subject may not be an operator's too.
    let both = json!({"name": "both", "subject": "dev-app", "roles": ["operator"]});
    let audit = Probe {
        essence: Some("items"),
        ..probe(
            &service.token("auditor"),
            "GET",
            "/v1/audit/entries?limit=20",
            Value::Null,
        )
    };
    vec![
        probe(&admin, "GET", principals, Value::Null),
        probe(&admin, "GET", &two, Value::Null),
        probe(&admin, "DELETE", &revoked, Value::Null),
        probe(&admin, "POST", principals, both),
        probe(&service.token("app"), "GET", principals, Value::Null),
        probe(&sample.two.token, "GET", "/v1/audit/entries", Value::Null),
        audit,
    ]
}

/// A signed list, and a server that is another's.
fn tools(service: &Service, sample: &Sample) -> Vec<Probe> {
    let sign = json!({"tools": [{"name": "add"}]});
    let signed = service.post("app", "/v1/mcp/tools/sign", sign).is(200);
    let judge = probe(
        &service.token("app"),
        "POST",
        "/v1/mcp/tools/verify",
        signed,
    );
    let other = json!({"tools": [], "server": "app"});
    let sign = probe(&sample.two.token, "POST", "/v1/mcp/tools/sign", other);
    vec![keeping("valid", judge), sign]
}

fn keys(service: &Service) -> Vec<Probe> {
    let operator = service.token("operator");
    let mut all = vec![probe(&operator, "GET", "/v1/deks", Value::Null)];
    for (name, algorithm, _) in DEKS {
        let path = format!("/v1/deks/{name}");
        all.push(probe(&operator, "GET", &path, Value::Null));
        if algorithm != "aes-256-gcm" {
            let path = format!("{path}/public-key");
            all.push(probe(&service.token("app"), "GET", &path, Value::Null));
        }
    }
    all
}

fn blobs(service: &Service, sample: &Sample) -> Vec<Probe> {
    let (app, operator) = (service.token("app"), service.token("operator"));
    let mut all = Vec::new();
    for blob in &sample.blobs {
        let path = format!("/v1/deks/{}", blob.dek);
        let body = json!({"ciphertext": blob.ciphertext});
        for token in [&app, &sample.two.token] {
            let decrypt = probe(token, "POST", &format!("{path}/decrypt"), body.clone());
            all.push(keeping("plaintext", decrypt));
        }
        let rewrap = probe(&app, "POST", &format!("{path}/rewrap"), body);
        all.push(keeping("version", rewrap));
        // Once more is no error, and writes the row anew.
        let again = format!("{path}/versions/{}/", blob.version);
        let disabled = blob.dek == "alpha" && blob.version.starts_with("dek-v2-");
        let again = again + if disabled { "disable" } else { "enable" };
        all.push(probe(&operator, "POST", &again, json!({})));
    }
    for (name, _, _) in DEKS {
        let path = format!("/v1/deks/{name}/encrypt");
        let encrypt = |token| probe(token, "POST", &path, json!({"plaintext": PLAINTEXT}));
        all.push(keeping("version", encrypt(&app)));
        all.push(keeping("version", encrypt(&sample.two.token)));
    }
    let unwrap = json!({"wrapped": sample.wrapped});
    for token in [&app, &sample.two.token] {
        all.push(keeping(
            "plaintext",
            probe(token, "POST", "/v1/unwrap", unwrap.clone()),
        ));
    }
    all.push(keeping(
        "kek",
        probe(&app, "POST", "/v1/wrap", json!({"plaintext": PLAINTEXT})),
    ));
    all
}

pub fn keeping(member: &'static str, probe: Probe) -> Probe {
    Probe {
        essence: Some(member),
        ..probe
    }
}

fn replays(service: &Service) -> Vec<Probe> {
    let replay = |token, path: &str, key: &str, body: String| Probe {
        name: format!("replay of {key}"),
        key: Some(key.to_owned()),
        body,
        ..probe(token, "POST", path, Value::Null)
    };
    let operator = service.token("operator");
    let deks = DEKS
        .map(|(name, algorithm, _)| replay(&operator, "/v1/deks", name, making(name, algorithm)));
    let admin = service.token("admin");
    let two = replay(&admin, "/v1/admin/principals", "two", TWO.to_owned());
    deks.into_iter().chain([two]).collect()
}
