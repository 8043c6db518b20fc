//! After a restart: what the backup of the life before holds, and that one that was cut off has left nothing.

use std::fs;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{
    check::Check,
    file,
    sealed::{Keys, opened},
};

impl Check<'_> {
    /// It is whole, and has all that was acknowledged before it was asked for.
    pub fn backup_is_whole(&mut self, keys: &Keys) {
        let left = self.service.dir.join("custodian.db.copy");
        assert!(!left.exists(), "an unfinished copy is left");
        let Some(backup) = self.ledger.backup.take() else {
            return;
        };
        let (manifest, database) = opened(keys, &backup.sealed);
        let digest = hex::encode(Sha256::digest(&database));
        assert_eq!(manifest["database"]["sha256"], digest);
        let size = manifest["log"]["size"].as_u64().unwrap();
        assert!(
            size >= backup.least as u64,
            "{manifest} of {}",
            backup.least
        );
        let place = self.service.dir.join("backup.db");
        fs::write(&place, &database).unwrap();
        let copy = file::open(&place);
        assert_eq!(number(&copy, "SELECT count(*) FROM audit_entries"), size);
        assert_eq!(number(&copy, "SELECT size FROM log_head"), size);
        let damage = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
        assert_eq!(number(&copy, damage), 0);
        self.looked_at("backups opened", 1);
    }
}

fn number(file: &Connection, sql: &str) -> u64 {
    file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64
}
