//! `custodian audit export`.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;

use super::{
    entries::Entries,
    kept::{self, Kept},
};
use crate::{
    cli::{output::Output, progress::Progress, screen::Screen, service::ServiceArguments, verify},
    client::Client,
    crypto::{
        checkpoint::{self, Checkpoint},
        merkle::{self, Frontier},
    },
    error::Source,
    log::export::Head,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Where the log goes; until it is whole and verified it is FILE.partial.
    #[arg(long = "out", value_name = "FILE")]
    file: PathBuf,
    /// An older export: its entries are taken from there and not asked for again.
    #[arg(long, value_name = "EXPORT")]
    from: Option<PathBuf>,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

/// What was exported.
#[derive(Serialize)]
struct Exported {
    valid: bool,
    origin: String,
    size: u64,
    /// Hex.
    root: String,
    file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let client = arguments.service.client()?;
    if arguments.file.exists() {
        return Err(format!(
            "{} is there already: take another --out",
            arguments.file.display()
        )
        .into());
    }
    let beside = |end: &str| {
        let mut name = arguments.file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let (partial, old) = (beside(".partial"), beside(".kept"));
    let kept = match &arguments.from {
        Some(older) => Some(Kept::open(older)?),
        None => kept::keep(&partial, &old)?,
    };
    let note = client.text("/v1/audit/checkpoint")?;
    let signed = checkpoint::claimed(&note).map_err(|_| NO_CHECKPOINT)?;
    let mut copy = Copy::begin(&partial, note, signed.size)?;
    if let Some(kept) = kept {
        copy.take_kept(kept)?;
    }
    copy.fetch(&client)?;
    let is_it = copy.end()? == signed.root;
    if is_it {
        fs::rename(&partial, &arguments.file)?;
    } else {
        fs::remove_file(&partial)?;
    }
    if arguments.from.is_none() && old.exists() {
        fs::remove_file(&old)?;
    }
    arguments.report(&signed, is_it)
}

const NO_CHECKPOINT: &str = "what the service answers as its checkpoint is none: command and service must be of one version";

impl Arguments {
    fn report(&self, signed: &Checkpoint, valid: bool) -> Result<ExitCode, Source> {
        let exported = Exported {
            valid,
            origin: signed.origin.clone(),
            size: signed.size,
            root: hex::encode(signed.root),
            file: valid.then(|| self.file.clone()),
        };
        self.output.print(&exported, exported.screen().text())?;
        Ok(match valid {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(verify::NO),
        })
    }
}

impl Exported {
    fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        if !self.valid {
            screen.say("NOT EXPORTED: the entries are not those that the checkpoint commits to. Run it again without");
            screen.say("--from; if it says so again, the log was tampered with: POST /v1/audit/verify says how.");
        }
        screen.line("log", &self.origin);
        screen.line("size", &self.size.to_string());
        screen.line("root", &self.root);
        if let Some(file) = &self.file {
            screen.line("file", &file.display().to_string());
        }
        screen
    }
}

/// A copy of the log that is being written, and the root of what is in it.
struct Copy {
    to: BufWriter<File>,
    edge: Frontier,
    size: u64,
    progress: Progress,
}

impl Copy {
    fn begin(path: &Path, note: String, size: u64) -> Result<Self, Source> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let file = options
            .open(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mut to = BufWriter::with_capacity(1 << 18, file);
        serde_json::to_writer(&mut to, &Head::new(note))?;
        to.write_all(b"\n")?;
        Ok(Self {
            to,
            edge: Frontier::default(),
            size,
            progress: Progress::new(size, "entries", 0),
        })
    }

    fn take_kept(&mut self, mut kept: Kept) -> Result<(), Source> {
        while self.edge.size() < self.size {
            match kept.next()? {
                Some(entry) => self.put(entry)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn fetch(&mut self, client: &Client) -> Result<(), Source> {
        while self.edge.size() < self.size {
            let page = Entries::read(client, self.edge.size())?;
            if page.items.is_empty() {
                return Err("the service has fewer entries than its checkpoint commits to: POST /v1/audit/verify says why".into());
            }
            let left = usize::try_from(self.size - self.edge.size()).unwrap_or(usize::MAX);
            for entry in page.items.iter().take(left) {
                self.put(entry.get().as_bytes())?;
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: &[u8]) -> Result<(), Source> {
        self.edge.push(merkle::leaf(entry))?;
        self.to.write_all(entry)?;
        self.to.write_all(b"\n")?;
        let size = self.edge.size();
        if size.is_multiple_of(100) {
            self.progress.at(size, size);
        }
        Ok(())
    }

    /// On disk when this returns: the root of all that was written.
    fn end(mut self) -> Result<merkle::Hash, Source> {
        self.progress.end();
        self.to.flush()?;
        self.to.get_ref().sync_all()?;
        Ok(self.edge.root()?)
    }
}
