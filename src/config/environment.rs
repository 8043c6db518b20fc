//! Keys by the environment, which go before the file: `CUSTODIAN__LISTEN__ADDRESS` is `listen.address`.

use std::env;

use settings::Environment;

const PREFIX: &str = "CUSTODIAN";

/// Parts the prefix from sections and sections from keys.
const SEPARATOR: &str = "__";

/// Sections in which no variable of the commands lies, as `CUSTODIAN_LOG_FORMAT` does.
const SECTIONS: [&str; 9] = [
    "ADMINS",
    "AUDIT",
    "DEKS",
    "KEK",
    "LIMITS",
    "LISTEN",
    "OVERRIDES",
    "PII",
    "TLS",
];

/// Keys without a section.
const KEYS: [&str; 2] = ["DATA_DIR", "INSTANCE"];

pub(super) fn source() -> Environment {
    Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
}

/// Variables that were meant for a key though nothing reads them: a sentence each.
#[expect(
    clippy::disallowed_methods,
    reason = "part of the one reader of the environment"
)]
pub(super) fn near_misses() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| near_miss(&name)).collect()
}

fn near_miss(name: &str) -> Option<String> {
    let words = name.strip_prefix(PREFIX)?.strip_prefix('_')?;
    let meant = meant(words)?;
    Some(format!(
        "{name} is read by nothing: two underscores part the words, so give {PREFIX}{SEPARATOR}{meant}, or unset it"
    ))
}

fn meant(words: &str) -> Option<String> {
    if KEYS.contains(&words) {
        return Some(words.to_owned());
    }
    let (section, key) = words.split_once('_')?;
    let key = key.trim_start_matches('_');
    let is_meant = SECTIONS.contains(&section) && !is_of_kubernetes(key);
    is_meant.then(|| format!("{section}{SEPARATOR}{key}"))
}

/// What every container is told of a Service that is named `custodian-tls`, say.
fn is_of_kubernetes(words: &str) -> bool {
    matches!(words.split('_').next(), Some("PORT" | "SERVICE"))
}
