//! What `custodian doctor --config` looks at: the files that the configuration names, the token, and where no service
//! runs a copy of the database opened with the token. It changes nothing and presents a PIN once.

use std::{fs, iter, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::statvfs;

use super::{Checkup, Finding, Question, answer, look};
use crate::{
    config::{Config, Kek, Pin},
    custodian::Clock,
    kek::pkcs11::{Opening, Survey},
    server::{dev::checkup::abilities, init, pin_source, restore, stopped, tls::Front},
};

mod deep;

pub use deep::examine;

/// The command that opens the service to look at it: hidden, since only this file starts it.
pub const EXAMINE: &str = "examine-service";

/// How long reading the whole log may take: ten million entries take half a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// Free disk, bytes, below which a service should not run.
const SCARCE: u64 = 256 * 1024 * 1024;

/// A certificate that ends within this should have been renewed.
const ENDING: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Looks at all that a configuration names.
#[must_use]
pub fn look_at(path: &Path, config: &Config) -> Checkup {
    let mut checkup = Checkup::new(&config.schemes);
    let service = Service { path, config };
    checkup.findings.push(service.configuration());
    checkup.findings.extend(service.files());
    let survey = service.survey(&mut checkup.findings);
    let opens = survey.is_some_and(|survey| survey.opening == Opening::Opens);
    checkup.token = survey;
    if opens {
        service.examine(&mut checkup.findings);
    }
    checkup
}

struct Service<'a> {
    path: &'a Path,
    config: &'a Config,
}

impl Service<'_> {
    fn files(&self) -> Vec<Finding> {
        let mut findings = vec![self.folder()];
        findings.extend(self.database());
        findings.extend(self.disk());
        findings.extend(self.pin());
        findings.extend(self.certificates());
        findings
    }

    /// Whoever changes the configuration has a library of their own loaded, which is given the PIN.
    fn configuration(&self) -> Finding {
        const ABOUT: &str = "configuration";
        let module = match &self.config.kek {
            Kek::Pkcs11 { module, .. } => Some(module.as_path()),
            Kek::Software(_) => None,
        };
        let open = iter::once(self.path)
            .chain(module)
            .find(|path| changeable(path));
        match open {
            None => Finding::ok(ABOUT, format!("{} is sound", self.path.display())),
            Some(path) => Finding::problem(
                ABOUT,
                format!("{}: others may change it", path.display()),
                format!("chmod o-w {}", path.display()),
            ),
        }
    }

    fn folder(&self) -> Finding {
        const ABOUT: &str = "data folder";
        let path = self.config.data_dir.display();
        match open_to_others(&self.config.data_dir) {
            Err(error) => Finding::problem(
                ABOUT,
                format!("{path}: {error}"),
                "run `custodian init`, or run this as the service's user",
            ),
            Ok(None) => Finding::ok(ABOUT, format!("{path} is for its owner only")),
            Ok(Some(mode)) => Finding::problem(
                ABOUT,
                format!("{path}: others may look into it (mode {mode:o})"),
                format!("chmod 700 {path}"),
            ),
        }
    }

    fn database(&self) -> Vec<Finding> {
        const ABOUT: &str = "database";
        if let Err(why) = restore::finished(self.config) {
            let todo = "see docs/operations.md, \"Restore\"";
            return vec![Finding::problem(ABOUT, why.to_string(), todo)];
        }
        if let Err(why) = init::finished(self.config) {
            let todo = "run `custodian init`, or `custodian restore` if there was a service";
            return vec![Finding::problem(ABOUT, why.to_string(), todo)];
        }
        let database = self.config.database();
        let files = ["", "-wal", "-shm"].map(|end| format!("{}{end}", database.display()));
        let open = files.into_iter().filter_map(|file| {
            let mode = open_to_others(Path::new(&file)).ok()??;
            Some(Finding::problem(
                ABOUT,
                format!("{file}: others may read or change it (mode {mode:o})"),
                format!("chmod 600 {file}"),
            ))
        });
        let mut findings: Vec<_> = open.collect();
        if findings.is_empty() {
            let says = format!("{} is there, for its owner only", database.display());
            findings.push(Finding::ok(ABOUT, says));
        }
        findings
    }

    /// A backup and the erasing of what was destroyed both need room for a second database.
    fn disk(&self) -> Option<Finding> {
        const ABOUT: &str = "free disk";
        let about = statvfs(&self.config.data_dir).ok()?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        let database = fs::metadata(self.config.database());
        let wanted = SCARCE.max(database.map_or(0, |database| database.len().saturating_mul(2)));
        let says = format!(
            "{} MiB are free, {} MiB are wanted",
            free >> 20,
            wanted >> 20
        );
        Some(match free >= wanted {
            true => Finding::ok(ABOUT, says),
            false => Finding::problem(
                ABOUT,
                says,
                "make room: a full disk takes no audit entry, so nothing is answered",
            ),
        })
    }

    fn pin(&self) -> Option<Finding> {
        const ABOUT: &str = "PIN";
        let Kek::Pkcs11 { pin, .. } = &self.config.kek else {
            return None;
        };
        Some(match pin {
            Pin::Credential(name) => match pin_source(pin) {
                Ok(_) => Finding::ok(ABOUT, format!("it is systemd's credential {name}")),
                Err(_) => Finding::warning(
                    ABOUT,
                    format!(
                        "systemd gives the credential {name} to the unit only, so the token is not opened here"
                    ),
                    "run this as the unit does: see docs/operations.md, \"Look at the service\"",
                ),
            },
            Pin::File(file) => match open_to_others(file) {
                Ok(None) => Finding::ok(ABOUT, format!("{} is for its owner only", file.display())),
                Ok(Some(mode)) => Finding::problem(
                    ABOUT,
                    format!("{}: others may read it (mode {mode:o})", file.display()),
                    format!(
                        "chmod 600 {}, and change the PIN if somebody may have read it",
                        file.display()
                    ),
                ),
                Err(error) => Finding::problem(
                    ABOUT,
                    format!("{}: {error}", file.display()),
                    "put the PIN into it, mode 0600, owned by the service's user",
                ),
            },
            Pin::Terminal => Finding::ok(ABOUT, "it is typed at each start"),
        })
    }

    fn certificates(&self) -> Vec<Finding> {
        const ABOUT: &str = "TLS";
        let Some(tls) = &self.config.tls else {
            let says = "none: plain HTTP on loopback, where everybody on this machine can listen as the service if it is down";
            let todo = "name a certificate and a key under [tls]";
            return vec![Finding::warning(ABOUT, says, todo)];
        };
        let ends = match Front::open(tls) {
            Ok(front) => front.ends(),
            Err(error) => {
                let todo = "mend the files, then send SIGHUP or start again";
                return vec![Finding::problem(ABOUT, error.to_string(), todo)];
            }
        };
        let shown = format!("{} and its key serve", tls.certificate.display());
        let mut findings = vec![until(ABOUT, &shown, ends.certificate)];
        if let (Some(ca), Some(end)) = (tls.clients.authorities(), ends.client_ca) {
            let asked = format!("{} says whose clients are let in", ca.display());
            findings.push(until(ABOUT, &asked, end));
        }
        findings
    }

    fn survey(&self, findings: &mut Vec<Finding>) -> Option<Survey> {
        const ABOUT: &str = "token";
        let Kek::Pkcs11 {
            module,
            token,
            pin,
            sessions,
            ..
        } = &self.config.kek
        else {
            return None;
        };
        let file = match pin {
            Pin::File(file) => Some(file.clone()),
            Pin::Credential(name) => crate::config::credential(name).ok(),
            Pin::Terminal => None,
        };
        let question = Question {
            module,
            label: token,
            pin_file: file.as_deref(),
            softhsm_conf: None,
        };
        let survey = match look(&question) {
            Ok(survey) => survey,
            Err(why) => {
                let says = format!("{}: {why}", module.display());
                let todo = "check kek.module, and the vendor's own configuration and tools";
                findings.push(Finding::problem(ABOUT, says, todo));
                return None;
            }
        };
        findings.push(opening(token, survey.opening));
        findings.extend(abilities(survey));
        findings.extend(enough(survey.sessions, *sessions));
        Some(survey)
    }

    /// Opens the service as `serve` would, on a copy of its database, in a process of its own.
    fn examine(&self, findings: &mut Vec<Finding>) {
        const ABOUT: &str = "store and log";
        if stopped::is_held(self.config) {
            let says = "the service runs, and looks at them itself";
            findings.push(Finding::ok(ABOUT, says));
            return;
        }
        if !self.config.database().exists() {
            return;
        }
        let examined = std::env::current_exe()
            .map_err(Into::into)
            .and_then(|program| {
                let mut command = Command::new(program);
                command.arg(EXAMINE).arg("--config").arg(self.path);
                answer::<Vec<Finding>>(&mut command, PATIENCE)
            });
        match examined {
            Ok(more) => findings.extend(more),
            Err(why) => findings.push(Finding::problem(
                ABOUT,
                format!("the service does not open: {why}"),
                "see docs/operations.md, \"When something is wrong\"; start nothing before it is clear",
            )),
        }
    }
}

