//! `custodian init`: keys in an empty token, an empty store, and the first admins. It makes nothing where something is,
//! and goes on where it was interrupted.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{assemble, pin_source};
use crate::{
    config::{Config, Kek},
    custodian::{Custodian, bearer::BearerToken, provision::First},
    error::Source,
    id::Subject,
    kek::pkcs11::{Opening, survey},
    policy::{Grants, Role},
    private_file,
};

/// One of the first admins.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The human.
    pub subject: Subject,
    /// Where their token goes: a new file that only its owner may read.
    pub token_file: PathBuf,
}

/// There while `init` has not finished: until then nobody was told of anything.
const UNFINISHED: &str = "init.unfinished";

/// What an interrupted `init` had begun.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    /// Files that it may have written, which may therefore be written again.
    token_files: Vec<PathBuf>,
}

/// Makes everything, or finishes what was interrupted.
///
/// # Errors
/// Says what is there already, or which part refuses, and what to do.
pub fn run(config: &Config, admins: &[Admin]) -> Result<(), Source> {
    let admins = named(admins)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|error| format!("{}: {error}", config.data_dir.display()))?;
    let begun = begun(config)?;
    match &begun {
        None => begin(config, &admins)?,
        Some(begun) => {
            tracing::warn!(?begun.token_files, "an earlier init was interrupted; it goes on")
        }
    }
    let custodian = assemble(config)?;
    custodian.make_first_kek()?;
    custodian.adopt_keyring()?;
    custodian.make_signing_keys()?;
    if !custodian.is_provisioned()? {
        let earlier = begun.map_or(Vec::new(), |begun| begun.token_files);
        remember(config, &admins, &earlier)?;
        provision(&custodian, &admins, &earlier)?;
    }
    custodian.tend_log()?;
    custodian.close()?;
    Ok(finish(config)?)
}

/// Refuses to go on where `init` has not come to its end.
///
/// # Errors
/// Says what to do.
pub fn finished(config: &Config) -> Result<(), Source> {
    if config.data_dir.join(UNFINISHED).exists() {
        return Err("init was interrupted here: run the same `custodian init` again".into());
    }
    match config.database().exists() {
        true => Ok(()),
        false => Err(format!("{} is not there: run `custodian init` first, or put the database back by `custodian restore`", config.database().display()).into()),
    }
}

/// Refuses to look for what it may not see.
///
/// # Errors
/// Says what to do.
pub fn permitted(config: &Config) -> Result<(), Source> {
    let looked = config.database().try_exists().map(drop);
    looked.map_err(|error| {
        let folder = config.data_dir.display();
        format!("{folder}: {error}: let the service's user read and write the data folder and the files in it, then start again").into()
    })
}

/// Two admins of two subjects, each with a file of their own.
pub(super) fn named(admins: &[Admin]) -> Result<Vec<Admin>, Source> {
    if admins.len() < 2 {
        return Err(
            "give --admin SUBJECT=FILE twice at least: one proposes, another approves".into(),
        );
    }
    let mut whole = Vec::new();
    for admin in admins {
        let token_file = std::path::absolute(&admin.token_file)?;
        let twice =
            |other: &Admin| other.subject == admin.subject || other.token_file == token_file;
        if whole.iter().any(twice) {
            return Err(format!(
                "{}: each admin is another person, with a file of their own",
                admin.subject
            )
            .into());
        }
        let subject = admin.subject.clone();
        whole.push(Admin {
            subject,
            token_file,
        });
    }
    Ok(whole)
}

fn begun(config: &Config) -> Result<Option<Begun>, Source> {
    let marker = config.data_dir.join(UNFINISHED);
    match fs::read(&marker) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", marker.display()).into()),
    }
}

/// Sees that nothing is there, then says that something may be from now on.
fn begin(config: &Config, admins: &[Admin]) -> Result<(), Source> {
    let database = config.database();
    if database.exists() {
        return Err(format!("{} is there already: init makes a new service only. Start it by `custodian serve`, or name an empty data_dir", database.display()).into());
    }
    for admin in admins {
        if admin.token_file.exists() {
            return Err(format!(
                "{} is there already: name a new file for the token of {}",
                admin.token_file.display(),
                admin.subject
            )
            .into());
        }
    }
    empty_token(&config.kek)?;
    remember(config, admins, &[])
}

/// A token that holds something belongs to somebody: keys of another service, or those of a lost database.
fn empty_token(kek: &Kek) -> Result<(), Source> {
    let Kek::Pkcs11 {
        module, token, pin, ..
    } = kek
    else {
        return Err(
            "init needs a PKCS#11 token; a KEK in a file is for `custodian dev` only".into(),
        );
    };
    let survey = survey(module, token, Some(&pin_source(pin)?))?;
    match survey.opening {
        Opening::Absent => Err(format!("there is no token {token:?}: initialise one in the key ceremony (for SoftHSM: softhsm2-util --init-token --free --label {token})").into()),
        Opening::PinRefused => Err("the token refuses this PIN; init presents it once only, since tokens lock: mend the PIN, then run init again".into()),
        Opening::Untried => Err("no PIN was given".into()),
        Opening::Opens if survey.objects == 0 => Ok(()),
        Opening::Opens => Err(format!("the token {token:?} holds {} objects already: they may be another service's keys, or those of a database that is lost. Take an empty token, or `custodian restore` if you have a backup", survey.objects).into()),
    }
}

fn remember(config: &Config, admins: &[Admin], earlier: &[PathBuf]) -> Result<(), Source> {
    let new = admins.iter().map(|admin| admin.token_file.clone());
    let mut token_files: Vec<_> = earlier.iter().cloned().chain(new).collect();
    token_files.sort();
    token_files.dedup();
    let text = serde_json::to_vec(&Begun { token_files })?;
    Ok(private_file::write(
        &config.data_dir.join(UNFINISHED),
        &text,
    )?)
}

/// Each token is in its file before the store knows it.
fn provision(custodian: &Custodian, admins: &[Admin], earlier: &[PathBuf]) -> Result<(), Source> {
    let mut firsts = Vec::new();
    for Admin {
        subject,
        token_file,
    } in admins
    {
        let token = BearerToken::fresh()?;
        let text = token.expose().as_bytes();
        let written = match earlier.contains(token_file) {
            true => private_file::write(token_file, text),
            false => private_file::create(token_file, text),
        };
        written.map_err(|error| format!("{}: {error}", token_file.display()))?;
        firsts.push(First {
            name: subject.to_string(),
            subject: subject.clone(),
            role: Role::Admin,
            grants: Grants::default(),
            token,
        });
    }
    Ok(custodian.provision(firsts)?)
}

fn finish(config: &Config) -> io::Result<()> {
    fs::remove_file(config.data_dir.join(UNFINISHED))?;
    File::open(Path::new(&config.data_dir))?.sync_all()
}
