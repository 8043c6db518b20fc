//! A service with one of each thing that the routes are about.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    people::{Desk as _, Person, RISK, text},
    service::{Service, eventually},
};

/// A service with one of each: a DEK, a principal, a custodian, an override.
pub struct World {
    pub service: Service,
    id: String,
    version: String,
    metrics: String,
    custodian: Person,
    asked: String,
    kek: String,
    job: String,
}

impl World {
    pub fn new() -> Self {
        let service = Service::spawn();
        let version = service.make_dek("telemetry");
        let id = service.principal("someone", &["app"], &Value::Null).id;
        let metrics = service
            .principal("metrics", &["metrics"], &Value::Null)
            .token;
        let custodian = Person::enrol(&service, "casey", RISK, Kind::Ed25519);
        let job = text(
            &service
                .post("operator", "/v1/kek/rotate", json!({}))
                .is(202),
            "id",
        );
        eventually("moved", || {
            service.get("operator", &format!("/v1/jobs/{job}")).is(200)["status"] != "running"
        });
        let kek = text(
            &service.get("operator", "/v1/kek").is(200)["versions"][0],
            "version",
        );
        let asked = text(&service.request("why", json!({})).is(201), "id");
        Self {
            service,
            id,
            version,
            metrics,
            custodian,
            asked,
            kek,
            job,
        }
    }

    /// A role's bearer token.
    pub fn token(&self, role: &str) -> String {
        match role {
            "" => String::new(),
            "metrics" => self.metrics.clone(),
            "custodian" => self.custodian.token.clone(),
            role => self.service.token(role),
        }
    }

    /// Fills the places of a path or a body.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{id}", &self.id)
            .replace("{token}", "0199e1e8-0000-7000-8000-000000000000")
            .replace("{dek}", "telemetry")
            .replace("{kek}", &self.kek)
            .replace("{job}", &self.job)
            .replace("{version}", &self.version)
            .replace("{custodian}", &self.custodian.id)
            .replace("{override}", &self.asked)
            .replace("{tile}", "0/000.p/1")
    }
}
