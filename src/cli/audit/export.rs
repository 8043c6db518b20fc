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
    kept::{self, Kept},
    place::Place,
};
use crate::{
    cli::{
        chain, output::Output, progress::Progress, screen::Screen, service::ServiceArguments,
        verify,
    },
    config::Config,
    crypto::{
        checkpoint::{self, Checkpoint},
        merkle::{self, Frontier},
    },
    custodian::audit_log::Finding,
    error::{Error, Source},
    log::export::Head,
    server::{hardening, stopped::StoppedLog},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Where the log goes; until it is whole and verified it is FILE.partial.
    #[arg(long = "out", value_name = "FILE")]
    file: PathBuf,
    /// An older export: its entries are taken from there and not asked for again.
    #[arg(long, value_name = "EXPORT")]
    from: Option<PathBuf>,
    /// The configuration of a service that does not run: the log is read from its database, with the token there.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    config: Option<PathBuf>,
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
    let place = match arguments.place() {
        Err(error) if says_no(&error) => {
            eprintln!("custodian: {}; nothing was exported", chain(&*error));
            return Ok(ExitCode::from(verify::NO));
        }
        place => place?,
    };
    let kept = match (&arguments.from, &place) {
        (Some(older), _) => Some(Kept::open(older)?),
        (None, Place::Service(_)) => kept::keep(&partial, &old)?,
        // It is read as fast as an older export.
        (None, Place::Database(_)) => None,
    };
    let note = place.note()?;
    let signed = checkpoint::claimed(&note).map_err(|_| NO_CHECKPOINT)?;
    let mut copy = Copy::begin(&partial, note, signed.size)?;
    if let Some(kept) = kept {
        copy.take_kept(kept)?;
    }
    copy.fetch(&place)?;
    // A token is left before the end: what its library still does then may end badly.
    drop(place);
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

/// Whether it is the log that is not right.
fn says_no(error: &Source) -> bool {
    let corrupt = error.downcast_ref::<Error>();
    error.is::<Finding>() || corrupt.is_some_and(|error| matches!(error, Error::Corrupt(_)))
}

impl Arguments {
    fn place(&self) -> Result<Place, Source> {
        let Some(config) = &self.config else {
            return Ok(Place::Service(self.service.client()?));
        };
        if self.service.is_named() {
            return Err("--config reads the log of a service that does not run, --url asks one that does: give one of them".into());
        }
        hardening::harden()?.refuse_swap()?;
        let log = StoppedLog::open(&Config::read(config)?)?;
        Ok(Place::Database(Box::new(log)))
    }

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

    fn fetch(&mut self, place: &Place) -> Result<(), Source> {
        while self.edge.size() < self.size {
            let page = place.entries(self.edge.size())?;
            if page.is_empty() {
                return Err("the service has fewer entries than its checkpoint commits to: POST /v1/audit/verify says why".into());
            }
            let left = usize::try_from(self.size - self.edge.size()).unwrap_or(usize::MAX);
            for entry in page.iter().take(left) {
                self.put(entry)?;
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
