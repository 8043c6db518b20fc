//! `custodian dev`: a token, a database and four principals below one folder, made on the first start.

use std::{net::SocketAddr, path::Path, str::FromStr, time::Duration};

use crate::{
    config::{self, Config, Kek},
    crypto::scheme::{Network, Scheme},
    custodian::{
        Custodian, Fields, KekRotation, LogTerms, Terms, bearer::BearerToken, provision::First,
    },
    error::Source,
    id::Subject,
    policy::{Grants, Role},
    private_file,
    words::Binding,
};

use super::assemble;

pub mod checkup;
mod folder;
pub mod softhsm;

pub use folder::Folder;

/// The principals of `dev`: file name and role. Each is a subject of its own, so that duties stay apart.
const PRINCIPALS: [(&str, Role); 4] = [
    ("admin", Role::Admin),
    ("operator", Role::Operator),
    ("app", Role::App),
    ("auditor", Role::Auditor),
];

/// Which KEK `dev` uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// A SoftHSM2 token below the data folder.
    Softhsm,
    /// A file below the data folder: not an HSM at all.
    Software,
}

impl FromStr for Choice {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "softhsm" => Ok(Self::Softhsm),
            "software" => Ok(Self::Software),
            _ => Err("a KEK is held by softhsm or by software"),
        }
    }
}

/// What whoever starts `dev` chooses.
#[derive(Clone, Debug)]
pub struct Choices {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who holds the KEK.
    pub kek: Choice,
    /// How long one call to the token may take.
    pub kek_deadline: Duration,
    /// How long an opened DEK is kept; zero asks the token for each use.
    pub dek_cache: Duration,
    /// Who rotates a KEK that has made half of the encryptions that are safe.
    pub kek_rotation: KekRotation,
    /// The name of this service.
    pub instance: String,
    /// The signature schemes with which a custodian can be enrolled.
    pub schemes: Vec<Scheme>,
    /// Whose addresses `bip322-simple` takes.
    pub network: Network,
    /// What custodians' signatures bind.
    pub binding: Binding,
    /// Whether each override must name the human behind it.
    pub require_on_behalf_of: bool,
    /// The names of fields whose values are personal.
    pub pii_fields: Fields,
    /// The audit log's name in its checkpoints.
    pub log_origin: String,
    /// Whether anyone may read the audit log's checkpoint and hash tiles.
    pub public_tiles: bool,
}

/// Opens everything, and makes on the first start what is not there.
///
/// # Errors
/// Says which part and what to do.
pub fn open(folder: &Folder, choices: &Choices) -> Result<(Config, Custodian), Source> {
    let kek = match choices.kek {
        Choice::Softhsm => softhsm::kek(folder, choices.kek_deadline)?,
        Choice::Software => {
            tracing::warn!(
                "--kek software: the KEK lies in a file below the data folder. This is no HSM; never use it for real keys"
            );
            Kek::Software(folder.path.join("software-kek"))
        }
    };
    let dev = Config::dev(&folder.path, choices.listen, kek)?;
    let config = Config {
        dek_cache: choices.dek_cache,
        kek_rotation: choices.kek_rotation,
        instance: choices.instance.clone(),
        schemes: choices.schemes.clone(),
        network: choices.network,
        overrides: Terms {
            binding: choices.binding,
            require_on_behalf_of: choices.require_on_behalf_of,
            ..config::TERMS
        },
        pii_fields: choices.pii_fields.clone(),
        log: LogTerms {
            origin: choices.log_origin.clone().into(),
            public_tiles: choices.public_tiles,
            ..dev.log
        },
        ..dev
    };
    let custodian = assemble(&config)?;
    custodian.make_first_kek()?;
    custodian.adopt_keyring()?;
    custodian.make_signing_keys()?;
    if folder.is_first_start() {
        provision(&custodian, &folder.path)?;
        folder.finish()?;
    }
    tracing::warn!(
        "dev: one admin alone decides (admin_quorum 1), nothing waits before it is destroyed (destroy_delay 0), no TLS. Not for production"
    );
    Ok((config, custodian))
}

/// Makes the principals; their tokens go to files of their own.
fn provision(custodian: &Custodian, data_dir: &Path) -> Result<(), Source> {
    let mut firsts = Vec::new();
    for (name, role) in PRINCIPALS {
        let token = BearerToken::fresh()?;
        private_file::write(
            &data_dir.join(format!("{name}.token")),
            token.expose().as_bytes(),
        )?;
        let grants = match role {
            Role::App => Grants {
                deks: vec!["*".to_owned()],
                servers: vec!["*".to_owned()],
            },
            Role::Admin | Role::Auditor | Role::Custodian | Role::Metrics | Role::Operator => {
                Grants::default()
            }
        };
        let subject = Subject::folded(&format!("dev-{name}"))?;
        firsts.push(First {
            name: name.to_owned(),
            subject,
            role,
            grants,
            token,
        });
    }
    custodian.provision(firsts)?;
    Ok(())
}
