//! The command line: one file per command. Exit codes: 0 fine, 1 usage or local error, 2 the service refused or could not
//! be reached, 3 verification says no.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    client::Failure,
    config::Logging,
    error::{Source, chain},
    kek::Trouble,
    server::doctor::{SURVEY, appliance::EXAMINE},
    telemetry::{self, Format},
};

mod admission;
mod answer;
mod audit;
mod backup;
mod capabilities;
mod config;
mod custodian_admin;
mod dek;
mod dev;
mod doctor;
mod document;
mod examine;
mod health;
mod init;
mod input;
mod kek;
mod key_file;
mod keygen;
mod list;
mod output;
mod overrides;
mod passphrase;
mod principal;
mod progress;
mod pubkey;
mod reject;
mod restore;
mod rewrap;
mod screen;
mod serve;
mod service;
mod shown;
mod sign;
mod signing_keys;
mod survey;
mod table;
mod verify;

/// An HSM-first key custodian: the KEK never leaves its PKCS#11 token.
#[derive(Debug, Parser)]
#[command(name = "custodian", version, max_term_width = 100)]
struct Arguments {
    /// What goes to the log on standard error, for example `debug`; `info` unless it is said.
    #[arg(long, global = true, value_name = "LEVEL", env = "CUSTODIAN_LOG")]
    log: Option<String>,
    /// How log lines look; `text` unless it is said.
    #[arg(
        long,
        global = true,
        value_name = "json|text",
        env = "CUSTODIAN_LOG_FORMAT"
    )]
    log_format: Option<Format>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the audit log of a running service.
    ///
    /// Needs a token with the role `auditor`. Exit code 0 is fine, 1 is something on this machine, 2 is that the service
    /// refused or could not be reached.
    Audit(audit::Arguments),
    /// Take a copy of a running service's database away, sealed to your own keys.
    ///
    /// Needs a token with the role `operator`. The copy is of no use without the service's HSM token, and none without the
    /// secret key (age) of one of its recipients. Exit code 0 is fine, 1 is something on this machine, 2 is that the
    /// service refused, could not be reached or was cut off.
    Backup(backup::Arguments),
    /// Say what a running service and its token can do: schemes, encryption, features.
    Capabilities(capabilities::Arguments),
    /// Look at a configuration without starting anything.
    ///
    /// Exit code 0 is a sound one; 1 names everything that is wrong with it, with what to do.
    Config(config::Arguments),
    /// Enrol, approve, suspend and revoke the custodians of a running service.
    ///
    /// Needs a token with the role `admin`; to look at them, `auditor` or `custodian` will do. Exit code 0 is fine, 1 is
    /// something on this machine, 2 is that the service refused or could not be reached.
    CustodianAdmin(custodian_admin::Arguments),
    /// List, make, rotate and destroy the DEKs of a running service.
    ///
    /// Needs a token with the role `operator`; to look at them, others will do. Exit code 0 is fine, 1 is something on this
    /// machine, 2 is that the service refused or could not be reached.
    Dek(dek::Arguments),
    /// Run everything on this machine, for trying out and for tests.
    ///
    /// Plain HTTP on loopback, one admin alone decides. Makes what is missing below
    /// the data folder: a SoftHSM2 token with the KEK, the database, and admin.token, operator.token, app.token
    /// and auditor.token (mode 0600). Prints `listening on http://127.0.0.1:PORT` when ready.
    Dev(dev::Arguments),
    /// Say what this build offers, and what is wrong with a service: one that `--config` describes, or `custodian dev`'s.
    ///
    /// Looks at the token's library, what it can, the files and who may read them, and whether the token opens by its
    /// PIN. Changes nothing, needs no running service and works beside one. Each problem comes with what to do about it.
    /// Exit code 0 is no problem, 1 is at least one.
    Doctor(doctor::Arguments),
    #[command(name = EXAMINE, hide = true)]
    ExamineService(examine::Arguments),
    /// Say whether a running service can work: its KEK, its store, its audit log.
    ///
    /// Needs no token. Exit code 0 is ready, 1 is something on this machine, 2 is not ready or not to be reached.
    Health(health::Arguments),
    /// Make a new service: keys in an empty token, an empty database, the tokens of the first admins.
    ///
    /// Two admins at least, since one proposes and another approves. It makes nothing where something is already, and
    /// goes on where it was interrupted if the same command is given again. The PIN is presented to the token once it is
    /// known to be there; a token that holds anything is refused.
    Init(init::Arguments),
    /// Show the KEK of a running service, rotate it, retire its old versions.
    ///
    /// Needs a token with the role `operator`. Exit code 0 is fine, 1 is something on this machine, 2 is that the service
    /// refused or could not be reached, or that the rotation failed.
    Kek(kek::Arguments),
    /// Make a custodian's key, on this machine alone.
    ///
    /// The key file is encrypted under a passphrase, as `age` does it, and readable by its owner only; an existing
    /// file is never touched. Prints what POST /v1/admin/custodians takes: scheme and public key.
    Keygen(keygen::Arguments),
    /// Show, sign, reject and withdraw overrides of a running service, and fetch their certificates.
    ///
    /// Exit code 0 is fine, 1 is something on this machine, 2 is that the service refused or could not be reached.
    #[command(name = "override")]
    Override(overrides::Arguments),
    /// Make, approve, change and delete the principals of a running service, and their tokens.
    ///
    /// Needs a token with the role `admin`. Exit code 0 is fine, 1 is something on this machine, 2 is that the service
    /// refused or could not be reached.
    Principal(principal::Arguments),
    /// Print the public key of a key file.
    Pubkey(pubkey::Arguments),
    /// Sign the rejection of an override, after showing it and asking.
    Reject(reject::Arguments),
    /// Put a backup in the place of a service's database, offline, without reviving what was revoked since.
    ///
    /// Proves all of it with the token before anything is replaced, gives every KEK and DEK a new version, and keeps the
    /// old database beside the new one. With the newest export of the audit log everything that was taken away since the
    /// backup is taken away again; what was given since is named, to be given again. Without one, two admins can accept
    /// that the time since is lost: then all tokens and open overrides are void. What is interrupted can be given again.
    /// Exit code 0 is restored, 1 is something on this machine, 3 is that backup, export or admins do not prove what they
    /// must.
    Restore(restore::Arguments),
    /// Move blobs of /v1/wrap in a file to the current KEK version, as an operator who can read none of them.
    ///
    /// In batches of 256 through POST /v1/rewrap, several at once, in order. Blobs that are under the current version
    /// already are moved too, so that every line of the output was made now. What is interrupted, by Ctrl-C, a crash or
    /// a refusal, goes on where it was if the same command is given again. Lines that are no blobs, or that the service
    /// refuses, are named with the reason in FILE.rejects. Exit code 0 is all moved, 1 is that lines were rejected or
    /// something on this machine, 2 is that the service refused or could not be reached.
    Rewrap(rewrap::Arguments),
    /// Serve as configured, until SIGTERM; SIGHUP reads the certificates again.
    ///
    /// Prints `listening on https://ADDRESS` when ready, and tells systemd. `custodian init` comes first. Exit code 1 is
    /// something that lasts until you mend it, such as a refused PIN; 2 is a part that is away and may come back.
    Serve(serve::Arguments),
    /// Sign an override or an enrolment, after showing it and asking.
    ///
    /// FILE is the answer of GET /v1/overrides/{id}, or the answer of POST /v1/admin/custodians with the
    /// challenge. What is shown is what is signed: all hashes are computed here, and a service whose hashes
    /// differ is not served.
    Sign(sign::Arguments),
    /// Show the keys by which a running service signs, or write them to a file, to pin them.
    ///
    /// Needs no token. Do it once, over a way that you trust: whoever verifies offline believes this file.
    SigningKeys(signing_keys::Arguments),
    #[command(name = SURVEY, hide = true)]
    SurveyToken(survey::Arguments),
    /// Judge offline what the service signed, with pinned keys.
    Verify(verify::Arguments),
}

