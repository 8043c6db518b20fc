//! What `custodian doctor` finds, and its look at a token. What to look at is for each kind of service to say:
//! `doctor/appliance.rs` and `dev/checkup.rs`.

use std::{
    borrow::Cow,
    ffi::OsStr,
    io,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    custodian::capabilities::tables::{self, Build, Offered, SchemeRow},
    error::Source,
    kek::pkcs11::Survey,
    words::Scheme,
};

pub mod appliance;

/// The command that looks at a token: hidden, since only this file starts it.
pub const SURVEY: &str = "survey-token";

/// A library that has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this build offers, and what was found. The first members are as in `/v1/capabilities`.
#[derive(Debug, Serialize)]
pub struct Checkup {
    /// Of this build.
    pub version: &'static str,
    /// What is in it.
    pub build: Build,
    /// Who can hold a KEK.
    pub kek: Holders,
    /// Every algorithm of DEKs.
    pub encryption_table: Vec<Offered>,
    /// Every signature scheme.
    pub signature_scheme_table: Vec<SchemeRow>,
    /// What the token showed, if one was asked.
    pub token: Option<Survey>,
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

/// Who can hold a KEK.
#[derive(Debug, Serialize)]
pub struct Holders {
    /// All who could.
    pub providers: Vec<Offered>,
}

/// One thing that was looked at.
#[derive(Debug, Deserialize, Serialize)]
pub struct Finding {
    /// What.
    pub about: Cow<'static, str>,
    /// Whether it is well.
    pub verdict: Verdict,
    /// What is so.
    pub says: String,
    /// What to do about it.
    pub todo: Option<String>,
}

/// Whether something is well.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Ok,
    /// The service cannot do its work like this, or gives secrets away.
    Problem,
    /// It works, and could be better.
    Warning,
}

impl Checkup {
    pub(super) fn new(schemes: &[Scheme]) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            build: Build::here(),
            kek: Holders {
                providers: tables::providers(),
            },
            encryption_table: tables::encryption(),
            signature_scheme_table: tables::schemes(schemes),
            token: None,
            findings: Vec::new(),
        }
    }

    /// How many findings there are of a kind.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let of = |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(of).count()
    }
}

impl Finding {
    pub(super) fn ok(about: &'static str, says: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            verdict: Verdict::Ok,
            says: says.into(),
            todo: None,
        }
    }

    pub(super) fn warning(
        about: &'static str,
        says: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warning,
            todo: Some(todo.into()),
            ..Self::ok(about, says)
        }
    }

    pub(super) fn problem(
        about: &'static str,
        says: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Problem,
            todo: Some(todo.into()),
            ..Self::ok(about, says)
        }
    }
}

/// A token to look at.
pub(super) struct Question<'a> {
    pub(super) module: &'a Path,
    pub(super) label: &'a str,
    /// `None` leaves the token closed.
    pub(super) pin_file: Option<&'a Path>,
    /// Where SoftHSM, which reads it from the environment, finds its tokens; `None` leaves that as it is.
    pub(super) softhsm_conf: Option<&'a Path>,
}

/// Looks at a token in a process of its own, since a vendor's library may hang or crash.
pub(super) fn look(at: &Question<'_>) -> Result<Survey, Source> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(SURVEY)
        .args([OsStr::new("--module"), at.module.as_os_str()])
        .args(["--label", at.label]);
    if let Some(conf) = at.softhsm_conf {
        command.env("SOFTHSM2_CONF", conf);
    }
    if let Some(pin_file) = at.pin_file {
        command.args([OsStr::new("--pin-file"), pin_file.as_os_str()]);
    }
    answer(&mut command, PATIENCE)
}

/// What a process of ours writes to its standard output before it ends well.
fn answer<T: DeserializeOwned>(command: &mut Command, patience: Duration) -> Result<T, Source> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = finish(command.spawn()?, patience)?;
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout)?),
        Some(_) => Err(last_line(&output).into()),
        None => Err("the PKCS#11 library crashed".into()),
    }
}

fn finish(mut child: Child, patience: Duration) -> Result<Output, Source> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(format!(
                "the PKCS#11 library did not answer within {} seconds",
                patience.as_secs()
            )
            .into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output: io::Result<Output> = child.wait_with_output();
    Ok(output?)
}

/// Why the command ended, in its own words; what else it said last, if it did not come to that.
fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("custodian: "));
    let line = why.or_else(|| said.lines().last());
    let line = line.unwrap_or("it said nothing");
    line.trim_start_matches("the KEK is unavailable: ")
        .to_owned()
}
