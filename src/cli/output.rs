//! What a command prints: for people or for programs.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use clap::ValueEnum;
use serde::Serialize;

use super::input;
use crate::error::Source;

/// How the answer looks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Output {
    /// One JSON object, in ASCII.
    Json,
    /// Lines for people.
    Table,
}

impl Output {
    /// Prints a value as JSON, or its table.
    pub(super) fn print<T: Serialize>(self, value: &T, table: &str) -> Result<(), Source> {
        match self {
            Self::Json => print(&json(value)?),
            Self::Table => print(table),
        }
    }
}

/// JSON in ASCII, so that no letter in it turns a terminal's text around.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Source> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(text.chars().fold(String::new(), |mut ascii, letter| {
        if letter.is_ascii() && letter != '\u{7f}' {
            ascii.push(letter);
        } else {
            let units = &mut [0; 2];
            let units = letter.encode_utf16(units).iter();
            ascii.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
        ascii
    }))
}

/// Prints lines on standard output.
pub(super) fn print(text: &str) -> Result<(), Source> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(out.flush()?)
}

/// Writes a text to a new file, on disk when this returns; `-` is standard output. No file is ever replaced.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Source> {
    if input::is_standard(path) {
        return print(text);
    }
    let failed = |error| format!("{}: {error}", path.display());
    let mut file = File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file.sync_all().map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn json_is_ascii_and_means_the_same() {
        let text = "\u{202e}\u{1b}\u{7f}\u{1f600} caf\u{e9}";
        let written = json(&text).unwrap();
        assert_eq!(
            written,
            "\"\\u202e\\u001b\\u007f\\ud83d\\ude00 caf\\u00e9\""
        );
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
