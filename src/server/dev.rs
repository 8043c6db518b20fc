//! `custodian dev`: a token, a database and four principals below one folder, made on the first start.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    config::{self, Config, Kek},
    crypto::aes_gcm,
    custodian::{Custodian, bearer::BearerToken, provision::First},
    error::{Error, Source},
    id::Subject,
    kek::pkcs11::{self, PinSource},
    policy::{Grants, Role},
    secret::Secret,
};

use super::assemble;

const SOFTHSM_CONF: &str = include_str!("../../softhsm/softhsm2.conf.in");

/// The principals of `dev`: file name and role. Each is a subject of its own, so that duties stay apart.
const PRINCIPALS: [(&str, Role); 4] = [
    ("admin", Role::Admin),
    ("operator", Role::Operator),
    ("app", Role::App),
    ("auditor", Role::Auditor),
];

/// Which KEK `dev` uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Choice {
    /// A SoftHSM2 token below the data folder.
    Softhsm,
    /// A file below the data folder: not an HSM at all.
    Software,
}

/// Makes the folder private and absolute.
///
/// # Errors
/// If it cannot be made.
pub fn folder(data_dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    fs::canonicalize(data_dir)
}

/// Writes SoftHSM's configuration below the folder and answers where: SoftHSM must find it in SOFTHSM2_CONF.
///
/// # Errors
/// If it cannot be written.
pub fn softhsm_conf(data_dir: &Path) -> io::Result<PathBuf> {
    let home = data_dir.join("softhsm");
    let tokens = home.join("tokens");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home)?;
    let conf = home.join("softhsm2.conf");
    if !conf.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&tokens)?;
        write_private(
            &conf,
            SOFTHSM_CONF
                .replace("@TOKENDIR@", &tokens.to_string_lossy())
                .as_bytes(),
        )?;
    }
    Ok(conf)
}

/// Opens everything, and makes on the first start what is not there.
///
/// # Errors
/// Says which part and what to do.
pub fn open(
    data_dir: &Path,
    listen: SocketAddr,
    choice: Choice,
) -> Result<(Config, Custodian), Source> {
    let kek = match choice {
        Choice::Softhsm => softhsm(data_dir, &data_dir.join(config::DATABASE))?,
        Choice::Software => {
            tracing::warn!(
                "--kek software: the KEK lies in a file below the data folder. This is no HSM; never use it for real keys"
            );
            Kek::Software(data_dir.join("software-kek"))
        }
    };
    let config = Config::dev(data_dir, listen, kek)?;
    let custodian = assemble(&config)?;
    custodian.make_first_kek()?;
    custodian.adopt_keyring()?;
    if custodian.is_empty()? {
        provision(&custodian, data_dir)?;
    }
    tracing::warn!(
        "dev: one admin alone decides (admin_quorum 1), keys are destroyed at once (destroy_delay 0), no TLS. Not for production"
    );
    Ok((config, custodian))
}

fn softhsm(data_dir: &Path, database: &Path) -> Result<Kek, Source> {
    let module = config::softhsm_module()?;
    let home = data_dir.join("softhsm");
    let pin_file = home.join("pin");
    if !pin_file.exists() {
        write_private(&pin_file, new_pin()?.as_bytes())?;
    }
    keep_tokens(&home)?;
    // Made before the database: one that is lost later must not be replaced by an empty one.
    if !database.exists() {
        pkcs11::provision_token(&module, config::DEV_TOKEN, &PinSource::file(&pin_file))?;
        keep_tokens(&home)?;
    }
    Ok(Kek::softhsm(module, pin_file))
}

/// At each login SoftHSM empties the file that holds a token's own key and writes it again: a process killed in
/// between would lose every key of the token. So there is a copy, which is put back where the original is short.
fn keep_tokens(home: &Path) -> io::Result<()> {
    let copies = home.join("kept");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&copies)?;
    for token in fs::read_dir(home.join("tokens"))? {
        let token = token?;
        let (original, copy) = (
            token.path().join("token.object"),
            copies.join(token.file_name()),
        );
        let (found, kept) = (content(&original)?, content(&copy)?);
        if found.len() < kept.len() {
            tracing::warn!("a process was killed while it logged in; the token's file is put back");
            write_private(&original, &kept)?;
        } else if found != kept {
            write_private(&copy, &found)?;
        }
    }
    Ok(())
}

/// What a file holds; nothing if it is not there.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn new_pin() -> Result<Zeroizing<String>, Error> {
    let random = Secret::<16>::fill(|bytes| aes_gcm::random(bytes))?;
    Ok(Zeroizing::new(hex::encode(random.expose())))
}

/// Tokens reach their files before the database: an interrupted first start simply begins again.
fn provision(custodian: &Custodian, data_dir: &Path) -> Result<(), Source> {
    let mut firsts = Vec::new();
    for (name, role) in PRINCIPALS {
        let token = BearerToken::fresh()?;
        write_private(
            &data_dir.join(format!("{name}.token")),
            token.expose().as_bytes(),
        )?;
        let grants = match role {
            Role::App => Grants {
                deks: vec!["*".to_owned()],
            },
            Role::Admin | Role::Auditor | Role::Custodian | Role::Metrics | Role::Operator => {
                Grants::default()
            }
        };
        let subject = Subject::folded(&format!("dev-{name}"))?;
        firsts.push(First {
            name,
            subject,
            role,
            grants,
            token,
        });
    }
    custodian.provision(&Subject::folded("dev")?, firsts)?;
    Ok(())
}

/// Writes a file that only its owner can read: whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
