//! What happens to keys as time passes and as they are used: rotation, destruction, limits. Real HTTP, a real SoftHSM
//! token, a real database; the clock and the limits are the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use house::House;
use serde_json::{Value, json};
use service::{Answer, eventually};

#[path = "life/destruction.rs"]
mod destruction;
#[path = "support/house.rs"]
mod house;
#[path = "life/limits.rs"]
mod limits;
#[path = "life/periods.rs"]
mod periods;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

impl House {
    /// Makes a DEK; answers it.
    fn dek(&self, name: &str, algorithm: &str, period: Option<&str>) -> Value {
        let body = json!({"name": name, "algorithm": algorithm, "rotation_period": period});
        self.post(&self.operator, "/v1/deks", body).is(201)
    }

    fn show(&self, name: &str) -> Value {
        let path = format!("/v1/deks/{name}");
        self.get(&self.operator, &path).is(200)
    }

    fn current(&self, name: &str) -> String {
        text(&self.show(name)["current"])
    }

    fn rotate(&self, name: &str) -> String {
        let path = format!("/v1/deks/{name}/rotate");
        text(&self.post(&self.operator, &path, json!({})).is(201)["version"])
    }

    fn encrypt(&self, name: &str) -> Answer {
        let path = format!("/v1/deks/{name}/encrypt");
        self.post(&self.app, &path, json!({"plaintext": "YWVnaXM="}))
    }

    fn decrypt(&self, name: &str, ciphertext: &Value) -> Answer {
        let path = format!("/v1/deks/{name}/decrypt");
        self.post(&self.app, &path, json!({"ciphertext": ciphertext}))
    }

    /// One verb on a version, with the confirmation that `destroy` needs.
    fn version(&self, name: &str, version: &str, verb: &str) -> Answer {
        let path = format!("/v1/deks/{name}/versions/{version}/{verb}");
        let body = match verb {
            "destroy" => json!({"confirm": format!("{name}/{version}")}),
            _ => json!({}),
        };
        self.post(&self.operator, &path, body)
    }

    /// The state of a DEK's oldest version.
    fn oldest_state(&self, name: &str) -> Value {
        self.show(name)["versions"][0]["state"].clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
