//! Passphrases: typed at the terminal without being shown, or the one line of a file; never an argument.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use age::secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::Source;

/// The fewest characters of a passphrase that is chosen now.
const FEWEST: usize = 8;

/// The most bytes of a passphrase file.
const MOST: u64 = 1024;

#[derive(clap::Args, Debug)]
pub(super) struct PassphraseArguments {
    /// Read the passphrase from the one line of FILE; without it, the terminal is asked.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    /// A passphrase for a new key file: typed twice, and not a short one.
    pub(super) fn choose(&self) -> Result<SecretString, Source> {
        let chosen = match &self.passphrase_file {
            Some(file) => read(file)?,
            None => ask_twice()?,
        };
        if chosen.expose_secret().chars().count() < FEWEST {
            return Err(
                "a passphrase has at least 8 characters: take four or more random words".into(),
            );
        }
        Ok(chosen)
    }

    /// The passphrase of a key file that is there.
    pub(super) fn recall(&self) -> Result<SecretString, Source> {
        match &self.passphrase_file {
            Some(file) => read(file),
            None => ask("Passphrase of the key file: "),
        }
    }
}

fn ask_twice() -> Result<SecretString, Source> {
    let first = ask("New passphrase for the key file: ")?;
    let second = ask("The same again: ")?;
    if first.expose_secret() != second.expose_secret() {
        return Err("the two passphrases are not the same: begin again".into());
    }
    Ok(first)
}

fn ask(prompt: &str) -> Result<SecretString, Source> {
    let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
    let typed = typed.map_err(|error| {
        format!("no passphrase could be read from the terminal ({error}): take --passphrase-file")
    })?;
    Ok(secret(&typed))
}

fn read(file: &Path) -> Result<SecretString, Source> {
    let text = text(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(['\n', '\r']) {
        return Err(format!("{}: a passphrase file has exactly one line", file.display()).into());
    }
    Ok(secret(line))
}

fn text(file: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    File::open(file)?.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        return Err(io::Error::other(
            "a passphrase file has at most 1,024 bytes",
        ));
    }
    Ok(text)
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}
