//! Past the service: what stands in the database and in the bytes of its files.

use std::{collections::HashMap, fs, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::ledger::Name;

/// So many bytes of a secret in a row are a trace of it.
const PIECE: usize = 16;

/// Opens the database beside the service and changes nothing.
#[allow(clippy::disallowed_methods)] // looks past the store
pub fn open(database: &Path) -> Connection {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    file
}

/// The wrapped secret of a version; `None` once it is erased.
pub fn sealed(database: &Path, (dek, version): &Name) -> Option<Vec<u8>> {
    let sql = "SELECT sealed FROM dek_versions WHERE dek = ?1 AND version = ?2";
    let found = open(database).query_row(sql, [dek, version], |row| row.get(0));
    found.optional().unwrap().flatten()
}

/// Where pieces of these secrets still stand in the database's files.
pub fn traces(dir: &Path, secrets: &[(Name, Vec<u8>)]) -> Vec<String> {
    let mut pieces: HashMap<&[u8], &Name> = HashMap::new();
    let mut begins = vec![false; 1 << 16];
    for (name, secret) in secrets {
        for piece in secret.chunks_exact(PIECE) {
            begins[beginning(piece)] = true;
            pieces.insert(piece, name);
        }
    }
    let files = ["custodian.db", "custodian.db-wal", "custodian.db-shm"];
    let mut found = Vec::new();
    for file in files {
        let bytes = fs::read(dir.join(file)).unwrap_or_default();
        for (at, window) in bytes.windows(PIECE).enumerate() {
            let name = begins[beginning(window)].then(|| pieces.get(window));
            if let Some(Some(name)) = name {
                found.push(format!("{name:?} in {file} at {at}"));
            }
        }
    }
    found
}

fn beginning(piece: &[u8]) -> usize {
    usize::from(piece[0]) << 8 | usize::from(piece[1])
}
