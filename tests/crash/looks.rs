//! Who only reads while others write: nothing that is handed out may ever turn out to have been otherwise. And operators
//! who take backups.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{
    check_log::{continues, read_checkpoint},
    ledger::Backup,
    load::{Worker, text},
};

impl Worker<'_> {
    /// The newest checkpoint, an entry that it covers, and that it continues an older one.
    pub fn read_log(&mut self) -> Option<()> {
        let reply = self.ask("auditor", "GET", "/v1/audit/checkpoint", Value::Null)?;
        if reply.status == 503 {
            // The first second of a log has none yet.
            return Some(());
        }
        let (size, root) = read_checkpoint(&reply.text);
        let older = self.ledger().note_checkpoint(size, &root);
        let index = self.dice.below(size as usize);
        let path = format!("/v1/audit/proof/inclusion?index={index}&size={size}");
        let proof = self.look("auditor", "GET", &path, Value::Null)?;
        assert_eq!(text(&proof["root"]), root, "{path}");
        if let Some((old, its_root)) = older {
            let path = format!("/v1/audit/proof/consistency?from={old}&to={size}");
            let proof = self.look("auditor", "GET", &path, Value::Null)?;
            continues((old, its_root.as_str()), (size, root.as_str()), &proof);
        }
        let path = format!("/v1/audit/entries?from={index}&limit=3");
        let page = self.look("auditor", "GET", &path, Value::Null)?;
        assert_eq!(page["items"][0]["index"], index);
        Some(())
    }

    pub fn read_public_key(&mut self) -> Option<()> {
        let Some(dek) = self.pick_hybrid() else {
            return self.create_dek();
        };
        let path = format!("/v1/deks/{dek}/public-key");
        let shown = self.ask("app", "GET", &path, Value::Null)?;
        // The newest version may be disabled.
        if shown.status == 200 {
            let (of, key) = (
                (dek, text(&shown.body["version"])),
                text(&shown.body["public_key"]),
            );
            let mut ledger = self.ledger();
            let known = ledger.public_keys.entry(of).or_insert(key.clone());
            assert_eq!(*known, key);
        }
        Some(())
    }

    /// A certificate that was handed out stays valid.
    pub fn judge_certificate(&mut self) -> Option<()> {
        let Some((_, certificate)) = self.pick(|ledger| &ledger.certificates) else {
            return self.sit();
        };
        let body = json!({"certificate": serde_json::from_str::<Value>(&certificate).unwrap()});
        let verdict = self.look("auditor", "POST", "/v1/overrides/verify", body)?;
        assert_eq!(verdict["valid"], true, "{verdict}");
        Some(())
    }

    /// One in some lives, so that it does not keep the disk from all others.
    pub fn back_up(&mut self) -> Option<()> {
        if self.life.backed_up.swap(true, Ordering::SeqCst) {
            return self.read_log();
        }
        let least = self.ledger().requests.len();
        let body = json!({"recipients": [self.life.recipient]});
        let sealed = self.download("operator", "/v1/backup", body)?;
        self.ledger().backup = Some(Backup { sealed, least });
        Some(())
    }
}
