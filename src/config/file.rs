//! A configuration file as it is written: TOML, every key known, none required but by [`super::terms`]. What the
//! environment says goes before the file.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};
use settings::{ConfigError, FileFormat};

use super::{Config, environment};

/// Why a configuration is refused: everything that is wrong with it, one sentence each.
#[derive(Debug, thiserror::Error)]
pub struct Refusal(pub(super) Vec<String>);

impl Refusal {
    /// The sentences.
    #[must_use]
    pub fn sentences(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) instance: Option<String>,
    pub(super) listen: Listen,
    pub(super) tls: Tls,
    pub(super) kek: Kek,
    pub(super) admins: Admins,
    pub(super) deks: Deks,
    pub(super) overrides: Overrides,
    pub(super) pii: Pii,
    pub(super) audit: Audit,
    pub(super) limits: Limits,
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Listen {
    pub(super) address: Option<String>,
}

#[derive(Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) client_certificates: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Kek {
    pub(super) provider: Option<String>,
    pub(super) module: Option<PathBuf>,
    pub(super) token: Option<String>,
    pub(super) pin_file: Option<PathBuf>,
    pub(super) pin_credential: Option<String>,
    pub(super) pin_prompt: bool,
    /// Known only to be refused with a sentence of its own.
    pub(super) pin: Option<IgnoredAny>,
    pub(super) sessions: Option<usize>,
    pub(super) deadline: Option<String>,
    pub(super) rotation: Option<String>,
    pub(super) note_every: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admins {
    pub(super) quorum: Option<u8>,
    pub(super) token_lifetime: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Deks {
    pub(super) cache: Option<String>,
    pub(super) destroy_delay: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Overrides {
    pub(super) binding: Option<String>,
    pub(super) longest: Option<String>,
    pub(super) require_on_behalf_of: bool,
    pub(super) policy_version: Option<String>,
    pub(super) schemes: Option<Words>,
    pub(super) bitcoin_network: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pii {
    pub(super) fields: Option<Words>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Audit {
    pub(super) origin: Option<String>,
    pub(super) public_tiles: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) body_bytes: Option<usize>,
    pub(super) event_bytes: Option<usize>,
    pub(super) large_bytes: Option<usize>,
    pub(super) handshake: Option<String>,
    pub(super) head: Option<String>,
    pub(super) body: Option<String>,
    pub(super) answer: Option<String>,
    pub(super) idle: Option<String>,
    pub(super) connections: Option<usize>,
    pub(super) connections_per_source: Option<usize>,
    pub(super) requests: Option<usize>,
    pub(super) requests_per_principal: Option<usize>,
    pub(super) requests_per_second: Option<u32>,
    pub(super) burst: Option<u32>,
    pub(super) key_uses: Option<usize>,
    pub(super) key_wait: Option<String>,
    pub(super) drain: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<String>,
    pub(super) format: Option<String>,
}

const LIST: &str = "expected a list of texts";

/// A list, or as the environment has it its words with commas between them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a list of texts")] // as LIST has it
pub(super) enum Words {
    Line(String),
    List(Vec<String>),
}

impl Words {
    pub(super) fn list(self) -> Vec<String> {
        match self {
            Self::Line(line) => line.split(',').map(|word| word.trim().to_owned()).collect(),
            Self::List(list) => list,
        }
    }
}

impl Config {
    /// Reads the file, lets the environment go before it, and checks every value and what they are together.
    ///
    /// # Errors
    /// [`Refusal`] says everything that is wrong, and what to do.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let file = read(path).map_err(|error| {
            let why = without_values(&error);
            Refusal(vec![format!("{}: {why}", path.display())])
        })?;
        super::terms::check(file, environment::near_misses())
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    settings::Config::builder()
        .add_source(settings::File::from(path).format(FileFormat::Toml))
        .add_source(environment::source())
        .build()?
        .try_deserialize()
}

/// What is wrong, without what stands there: it may be a PIN.
#[allow(clippy::wildcard_enum_match_arm)] // the crate's own, to which more may come
fn without_values(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { expected, key, .. } => {
            let key = key.as_deref().unwrap_or("a value");
            format!("{key}: something else is there, expected {expected}")
        }
        ConfigError::At { error, key, .. } => match key {
            Some(key) => format!("{key}: {}", without_values(error)),
            None => without_values(error),
        },
        ConfigError::FileParse { cause, .. } => without_lines(&cause.to_string()),
        ConfigError::Foreign(cause) => match cause.downcast_ref::<io::Error>() {
            Some(cause) if cause.kind() == io::ErrorKind::NotFound => "it is not there".to_owned(),
            Some(cause) => format!("{cause}: let whoever runs this command read the file"),
            None => cause.to_string(),
        },
        ConfigError::Message(said) if OURS.iter().any(|ours| said.starts_with(ours)) => {
            said.clone()
        }
        _ => "something else is there".to_owned(),
    }
}

/// How messages begin in which nothing stands but names of keys.
const OURS: [&str; 2] = ["unknown field ", LIST];

/// The parser shows the line, behind its number and a bar.
fn without_lines(said: &str) -> String {
    let is_shown = |line: &&str| {
        let line = line.trim_start_matches(|one: char| one.is_ascii_digit() || one == ' ');
        line.starts_with('|')
    };
    let said: Vec<_> = said.lines().filter(|line| !is_shown(line)).collect();
    said.join(": ")
}
