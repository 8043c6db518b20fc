//! A KEK version as the service shows it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{cli::screen::Screen, client::Client, error::Source};

#[derive(Deserialize)]
pub(super) struct Version {
    version: String,
    state: String,
    created_at: String,
    retired_at: Option<String>,
    destroyable_at: Option<String>,
    destroy_requested_by: Option<String>,
    encryptions: u64,
    records: u64,
    attributes: Option<Map<String, Value>>,
}

impl Version {
    /// Reads one of all that there are.
    pub(super) fn read(client: &Client, wanted: &str) -> Result<Self, Source> {
        #[derive(Deserialize)]
        struct Kek {
            versions: Vec<Version>,
        }
        let kek: Kek = client.read("/v1/kek")?;
        let mut versions = kek.versions.into_iter();
        let found = versions.find(|version| version.version == wanted);
        found.ok_or_else(|| "there is no such version: see custodian kek status".into())
    }

    pub(super) fn of(value: &Value) -> Result<Self, Source> {
        Ok(Self::deserialize(value)?)
    }

    pub(super) fn show(&self, screen: &mut Screen) {
        screen.line("version", &self.version);
        screen.line("state", &self.state);
        screen.line("since", &self.created_at);
        for (label, value) in [
            ("retired", &self.retired_at),
            ("destroyable", &self.destroyable_at),
            ("to destroy by", &self.destroy_requested_by),
        ] {
            if let Some(value) = value {
                screen.line(label, value);
            }
        }
        let uses = format!(
            "{} records, at most {} encryptions",
            self.records, self.encryptions
        );
        screen.line("wraps", &uses);
        if let Some(attributes) = &self.attributes {
            let each = attributes
                .iter()
                .map(|(name, value)| format!("{name} {value}"));
            screen.value("attributes", &each.collect::<Vec<_>>().join("\n"));
        }
    }
}
