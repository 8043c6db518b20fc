//! How a command prints its result: lines for people, or JSON for programs.

use std::{
    io::{self, Write},
    str::FromStr,
};

use serde::Serialize;

/// `--output`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Output {
    Json,
    Table,
}

impl FromStr for Output {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "json" => Ok(Self::Json),
            "table" => Ok(Self::Table),
            _ => Err("an output is json or table"),
        }
    }
}

impl Output {
    /// Prints `result` as one line of JSON, or `table` as it is.
    pub(super) fn print(self, result: &impl Serialize, table: &str) -> io::Result<()> {
        let mut out = io::stdout();
        match self {
            Self::Json => writeln!(out, "{}", serde_json::to_string(result)?)?,
            Self::Table => writeln!(out, "{table}")?,
        }
        out.flush()
    }
}
