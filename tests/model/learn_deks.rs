//! What an answer about DEKs and their versions must say, and what the model knows from then on.

use aegis_custodian::crypto::{
    blob::{DekBlob, DekBlobKind},
    canonical, hybrid,
};
use base64ct::{Base64, Encoding};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    game::At,
    learn::text,
    things::{Blob, Bound, Dek, State, Version, Whose},
    verbs::Change,
    world::World,
};

impl World {
    pub fn dek_made(&mut self, at: &At<'_>, name: &str, algorithm: &str, body: &Value) {
        at.holds(
            body["name"] == name && body["algorithm"] == algorithm,
            "another DEK",
            body,
        );
        at.holds(
            body["versions"].as_array().unwrap().len() == 1,
            "more than one version",
            body,
        );
        at.holds(
            body["current"] == body["versions"][0]["version"],
            "another is current",
            body,
        );
        let version = self.version_made(at, 1, &body["versions"][0]);
        let dek = Dek {
            hybrid: algorithm == "mlkem768-x25519",
            versions: vec![version],
        };
        self.deks.insert(name.to_owned(), dek);
    }

    pub fn version_made(&self, at: &At<'_>, number: usize, body: &Value) -> Version {
        let name = text(&body["version"]);
        let day = Timestamp::from_second(self.now)
            .unwrap()
            .strftime("%Y%m%d")
            .to_string();
        let day = if self.clocked { day } else { String::new() };
        at.holds(
            name.starts_with(&format!("dek-v{number}-{day}")),
            "another version",
            body,
        );
        at.holds(
            body["number"] == number && body["state"] == "enabled",
            "another number or state",
            body,
        );
        at.holds(
            text(&body["kek"]).starts_with("kek-v1-"),
            "another KEK",
            body,
        );
        Version {
            name,
            state: State::Enabled,
            destroy_at: None,
        }
    }

    pub fn shown(&self, at: &At<'_>, name: &str, body: &Value) {
        let dek = &self.deks[name];
        at.holds(
            body["current"] == json!(dek.versions.last().unwrap().name),
            "another is current",
            body,
        );
        let shown = body["versions"].as_array().unwrap();
        at.holds(
            shown.len() == dek.versions.len(),
            "another number of versions",
            body,
        );
        for (shown, version) in shown.iter().zip(&dek.versions) {
            let state = shown["state"].as_str().unwrap();
            let gone = version.due(self.now) && state == "destroyed";
            at.holds(
                shown["version"] == json!(version.name),
                "another version",
                shown,
            );
            at.holds(
                gone || state == version.shown(),
                "another state",
                &(shown, version),
            );
            at.holds(
                shown["kek"].is_null() == (state == "destroyed"),
                "a KEK of what is destroyed",
                shown,
            );
            at.holds(
                shown.get("public_key").is_some() == dek.hybrid,
                "a public key or none",
                shown,
            );
        }
    }

    pub fn changed(&mut self, at: &At<'_>, what: Change, name: &str, version: &str, body: &Value) {
        let (now, delay) = (self.now, self.delay);
        let version = self.version_mut(name, version).unwrap();
        match what {
            Change::Disable => version.state = State::Disabled,
            Change::Enable => version.state = State::Enabled,
            Change::Destroy if delay == 0 => version.state = State::Destroyed,
            Change::Destroy => version.destroy_at = Some(now + delay),
            Change::Cancel => version.destroy_at = None,
        }
        at.holds(body["state"] == version.shown(), "another state", body);
        at.holds(
            body["version"] == json!(version.name),
            "another version",
            body,
        );
    }

    /// Anyone can encrypt to a public key: the game does, past the service.
    pub fn public(
        &mut self,
        at: &At<'_>,
        name: &str,
        version: Option<&str>,
        body: &Value,
        place: usize,
    ) {
        let newest = self.deks[name].versions.len() - 1;
        let given = |version| {
            self.deks[name]
                .versions
                .iter()
                .position(|own| own.name == version)
        };
        let number = version.map_or(newest, |version| given(version).unwrap());
        let version = &self.deks[name].versions[number].name;
        at.holds(body["version"] == json!(version), "another version", body);
        at.holds(
            body["algorithm"] == "mlkem768-x25519",
            "another algorithm",
            body,
        );
        let key = Base64::decode_vec(&text(&body["public_key"])).unwrap();
        let (name, version) = (name.parse().unwrap(), version.parse().unwrap());
        let bound = canonical::context(serde_json::from_value(Bound::One.json().unwrap()).unwrap())
            .unwrap();
        let info = DekBlob::info(&name, &version, &bound);
        let sealer = hybrid::Sealer::new(&key).unwrap();
        let payload = sealer.seal(&info, b"from elsewhere").unwrap();
        let whose = Whose::Dek {
            name: name.to_string(),
            at: number,
        };
        let made = DekBlob {
            kind: DekBlobKind::Hpke,
            name,
            version,
            payload,
        };
        let blob = Blob {
            text: made.encode(),
            plaintext: Base64::encode_string(b"from elsewhere"),
            context: Bound::One,
            whose,
            broken: false,
        };
        self.keep_blob(blob, place);
    }
}
