//! What people do: two custodians with overrides, admins who hire and dismiss, auditors who read.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    people::{Desk, Person, RISK, SECURITY, text},
    place::Counter,
    worker::Worker,
};

/// A custodian of each role.
pub struct People {
    risk: Person,
    security: Person,
}

impl People {
    pub fn hire(desk: &Counter<'_>, name: &str) -> Self {
        Self {
            risk: Person::enrol(desk, &format!("{name}-risk"), RISK, Kind::Bip340),
            security: Person::enrol(desk, &format!("{name}-security"), SECURITY, Kind::Ed25519),
        }
    }
}

impl Worker<'_> {
    fn new_override(&mut self) -> Option<Value> {
        self.count += 1;
        let why = format!("{} {}", self.name, self.count);
        let asked = self.desk.request(&why, json!({}));
        (asked.status == 201).then(|| asked.json())
    }

    /// Signed twice, countersigned, and its certificate judged.
    pub fn override_once(&mut self) {
        let Some(asked) = self.new_override() else {
            return;
        };
        let people = &self.people;
        people.risk.sign(&self.desk, &asked);
        if people.security.sign(&self.desk, &asked).status != 200 {
            return; // the token is away: it is countersigned later
        }
        let path = format!("/v1/overrides/{}/certificate", text(&asked, "id"));
        let certificate = self.desk.ask("app", "GET", &path, &Value::Null);
        let body = json!({"certificate": certificate.json()});
        let verdict = self.tell("auditor", "/v1/overrides/verify", body);
        assert!(verdict.is_none_or(|verdict| verdict["valid"] == true));
    }

    /// Rejected or withdrawn.
    pub fn override_in_vain(&mut self) {
        let Some(asked) = self.new_override() else {
            return;
        };
        if self.dice.once_in(2) {
            self.people.risk.reject(&self.desk, &asked, "no");
        } else {
            let path = format!("/v1/overrides/{}/withdraw", text(&asked, "id"));
            self.tell("app", &path, json!({}));
        }
    }

    /// Two admins hire somebody, who works once, gets another token, and goes.
    pub fn hire_and_dismiss(&mut self) {
        self.count += 1;
        let name = format!("{}-{}", self.name, self.count);
        let body = json!({"name": name, "subject": name, "roles": ["app"]});
        let Some(made) = self.tell("ada", "/v1/admin/principals", body) else {
            return;
        };
        let path = format!("/v1/admin/principals/{}", text(&made, "id"));
        self.tell("bob", &format!("{path}/approve"), json!({}));
        let body = json!({"plaintext": "eA=="});
        self.desk
            .call(&text(&made, "token"), "POST", "/v1/wrap", &body);
        let issued = self.tell("bob", &format!("{path}/tokens"), json!({}));
        if let Some(issued) = issued {
            let token = format!("{path}/tokens/{}", text(&issued, "id"));
            self.tell("ada", &format!("{token}/approve"), json!({}));
            self.desk.ask("ada", "DELETE", &token, &Value::Null);
        }
        self.desk.ask("ada", "DELETE", &path, &Value::Null);
    }

    /// The same request twice: the second is answered by the first.
    pub fn make_once(&mut self) {
        self.count += 1;
        let name = format!("{}-reads-{}", self.name, self.count);
        let body = json!({"name": name, "subject": name, "roles": ["auditor"]}).to_string();
        let bearer = format!("Bearer {}", self.desk.place.token("ada"));
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", name.as_str()),
        ];
        let path = "/v1/admin/principals";
        let url = format!("{}{path}", self.desk.place.served.url);
        let ask =
            || crate::service::send(&self.desk.agent, "POST", &url, &headers, body.as_bytes());
        let tally = &self.desk.place.tally;
        let first = tally.measure(|| format!("POST {path}, with a key"), ask);
        let again = tally.measure(|| format!("POST {path}, with a key"), ask);
        if first.status == 201 && again.status == 201 {
            let path = format!("{path}/{}", text(&again.json(), "id"));
            self.desk.ask("ada", "DELETE", &path, &Value::Null);
        }
    }

    /// The newest checkpoint, what it covers, and that it continues the first entry.
    pub fn read_log(&mut self) {
        let note = self
            .desk
            .ask("auditor", "GET", "/v1/audit/checkpoint", &Value::Null);
        let Some(size) = note
            .text
            .lines()
            .nth(1)
            .and_then(|line| line.parse::<usize>().ok())
        else {
            return;
        };
        let index = self.dice.below(size);
        for path in [
            format!("/v1/audit/entries?from={index}&limit=100"),
            format!("/v1/audit/proof/inclusion?index={index}&size={size}"),
            format!("/v1/audit/proof/consistency?from=1&to={size}"),
        ] {
            self.desk.ask("auditor", "GET", &path, &Value::Null);
        }
    }

    /// What a desk with many windows shows.
    pub fn read_all(&mut self) {
        for (who, path) in [
            ("operator", "/v1/deks?limit=100"),
            ("operator", "/v1/kek"),
            ("operator", "/v1/jobs"),
            ("auditor", "/v1/overrides?limit=50"),
            ("auditor", "/v1/custodians"),
            ("ada", "/v1/admin/principals?limit=100"),
            ("app", "/v1/capabilities"),
            ("metrics", "/metrics"),
        ] {
            self.desk.ask(who, "GET", path, &Value::Null);
        }
    }
}
