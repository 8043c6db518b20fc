//! The command line: one file per command. Exit codes: 0 fine, 1 usage or local error, 2 the service refused or could not
//! be reached, 3 verification says no.

use std::{error::Error as StdError, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    client::Failure,
    error::Source,
    server::doctor::SURVEY,
    telemetry::{self, Format},
};

mod audit;
mod backup;
mod dev;
mod doctor;
mod document;
mod input;
mod kek;
mod key_file;
mod keygen;
mod output;
mod passphrase;
mod progress;
mod pubkey;
mod reject;
mod rewrap;
mod screen;
mod service;
mod shown;
mod sign;
mod survey;
mod verify;

/// An HSM-first key custodian: the KEK never leaves its PKCS#11 token.
#[derive(Debug, Parser)]
#[command(name = "custodian", version, max_term_width = 100)]
struct Arguments {
    /// What goes to the log on standard error, for example `info` or `debug`.
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "CUSTODIAN_LOG",
        default_value = "info"
    )]
    log: String,
    /// How log lines look.
    #[arg(
        long,
        global = true,
        value_name = "json|text",
        env = "CUSTODIAN_LOG_FORMAT",
        default_value = "text"
    )]
    log_format: Format,
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
    /// Run everything on this machine, for trying out and for tests.
    ///
    /// Plain HTTP on loopback, one admin alone decides. Makes what is missing below
    /// the data folder: a SoftHSM2 token with the KEK, the database, and admin.token, operator.token, app.token
    /// and auditor.token (mode 0600). Prints `listening on http://127.0.0.1:PORT` when ready.
    Dev(dev::Arguments),
    /// Say what this build offers, and what is wrong on this machine and with a data folder of `custodian dev`.
    ///
    /// Looks at the token's library, what it can, the files and who may read them, and whether the token opens by its
    /// PIN. Changes nothing, needs no running service and works beside one. Each problem comes with what to do about it.
    /// Exit code 0 is no problem, 1 is at least one.
    Doctor(doctor::Arguments),
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
    /// Print the public key of a key file.
    Pubkey(pubkey::Arguments),
    /// Sign the rejection of an override, after showing it and asking.
    Reject(reject::Arguments),
    /// Move blobs of /v1/wrap in a file to the current KEK version, as an operator who can read none of them.
    ///
    /// In batches of 256 through POST /v1/rewrap, several at once, in order. Blobs that are under the current version
    /// already are moved too, so that every line of the output was made now. What is interrupted, by Ctrl-C, a crash or
    /// a refusal, goes on where it was if the same command is given again. Lines that are no blobs, or that the service
    /// refuses, are named with the reason in FILE.rejects. Exit code 0 is all moved, 1 is that lines were rejected or
    /// something on this machine, 2 is that the service refused or could not be reached.
    Rewrap(rewrap::Arguments),
    /// Sign an override or an enrolment, after showing it and asking.
    ///
    /// FILE is the answer of GET /v1/overrides/{id}, or the answer of POST /v1/admin/custodians with the
    /// challenge. What is shown is what is signed: all hashes are computed here, and a service whose hashes
    /// differ is not served.
    Sign(sign::Arguments),
    #[command(name = SURVEY, hide = true)]
    SurveyToken(survey::Arguments),
    /// Judge offline what the service signed, with pinned keys.
    Verify(verify::Arguments),
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
    let started = telemetry::start(&arguments.log, arguments.log_format);
    let done = |()| ExitCode::SUCCESS;
    let ended = started
        .map_err(Source::from)
        .and_then(|()| match arguments.command {
            Command::Audit(arguments) => audit::run(&arguments),
            Command::Backup(arguments) => backup::run(&arguments).map(done),
            Command::Dev(arguments) => dev::run(&arguments).map(done),
            Command::Doctor(arguments) => doctor::run(&arguments),
            Command::Kek(arguments) => kek::run(&arguments),
            Command::Keygen(arguments) => keygen::run(&arguments).map(done),
            Command::Pubkey(arguments) => pubkey::run(&arguments).map(done),
            Command::Reject(arguments) => reject::run(&arguments).map(done),
            Command::Rewrap(arguments) => rewrap::run(&arguments),
            Command::Sign(arguments) => sign::run(&arguments).map(done),
            Command::SurveyToken(arguments) => survey::run(&arguments).map(done),
            Command::Verify(arguments) => verify::run(&arguments),
        });
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("custodian: {}", chain(&*error));
            let by_service = error.downcast_ref::<Failure>().is_some();
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

/// An error and its causes in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