impl Command {
    /// What its configuration says of the log.
    fn logging(&self) -> Logging {
        if let Self::Serve(arguments) = self {
            return arguments.logging();
        }
        Logging::default()
    }
}

/// A mistake in the arguments, or something on this machine.
const FAILED: u8 = 1;

/// The service refused, or could not be reached.
const REFUSED: u8 = 2;

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return usage(&refusal),
    };
    let logging = arguments.command.logging();
    let level = arguments.log.or(logging.level);
    let format = arguments.log_format.or(logging.format);
    let started = telemetry::start(
        level.as_deref().unwrap_or("info"),
        format.unwrap_or(Format::Text),
    );
    let done = |()| ExitCode::SUCCESS;
    let ended = started
        .map_err(Source::from)
        .and_then(|()| match arguments.command {
            Command::Audit(arguments) => audit::run(&arguments),
            Command::Backup(arguments) => backup::run(&arguments).map(done),
            Command::Capabilities(arguments) => capabilities::run(&arguments).map(done),
            Command::Config(arguments) => config::run(&arguments).map(done),
            Command::CustodianAdmin(arguments) => custodian_admin::run(&arguments).map(done),
            Command::Dek(arguments) => dek::run(&arguments).map(done),
            Command::Dev(arguments) => dev::run(&arguments).map(done),
            Command::Doctor(arguments) => doctor::run(&arguments),
            Command::ExamineService(arguments) => examine::run(&arguments).map(done),
            Command::Health(arguments) => health::run(&arguments),
            Command::Init(arguments) => init::run(&arguments).map(done),
            Command::Kek(arguments) => kek::run(&arguments),
            Command::Keygen(arguments) => keygen::run(&arguments).map(done),
            Command::Override(arguments) => overrides::run(&arguments).map(done),
            Command::Principal(arguments) => principal::run(&arguments).map(done),
            Command::Pubkey(arguments) => pubkey::run(&arguments).map(done),
            Command::Reject(arguments) => reject::run(&arguments).map(done),
            Command::Restore(arguments) => restore::run(&arguments),
            Command::Rewrap(arguments) => rewrap::run(&arguments),
            Command::Serve(arguments) => serve::run(&arguments).map(done),
            Command::Sign(arguments) => sign::run(&arguments).map(done),
            Command::SigningKeys(arguments) => signing_keys::run(&arguments).map(done),
            Command::SurveyToken(arguments) => survey::run(&arguments).map(done),
            Command::Verify(arguments) => verify::run(&arguments),
        });
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("custodian: {}", chain(&*error));
            if let Some(cause) = Trouble::cause_of(&*error) {
                eprintln!("what to do: {}", cause.todo());
            }
            let by_service = error.is::<Failure>() || error.is::<serve::Away>();
            ExitCode::from(if by_service { REFUSED } else { FAILED })
        }
    }
}

fn usage(refusal: &clap::Error) -> ExitCode {
    let help = !refusal.use_stderr();
    if refusal.print().is_err() || !help {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}
