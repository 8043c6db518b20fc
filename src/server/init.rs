//! `custodian init`: keys in an empty token, an empty store, and the first admins. It makes nothing where something is,
//! and goes on where it was interrupted.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::{assemble, pin_source};
use crate::{
    config::{Config, Kek, Pin},
    custodian::{bearer::BearerToken, provision::First},
    error::Source,
    kek::pkcs11::{Opening, serial_number, survey},
    policy::{Grants, Role},
    private_file::Reserved,
};

mod admins;
mod begun;

pub use admins::Admin;
pub(super) use admins::named;

use begun::{Begun, Token};

/// Makes everything, or finishes what was interrupted.
///
/// # Errors
/// Says what is there already, or which part refuses, and what to do.
pub fn run(config: &Config, admins: &[Admin]) -> Result<(), Source> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|error| {
            let folder = config.data_dir.display();
            format!("{folder}: {error}: make this folder for the service's user first")
        })?;
    let admins = named(admins)?;
    let mut begun = match Begun::read(config)? {
        None => begin(config, &admins)?,
        Some(begun) => go_on(config, &admins, begun)?,
    };
    let custodian = assemble(config)?;
    custodian.make_first_kek()?;
    custodian.adopt_keyring()?;
    custodian.make_signing_keys()?;
    match custodian.is_provisioned()? {
        true => begun.has_made(&admins)?,
        false => custodian.provision(hand_out(config, &admins, &mut begun)?)?,
    }
    custodian.tend_log()?;
    custodian.close()?;
    Ok(Begun::ends(config)?)
}

/// Refuses to go on where `init` has not come to its end.
///
/// # Errors
/// Says what to do.
pub fn finished(config: &Config) -> Result<(), Source> {
    if Begun::is_there(config) {
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

/// Sees that nothing is there, then says that something may be from now on.
fn begin(config: &Config, admins: &[Admin]) -> Result<Begun, Source> {
    let database = config.database();
    permitted(config)?;
    if database.exists() {
        return Err(format!("{} is there already: init makes a new service only. Start it by `custodian serve`, or name an empty data_dir", database.display()).into());
    }
    admins.iter().try_for_each(admins::is_free)?;
    let (module, label, pin) = asked(&config.kek)?;
    is_empty(module, label, pin)?;
    let begun = Begun::new(token(module, label)?, admins);
    begun.write(config)?;
    Ok(begun)
}

/// Sees that all is as it was when an earlier init was interrupted.
fn go_on(config: &Config, admins: &[Admin], begun: Begun) -> Result<Begun, Source> {
    begun.is_for(admins)?;
    begun.may_make(admins)?;
    let (module, label, _) = asked(&config.kek)?;
    begun.is_on(label, || token(module, label))?;
    tracing::warn!(?begun, "an earlier init was interrupted; it goes on");
    Ok(begun)
}

/// The module, the token's label and where its PIN is.
fn asked(kek: &Kek) -> Result<(&Path, &str, &Pin), Source> {
    match kek {
        Kek::Pkcs11 {
            module, token, pin, ..
        } => Ok((module, token, pin)),
        Kek::Software(_) => {
            Err("init needs a PKCS#11 token; a KEK in a file is for `custodian dev` only".into())
        }
    }
}

/// A token that holds something belongs to somebody: keys of another service, or those of a lost database.
fn is_empty(module: &Path, token: &str, pin: &Pin) -> Result<(), Source> {
    let survey = survey(module, token, Some(&pin_source(pin)?))?;
    match survey.opening {
        Opening::Absent => Err(absent(token)),
        Opening::PinRefused => Err("the token refuses this PIN; init presents it once only, since tokens lock: mend the PIN, then run init again".into()),
        Opening::Untried => Err("no PIN was given".into()),
        Opening::Opens if survey.objects == 0 => Ok(()),
        Opening::Opens => Err(format!("the token {token:?} holds {} objects already: they may be another service's keys, or those of a database that is lost. Take an empty token, or `custodian restore` if you have a backup", survey.objects).into()),
    }
}

fn token(module: &Path, label: &str) -> Result<Token, Source> {
    let serial = serial_number(module, label)?.ok_or_else(|| absent(label))?;
    let label = label.to_owned();
    Ok(Token { label, serial })
}

fn absent(token: &str) -> Source {
    format!("there is no token {token:?}: initialise one in the key ceremony (for SoftHSM: softhsm2-util --init-token --free --label {token})").into()
}

/// Each token is in its file before the store knows it.
fn hand_out(config: &Config, admins: &[Admin], begun: &mut Begun) -> Result<Vec<First>, Source> {
    // Again, since to make keys takes its time.
    begun.may_make(admins)?;
    for admin in admins.iter().filter(|admin| begun.made_for(admin)) {
        let file = &admin.token_file;
        clear(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    begun.makes(admins);
    begun.write(config)?;
    let mut firsts = Vec::new();
    let mut left = admins;
    while let [admin, rest @ ..] = left {
        match first(admin) {
            Ok(first) => firsts.push(first),
            Err(error) => {
                begun.has_not_made(left);
                if let Err(error) = begun.write(config) {
                    tracing::warn!(%error, "the marker could not be brought up to date");
                }
                return Err(format!("{}: {error}", admin.token_file.display()).into());
            }
        }
        left = rest;
    }
    Ok(firsts)
}

/// An admin whose token is in a new file; if there is an error, there is no file.
fn first(admin: &Admin) -> Result<First, Source> {
    let token = BearerToken::fresh()?;
    Reserved::create(&admin.token_file)?.fill(token.expose().as_bytes())?;
    Ok(First {
        name: admin.subject.to_string(),
        subject: admin.subject.clone(),
        role: Role::Admin,
        grants: Grants::default(),
        token,
    })
}

fn clear(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
