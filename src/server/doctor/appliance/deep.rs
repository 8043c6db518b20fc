//! A service opened to be looked at: its token as it is, its database as a copy.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use tempfile::{Builder, TempDir};

use crate::{
    config::{Config, DATABASE},
    custodian::Custodian,
    error::{Source, chain},
    server::{assemble, doctor::Finding},
};

/// Opens the service on a copy of its database, and looks at its keys, its rows, its log and its clock.
///
/// # Errors
/// What would keep it from starting.
pub fn examine(config: &Config) -> Result<Vec<Finding>, Source> {
    let copy = copied(config)?;
    let config = Config {
        data_dir: copy.path().to_owned(),
        ..config.clone()
    };
    let custodian = assemble(&config)?;
    custodian.adopt_as_written()?;
    let says = "every KEK version is in the token, is as it must be, and opens its canary and the database";
    let keys = Finding::ok("keys", says);
    Ok(vec![
        keys,
        rows(&custodian),
        log(&custodian)?,
        clock(&custodian),
    ])
}

/// Beside the original, which has the mode and the room for it.
fn copied(config: &Config) -> Result<TempDir, Source> {
    let folder = Builder::new()
        .prefix("doctor-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&config.data_dir)?;
    let database = config.database();
    for end in ["", "-wal"] {
        let file = format!("{}{end}", database.display());
        if Path::new(&file).exists() {
            fs::copy(&file, folder.path().join(format!("{DATABASE}{end}")))?;
        }
    }
    Ok(folder)
}

fn rows(custodian: &Custodian) -> Finding {
    const ABOUT: &str = "rows";
    let why = match custodian.first_damaged(&mut |_, _, _| ()) {
        Ok(None) => {
            return Finding::ok(ABOUT, "every row of every table is as it was written");
        }
        Ok(Some((table, row))) => format!("row {row} of {table} is not as it was written"),
        Err(error) => chain(&error),
    };
    let todo = "keep the files as they are, and see docs/operations.md, \"Restore\"";
    Finding::problem(ABOUT, why, todo)
}

fn log(custodian: &Custodian) -> Result<Finding, Source> {
    const ABOUT: &str = "audit log";
    let (entries, wrong) = custodian.verify_log()?.outcome();
    Ok(match wrong {
        None => Finding::ok(
            ABOUT,
            format!("all {entries} entries are as they were logged and signed"),
        ),
        Some(why) => Finding::problem(
            ABOUT,
            format!("{why} ({entries} entries were read)"),
            "keep the files as they are, and see docs/audit.md",
        ),
    })
}

fn clock(custodian: &Custodian) -> Finding {
    const ABOUT: &str = "clock";
    match custodian.clock_jumped_back() {
        false => Finding::ok(ABOUT, "it is not behind the newest audit entry"),
        true => Finding::problem(
            ABOUT,
            "it is more than five minutes behind the newest audit entry, so the service would not be ready",
            "set the clock right (NTP); if the entry's time is wrong, wait until it has come",
        ),
    }
}
