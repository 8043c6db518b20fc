//! `custodian backup`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{input, output::Output, progress::Progress, screen::Screen, service::ServiceArguments};
use crate::error::Source;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Where the backup goes; until it is whole it is FILE.partial.
    #[arg(long = "out", value_name = "FILE")]
    file: PathBuf,
    /// A public key (age1…) whose secret key opens the backup. May be given more than once.
    #[arg(long = "recipient", value_name = "age1…")]
    recipients: Vec<String>,
    /// A file of such keys, a line each; lines that begin with # say what they are.
    #[arg(long, value_name = "FILE", required_unless_present = "recipients")]
    recipients_file: Option<PathBuf>,
    #[command(flatten)]
    service: ServiceArguments,
    /// For people or for programs.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

/// What is asked for.
#[derive(Serialize)]
struct Asked {
    recipients: Vec<String>,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    bytes: u64,
    file: PathBuf,
    recipients: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let client = arguments.service.client()?;
    let there = || {
        format!(
            "{} is there already: take another --out",
            arguments.file.display()
        )
    };
    if fs::symlink_metadata(&arguments.file).is_ok() {
        return Err(there().into());
    }
    let asked = Asked {
        recipients: arguments.recipients()?,
    };
    let mut partial = Partial::begin(&arguments.file)?;
    let mut progress: Option<Progress> = None;
    let bytes = client.download("/v1/backup", &asked, &mut partial.to, |came, all| {
        let progress = progress.get_or_insert_with(|| Progress::new(all, "bytes", 0));
        progress.at(came, came);
    });
    progress.iter().for_each(Progress::end);
    let bytes = bytes?;
    let finished = partial.finish(&arguments.file);
    finished.map_err(|error| match error.kind() == ErrorKind::AlreadyExists {
        true => there(),
        false => format!("{}: {error}", arguments.file.display()),
    })?;
    let made = Made {
        bytes,
        file: arguments.file.clone(),
        recipients: asked.recipients,
    };
    arguments.output.print(&made, made.screen().text())
}

impl Arguments {
    fn recipients(&self) -> Result<Vec<String>, Source> {
        let mut all = self.recipients.clone();
        if let Some(file) = &self.recipients_file {
            let text = String::from_utf8(input::read(file)?)?;
            let lines = text.lines().map(str::trim);
            let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            all.extend(keys.map(str::to_owned));
        }
        // Nothing but a public key goes to the service.
        match all.iter().all(|key| key.starts_with("age1")) {
            true => Ok(all),
            false => Err(NO_RECIPIENT.into()),
        }
    }
}

const NO_RECIPIENT: &str = "a recipient is an age public key (age1…): `age-keygen -y` says that of a secret key, which belongs nowhere else";

impl Made {
    fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        screen.line("file", &self.file.display().to_string());
        screen.line("bytes", &self.bytes.to_string());
        for recipient in &self.recipients {
            screen.line("opens with", recipient);
        }
        screen
    }
}

/// A backup that is not whole yet: it goes if it never is.
struct Partial {
    path: PathBuf,
    to: BufWriter<File>,
}

impl Partial {
    fn begin(file: &Path) -> Result<Self, Source> {
        let mut path = file.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let opened = options.open(&path);
        let opened = opened.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            path,
            to: BufWriter::with_capacity(1 << 18, opened),
        })
    }

    /// Gives it its name, unless something has that.
    fn finish(mut self, file: &Path) -> io::Result<()> {
        self.to.flush()?;
        self.to.get_ref().sync_all()?;
        // As a rename would, but it replaces nothing.
        fs::hard_link(&self.path, file)?;
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _is_gone_with_the_next = fs::remove_file(&self.path);
    }
}
