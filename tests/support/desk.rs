//! The real binary as a place where custodians are enrolled and overrides requested.

use serde_json::Value;

use crate::{
    people::Desk,
    service::{Answer, Service},
};

impl Desk for Service {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(token, method, path, &[], &body)
    }

    fn admin(&self) -> String {
        self.token("admin")
    }

    fn app(&self) -> String {
        self.token("app")
    }

    /// `dev` needs one admin only.
    fn second(&self) -> Option<String> {
        None
    }
}
