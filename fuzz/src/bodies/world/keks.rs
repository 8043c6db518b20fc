//! KEK versions in every state: one that wraps, one that nothing needs, a retired one, one whose deletion was asked for.

use std::{fs, path::Path};

use aegis_custodian::{
    custodian::Custodian,
    id::KekVersion,
    policy::KekState,
    store::{KekRow, Store},
};
use jiff::Timestamp;

use super::cast::Names;

/// So long ago that what was retired then may be destroyed.
const LONG_AGO: &str = "2026-10-01T12:00:00Z";

/// Rotates three times, and takes two versions out of use.
pub fn prepare(custodian: &Custodian, store: &Store) -> Names {
    let at: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut job = String::new();
    for number in 2..=4 {
        let begun = store.transact(move |tx| {
            let version = KekVersion::new(number, at);
            tx.announce_kek(&version, at)?;
            let total = tx.records_elsewhere(&version)?;
            tx.begin_job(&version, total, at)
        });
        job = begun.unwrap().id.to_string();
        custodian.rewrap_records();
    }
    let rows = store.read(|view| view.kek_versions()).unwrap();
    retire(store, &rows[1], None);
    retire(store, &rows[2], Some("somebody"));
    custodian.adopt_keyring().unwrap();
    let name = |at: usize| rows[at].version.to_string();
    vec![
        ("{kek}", name(0)),
        ("{retired-kek}", name(1)),
        ("{doomed-kek}", name(2)),
        ("{current-kek}", name(3)),
        ("{job}", job),
    ]
}

fn retire(store: &Store, row: &KekRow, destroy_by: Option<&str>) {
    let row = KekRow {
        state: KekState::Retired,
        retired_at: Some(LONG_AGO.parse().unwrap()),
        destroy_by: destroy_by.map(str::to_owned),
        ..row.clone()
    };
    store.transact(move |tx| tx.set_kek_state(&row)).unwrap();
}

/// Keeps the keys as they are now.
pub fn keep(folder: &Path) {
    copy(&folder.join("kek"), &folder.join("kept"));
}

/// Puts them back: some calls make keys, and some delete them.
pub fn restore(folder: &Path) {
    fs::remove_dir_all(folder.join("kek")).unwrap();
    copy(&folder.join("kept"), &folder.join("kek"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