/// Of certificates that do what they should until their end.
fn until(about: &'static str, does: &str, end: Timestamp) -> Finding {
    let left = end.duration_since(Clock::system().now());
    let says = format!("{does} until {end}, {} more days", left.as_hours() / 24);
    match left < ENDING {
        false => Finding::ok(about, says),
        true => Finding::warning(
            about,
            says,
            "put a new one in its place, then send SIGHUP: one that has ended is worth nothing",
        ),
    }
}

fn opening(token: &str, opening: Opening) -> Finding {
    const ABOUT: &str = "token";
    match opening {
        Opening::Absent => Finding::problem(
            ABOUT,
            format!("no token is labelled {token:?}"),
            "plug it in, check kek.token, or initialise one in the key ceremony",
        ),
        Opening::Opens => Finding::ok(ABOUT, format!("{token:?} opens with the PIN")),
        Opening::PinRefused => Finding::problem(
            ABOUT,
            format!("{token:?} refuses the PIN; it was presented once"),
            "mend the PIN before anything presents it again: tokens lock after a few",
        ),
        Opening::Untried => Finding::warning(
            ABOUT,
            format!("{token:?} is there; whether it opens was not tried, for want of a PIN"),
            "run this where the PIN can be read",
        ),
    }
}

/// Each worker has a session, the anchor and the background one too, and opening again needs another set.
fn enough(allowed: Option<u64>, sessions: usize) -> Option<Finding> {
    const ABOUT: &str = "sessions";
    let wanted = sessions as u64 + 3;
    let allowed = allowed?;
    Some(match allowed >= wanted {
        true => Finding::ok(
            ABOUT,
            format!("the token allows {allowed}, {wanted} are used"),
        ),
        false => Finding::problem(
            ABOUT,
            format!("the token allows {allowed}, and {wanted} are used"),
            "lower kek.sessions",
        ),
    })
}

/// Whether everybody on this machine may change the file.
fn changeable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o002 != 0)
}

/// What others than its owner may do with a file; `None` if nothing.
fn open_to_others(path: &Path) -> std::io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}
