//! `custodian restore`: a backup in the place of the database (docs/decisions/0019). It is staged, proven and brought up to
//! date in a folder of its own; only then is anything replaced. Killed at any time, the same command can be given again.

use std::{
    fs::{DirBuilder, File},
    io::{BufRead, BufReader},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{assemble_with, key_holder, stopped};
use crate::{
    config::Config,
    crypto::sealed_copy::Identities,
    custodian::{
        Custodian,
        backup::Manifest,
        bearer::BearerToken,
        restore::{Hear, Origin, Renewed, SKIPPED, Shut, Since, Unproven},
    },
    error::Source,
    id::{KekVersion, Subject},
    server::init::Admin,
    store::{Lock, Store},
};

mod admission;
mod marker;
mod place;
mod report;
mod stage;

pub use marker::finished;
pub use report::{Report, ShutView};

use marker::Marker;
use stage::Stage;

/// What is to be restored, and how.
#[derive(Debug)]
pub struct Order {
    /// The file that `custodian backup` wrote.
    pub backup: PathBuf,
    /// The secret keys of which one opens it.
    pub identities: Identities,
    /// What makes up for the time since.
    pub how: How,
}

/// What makes up for the time since a backup.
#[derive(Debug)]
pub enum How {
    /// The newest export of the audit log.
    Audit(PathBuf),
    /// Two admins, who accept that it is lost.
    Rollback {
        /// Who they are, and the tokens by which they prove it.
        approvers: Vec<(Subject, BearerToken)>,
        /// Where their new tokens go.
        admins: Vec<Admin>,
    },
}

/// Restores, and says what was done.
///
/// # Errors
/// [`Unproven`] for what does not prove what it must, else which part is in the way and what to do; nothing is replaced
/// then, or the error says so.
pub fn run(config: &Config, order: &Order, hear: Hear<'_>) -> Result<Report, Source> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|error| format!("{}: {error}", config.data_dir.display()))?;
    let lock = Arc::new(Lock::take(&config.database())?);
    let kek = key_holder(&config.kek)?;
    let newest = stopped::newest_change(config, kek.clone(), lock.clone())?;
    let mut marker = Marker::read(config)?;
    let stage = Stage::begin(config)?;
    let manifest = stage.unpack(config, order, hear)?;
    let copy = Store::open(&stage.database())?;
    let custodian = assemble_with(kek, copy, stage.config());
    prove(&custodian, &manifest, order, hear)?;
    let done = match &order.how {
        How::Audit(export) => {
            has_it(export, newest)?;
            follow(&custodian, &manifest, export, hear)?
        }
        How::Rollback { approvers, admins } => {
            let accepted = custodian.accept(approvers)?;
            let tokens = admission::issue(&accepted, admins, &mut marker)?;
            roll_back(&custodian, &manifest, &tokens, hear)?
        }
    };
    let (able, at) = (custodian.admins_with_a_token()?, custodian.now());
    let keeper = custodian.note_keeper();
    custodian.fold_copy()?;
    drop(custodian);
    let note = done.note.as_deref().map(str::as_bytes);
    let replaced = place::replace(config, &stage, &mut marker, at, || match note {
        Some(note) => keeper.keep_note(note).map(drop),
        None => Ok(()),
    })?;
    stage.remove()?;
    Ok(Report::new(order, manifest, done, replaced, able))
}

/// What was done to the copy.
#[derive(Debug)]
struct Done {
    since: Since,
    renewed: Renewed,
    shut: Option<Shut>,
    /// KEK versions that were taken in from the token, that have no key any more, and whose number is another's.
    found: [Vec<KekVersion>; 3],
    log_size: u64,
    /// Whether the token could tell that the export is the newest; true where there is none.
    newest: bool,
    /// What the token is to keep in the place of what it has.
    note: Option<String>,
}

/// Everything that the backup can prove by itself and with the token.
fn prove(
    custodian: &Custodian,
    manifest: &Manifest,
    order: &Order,
    hear: Hear<'_>,
) -> Result<(), Source> {
    let opened = custodian.open_backup()?;
    let log = (opened.log_size, opened.log_root.as_str());
    if log != (manifest.log.size, manifest.log.root.as_str()) {
        return Err(Unproven(
            "the log in the backup is not the one that its manifest names".to_owned(),
        )
        .into());
    }
    custodian.prove_rows(hear)?;
    custodian.prove_log()?;
    custodian.prove_secrets(hear)?;
    if let (How::Rollback { .. }, false) = (&order.how, opened.absent.is_empty()) {
        tracing::warn!(keks = ?opened.absent, "the token has no key of these KEK versions any more");
    }
    Ok(())
}

fn follow(
    custodian: &Custodian,
    manifest: &Manifest,
    export: &Path,
    hear: Hear<'_>,
) -> Result<Done, Source> {
    let judged = custodian.judge_export(lines(export)?, hear)?;
    let since = custodian.follow_export(lines(export)?, &judged, hear)?;
    custodian.take_in_keks(&since)?;
    let renewed = custodian.renew_keys(&since, 0, hear)?;
    custodian.retire_again(&since)?;
    let log_size = custodian.record_restore(&origin(manifest), &renewed)?;
    Ok(Done {
        since,
        renewed,
        shut: None,
        found: Default::default(),
        log_size,
        newest: judged.in_token,
        note: None,
    })
}

/// Refuses an export that lacks what the database that is to be replaced knows.
fn has_it(export: &Path, newest: Option<(u64, Vec<u8>)>) -> Result<(), Source> {
    let Some((number, entry)) = newest else {
        return Ok(());
    };
    // The first line is the head.
    let place = usize::try_from(number.saturating_add(1))?;
    let line = lines(export)?.split(b'\n').nth(place).transpose()?;
    match line.is_some_and(|line| line == entry) {
        true => Ok(()),
        false => Err(Unproven(format!(
            "the database that is there knows of a change (entry {number}) that this export does not: take its log by \
             `custodian audit export --config`, and restore by that; or move that database away if it is not to be believed"
        ))
        .into()),
    }
}

fn roll_back(
    custodian: &Custodian,
    manifest: &Manifest,
    tokens: &[admission::Admitted],
    hear: Hear<'_>,
) -> Result<Done, Source> {
    let people: Vec<_> = tokens
        .iter()
        .map(|(admin, _)| admin.subject.to_string())
        .collect();
    let shut = custodian.shut_all()?;
    let found = custodian.take_in_unknown_keks(&people.join(" and "))?;
    let since = Since::default();
    let renewed = custodian.renew_keys(&since, SKIPPED, hear)?;
    custodian.readmit(tokens)?;
    let origin = Origin {
        accepted_by: people,
        custodians_revoked: !shut.custodians.is_empty(),
        ..origin(manifest)
    };
    let log_size = custodian.record_restore(&origin, &renewed)?;
    Ok(Done {
        since,
        renewed,
        shut: Some(shut),
        found,
        log_size,
        newest: true,
        note: custodian.sign_apart()?,
    })
}

fn origin(manifest: &Manifest) -> Origin {
    Origin {
        database_sha256: manifest.database.sha256.clone(),
        log_size: manifest.log.size,
        accepted_by: Vec::new(),
        custodians_revoked: false,
    }
}

fn lines(export: &Path) -> Result<BufReader<File>, Source> {
    let file = File::open(export).map_err(|error| format!("{}: {error}", export.display()))?;
    Ok(BufReader::with_capacity(1 << 18, file))
}
