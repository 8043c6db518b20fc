//! Requests about custodians and overrides that change nothing: what reads them, and what they refuse to whoever asks
//! for more.

use serde_json::{Value, json};

use crate::{
    council::Council,
    people::{Person, SECURITY, text},
    probes::{Probe, keeping, probe},
    service::Service,
};

pub fn all(service: &Service, council: &Council) -> Vec<Probe> {
    let mut all = readings(service, council);
    all.extend(signatures(council));
    all.extend(endings(service, council));
    all.extend(enrolments(service, council));
    all
}

fn readings(service: &Service, council: &Council) -> Vec<Probe> {
    let (auditor, app) = (service.token("auditor"), service.token("app"));
    let get = |token: &str, path: &str| probe(token, "GET", path, Value::Null);
    let mut all = vec![
        get(&auditor, "/v1/custodians"),
        get(&auditor, "/v1/overrides"),
        get(&app, "/v1/overrides?status=approved"),
        get(&council.rita.token, "/v1/overrides?status=partial"),
        get(&council.sue.token, "/v1/custodians"),
    ];
    for custodian in council.custodians() {
        all.push(get(&auditor, &format!("/v1/custodians/{custodian}")));
    }
    for asked in council.overrides() {
        let path = format!("/v1/overrides/{}", text(asked, "id"));
        all.push(get(&app, &path));
        all.push(get(&app, &format!("{path}/certificate")));
    }
    let path = format!(
        "/v1/overrides/{}/certificate",
        text(&council.approved, "id")
    );
    let certificate = service.get("app", &path).is(200);
    let body = json!({"certificate": certificate});
    let verify = probe(&app, "POST", "/v1/overrides/verify", body);
    all.push(keeping("valid", verify));
    all
}

/// None of them counts.
fn signatures(council: &Council) -> Vec<Probe> {
    let Council {
        rita,
        theo,
        sue,
        rex,
        ..
    } = council;
    let sign = |by: &Person, of: &Value, signature: String| {
        let path = format!("/v1/overrides/{}/signatures", text(of, "id"));
        let body = json!({"custodian_id": by.id, "signature": signature});
        probe(&by.token, "POST", &path, body)
    };
    let own = |by: &Person, of: &Value| sign(by, of, by.signature(of));
    vec![
        own(sue, &council.pending),
        own(rex, &council.pending),
        own(sue, &council.partial),
        own(rita, &council.own),
        own(rita, &council.approved),
        own(rita, &council.rejected),
        own(theo, &council.withdrawn),
        own(theo, &council.partial),
        sign(rita, &council.pending, theo.signature(&council.pending)),
        sign(theo, &council.pending, theo.signature(&council.partial)),
        sign(theo, &council.own, theo.signature(&council.approved)),
    ]
}

/// What is over stays over, and what is open is not closed by others.
fn endings(service: &Service, council: &Council) -> Vec<Probe> {
    let app = service.token("app");
    let reject = |by: &Person, of: &Value| {
        let path = format!("/v1/overrides/{}/reject", text(of, "id"));
        let body = json!({"custodian_id": by.id, "reason": "no", "signature": by.signature(of)});
        probe(&by.token, "POST", &path, body)
    };
    let withdraw = |of: &Value| {
        let path = format!("/v1/overrides/{}/withdraw", text(of, "id"));
        probe(&app, "POST", &path, json!({}))
    };
    vec![
        reject(&council.sue, &council.pending),
        reject(&council.rita, &council.pending),
        reject(&council.theo, &council.approved),
        withdraw(&council.approved),
        withdraw(&council.rejected),
    ]
}

fn enrolments(service: &Service, council: &Council) -> Vec<Probe> {
    let admin = service.token("admin");
    let post = |path: &str, body: Value| {
        probe(&admin, "POST", &format!("/v1/admin/custodians{path}"), body)
    };
    let enrol = |subject: &str, whose: &Person| {
        let key = whose.key.public_key();
        let body = json!({"subject": subject, "name": subject, "role": SECURITY,
            "scheme": key.scheme().name(), "public_key": key.text()});
        post("", body)
    };
    let change = |id: &str, verb: &str, body: Value| post(&format!("/{id}/{verb}"), body);
    let because = || json!({"reason": "a test"});
    let principal = json!({"name": "one more", "subject": "sue", "roles": ["custodian"], "custodian_id": council.sue.id});
    vec![
        enrol("rita", &council.rex),
        enrol("dev-operator", &council.rex),
        enrol("somebody", &council.rex),
        enrol("somebody", &council.rita),
        change(
            &council.void.0,
            "activate",
            json!({"signature": council.void.1}),
        ),
        change(&council.rex.id, "activate", json!({"signature": "AAAA"})),
        change(&council.rex.id, "reinstate", because()),
        change(&council.rita.id, "reinstate", because()),
        change(&council.waiting, "approve", json!({})),
        change(&council.waiting, "suspend", because()),
        probe(&admin, "POST", "/v1/admin/principals", principal),
    ]
}

impl Council {
    fn custodians(&self) -> [&str; 6] {
        let Self {
            rita,
            theo,
            sue,
            rex,
            ..
        } = self;
        [
            &rita.id,
            &theo.id,
            &sue.id,
            &rex.id,
            &self.waiting,
            &self.void.0,
        ]
    }

    fn overrides(&self) -> [&Value; 6] {
        [
            &self.pending,
            &self.partial,
            &self.approved,
            &self.rejected,
            &self.withdrawn,
            &self.own,
        ]
    }
}
