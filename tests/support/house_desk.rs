//! A service in this process as a place where custodians are enrolled and overrides requested.

use serde_json::Value;

use crate::{house::House, people::Desk, service::Answer};

impl Desk for House {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.ada.clone()
    }

    fn app(&self) -> String {
        self.app.clone()
    }

    fn second(&self) -> Option<String> {
        Some(self.bob.clone())
    }
}
