//! `custodian verify audit`.

use std::{
    io::BufReader,
    path::{Path, PathBuf},
};

use super::{basis::Basis, head::head};
use crate::{
    cli::{input, screen::Screen},
    crypto::{checkpoint::Checkpoint, pinned::LogKey},
    error::Source,
    log::{
        Fault,
        export::{Judge, Signed, Verdict},
    },
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The export; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    basis: Basis,
    /// A checkpoint that you kept, as GET /v1/audit/checkpoint answered it: the log must still contain what it commits
    /// to. May be given more than once.
    #[arg(long, value_name = "NOTE_FILE")]
    earlier: Vec<PathBuf>,
    /// Which log it must be; without it, the one that the keys file names.
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
}

/// Prints the verdict and answers whether it is yes.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Source> {
    let basis = &arguments.basis;
    let keys = basis.pinned(&arguments.file, "export")?;
    let keys = keys.log_keys(arguments.origin.as_deref())?;
    let earlier = arguments.earlier.iter().map(|file| kept(file, &keys));
    let earlier: Vec<Checkpoint> = earlier.collect::<Result<_, _>>()?;
    let mut lines = BufReader::with_capacity(1 << 18, input::open(&arguments.file)?);
    let mut text = Vec::new();
    input::line(&mut lines, &mut text)?;
    if input::is_too_long(&text) {
        text.clear();
    }
    let mut judge = Judge::begin(&text, &keys, earlier, basis.at())?;
    while input::line(&mut lines, &mut text)? > 0 {
        match input::is_too_long(&text) {
            true => judge.too_long(&text)?,
            false => judge.entry(text.strip_suffix(b"\n").unwrap_or(&text))?,
        }
    }
    let verdict = judge.end()?;
    basis.output.print(&verdict, table(&verdict).text())?;
    Ok(verdict.valid)
}

/// A checkpoint that the auditor kept has to be one: else nothing can be said by it.
fn kept(file: &Path, keys: &[LogKey]) -> Result<Checkpoint, Source> {
    let about = |why: String| format!("{}: {why}", file.display());
    let note = String::from_utf8(input::read(file)?);
    let note = note.map_err(|_| about(Fault::CheckpointMalformed.sentence()))?;
    let signed = Signed::open(&note, keys).map_err(|fault| about(fault.sentence()))?;
    Ok(signed.checkpoint)
}

fn table(verdict: &Verdict) -> Screen {
    let mut screen = Screen::default();
    head(&mut screen, &verdict.at, verdict.error.map(Fault::sentence));
    let number = |number: &u64| number.to_string();
    for (label, value) in [
        ("entry", verdict.entry.as_ref().map(number)),
        ("log", verdict.origin.clone()),
        ("signed by", verdict.keyid.clone()),
        ("size", verdict.size.as_ref().map(number)),
        ("signed root", verdict.signed_root.clone()),
        ("entries", Some(number(&verdict.entries))),
        ("their root", Some(verdict.root.clone())),
        ("from", verdict.first_at.clone()),
        ("until", verdict.last_at.clone()),
    ] {
        if let Some(value) = value {
            screen.line(label, &value);
        }
    }
    for one in &verdict.earlier {
        let how = if one.contained {
            "contained"
        } else {
            "contradicted"
        };
        screen.line("earlier", &format!("{} entries: {how}", one.size));
    }
    if !verdict.valid && verdict.proven_until > 0 {
        let until = verdict.proven_until;
        screen.say(&format!(
            "An earlier checkpoint proves the entries before number {until}."
        ));
    }
    screen
}
