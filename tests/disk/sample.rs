//! An installation at rest that many tests damage, each a copy of its own; and what is asked of a damaged one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::{appliance::Site, ledger::Ledger, scene::Scene, service::Answer};

/// What all copies are made of.
pub struct Sample {
    scene: Scene,
    ledger: Ledger,
    /// What must not be answered with 200, whatever is damaged: who, what, the body.
    shut: Vec<(String, String, Value)>,
}

/// What came of one damage.
#[derive(Debug, Default)]
pub struct Found {
    /// It did not start; what it said.
    pub refused: Option<String>,
    /// Requests that were refused, of those that an undamaged one answers.
    pub hurt: usize,
    /// SQLite itself finds nothing wrong any more: it was in a gap or in the text of a definition, or a start wrote anew
    /// what was there.
    pub sound: bool,
    /// By what it was noticed without any request.
    pub noticed: Vec<&'static str>,
}

impl Found {
    /// By anything.
    pub fn is_noticed(&self) -> bool {
        self.refused.is_some() || self.hurt > 0 || !self.noticed.is_empty()
    }
}

impl Sample {
    /// Some of everything, and some that is shut for good; stopped.
    pub fn new(requests: usize) -> Self {
        let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
        ledger.goes_on(&scene, requests);
        let shut = shut(&scene);
        assert_eq!(scene.stop(), Some(0));
        Self {
            scene,
            ledger,
            shut,
        }
    }

    pub fn database(&self) -> Vec<u8> {
        fs::read(self.scene.database()).unwrap()
    }

    pub fn path(&self) -> PathBuf {
        self.scene.database()
    }

    /// A copy with that database, served if it lets itself be served, and asked; then it has `patience` to notice by itself.
    pub fn with(&self, database: &[u8], patience: Duration) -> Found {
        let site = Site::without_token();
        for folder in ["data", "tokens"] {
            copy(&self.scene.site.path(folder), &site.path(folder));
        }
        fs::write(site.path("data/custodian.db"), database).unwrap();
        let _none = fs::remove_file(site.path("data/custodian.db-shm"));
        match self.scene.elsewhere(site) {
            Ok(scene) => self.ask(&scene, patience),
            Err((code, said)) => {
                assert_eq!(code, Some(1), "{said}");
                assert!(said.starts_with("custodian: "), "{said}");
                Found {
                    refused: Some(said),
                    ..Found::default()
                }
            }
        }
    }

    fn ask(&self, scene: &Scene, patience: Duration) -> Found {
        let mut found = Found::default();
        for answer in self.ledger.asks(scene) {
            found.hurt += usize::from(answer.status != 200);
        }
        for (who, path, body) in &self.shut {
            let answer = scene.by_token(who, "POST", path, body);
            is_refused_somehow(&answer);
        }
        found.noticed = scene.notices(patience);
        found.sound = is_sound(&scene.database());
        scene.never_failed();
        found
    }
}

/// A revoked token, a token without grants, a disabled version and a destroyed one.
fn shut(scene: &Scene) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    let body = json!({"plaintext": "c2VjcmV0"});
    for (state, confirm) in [("disable", false), ("destroy", true)] {
        let name = format!("shut-{state}");
        let dek = json!({"name": name, "algorithm": "aes-256-gcm"});
        let made = scene.post("operator", "/v1/deks", &dek).is(201);
        let version = made["current"].as_str().unwrap().to_owned();
        let path = format!("/v1/deks/{name}");
        let sealed = scene.post("app", &format!("{path}/encrypt"), &body).is(200);
        scene
            .post("operator", &format!("{path}/rotate"), &json!({}))
            .is(201);
        let confirmed = match confirm {
            true => json!({"confirm": format!("{name}/{version}")}),
            false => json!({}),
        };
        let change = format!("{path}/versions/{version}/{state}");
        assert!(scene.post("operator", &change, &confirmed).status < 300);
        let opens = json!({"ciphertext": sealed["ciphertext"]});
        all.push((
            scene.token("app").to_owned(),
            format!("{path}/decrypt"),
            opens,
        ));
    }
    let path = "/v1/admin/principals";
    let revoked = json!({"name": "revoked", "subject": "revoked", "roles": ["auditor"]});
    let revoked = scene.post("admin", path, &revoked).is(201);
    let id = revoked["id"].as_str().unwrap();
    scene.ask("admin", "DELETE", &format!("{path}/{id}"), &Value::Null);
    let token = revoked["token"].as_str().unwrap().to_owned();
    all.push((token, "/v1/audit/verify".to_owned(), json!({})));
    let auditor = scene.token("auditor").to_owned();
    all.push((auditor, "/v1/wrap".to_owned(), body));
    all
}

/// By whatever code: not done, and no failure of the service's own.
#[track_caller]
pub fn is_refused_somehow(answer: &Answer) {
    assert!(
        [401, 403, 404, 409, 410, 422, 503].contains(&answer.status),
        "{answer:?}"
    );
    answer.is_refused(answer.status, &answer.code());
}

pub fn copy(from: &Path, to: &Path) {
    let _none = fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// The table or index that stands on each page; pages count from 0 here.
pub fn owners(database: &Path) -> BTreeMap<usize, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Connection::open_with_flags(database, flags).unwrap();
    let mut pages = file.prepare("SELECT pageno, name FROM dbstat").unwrap();
    let pages = pages.query_map([], |row| {
        Ok((row.get::<_, u32>(0)? as usize - 1, row.get(1)?))
    });
    pages.unwrap().map(Result::unwrap).collect()
}

fn is_sound(database: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Connection::open_with_flags(database, flags).unwrap();
    let said = file.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    said.is_ok_and(|said| said == "ok")
}
