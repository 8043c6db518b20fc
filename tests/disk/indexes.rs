//! Indexes changed byte by byte, so that they lead from one principal's token or id to another's row: each row is whole,
//! and none may be obeyed for whom it is not.

use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    ledger::Ledger,
    sample::{copy, is_refused_somehow, owners},
    scene::Scene,
    service::eventually,
};

/// Swaps the rows to which an index leads from two keys: a row's number is the byte behind its key (SQLite file format,
/// 2.1), as long as there are fewer than 128.
fn cross(file: &mut [u8], pages: &[usize], keys: [&[u8]; 2]) {
    let place = |key: &[u8]| {
        let found = pages.iter().find_map(|page| {
            let at = page * 4096;
            let mut windows = file[at..at + 4096].windows(key.len());
            windows
                .position(|window| window == key)
                .map(|within| at + within)
        });
        found.unwrap() + key.len()
    };
    let (one, other) = (place(keys[0]), place(keys[1]));
    assert_ne!(file[one], file[other]);
    file.swap(one, other);
}

#[test]
fn an_index_that_leads_to_anothers_row_gives_nobody_anothers_rights_and_is_noticed() {
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    ledger.goes_on(&scene, 10);
    let people = scene.get("admin", "/v1/admin/principals").is(200);
    let id = |name: &str| {
        let mut people = people["items"].as_array().unwrap().iter();
        let found = people.find(|one| one["name"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let ids = [id("app"), id("operator")];
    let hashes = ["app", "operator"].map(|role| Sha256::digest(scene.token(role)));
    assert_eq!(scene.stop(), Some(0));
    copy(&scene.site.path("data"), &scene.site.path("data.whole"));
    copy(&scene.site.path("tokens"), &scene.site.path("tokens.whole"));
    let index = |name: &str| -> Vec<usize> {
        let all = owners(&scene.database()).into_iter();
        all.filter(|(_, owner)| owner == name)
            .map(|(page, _)| page)
            .collect()
    };
    let indexes = [
        (
            index("sqlite_autoindex_tokens_2"),
            hashes.each_ref().map(|hash| hash.as_slice()),
        ),
        (
            index("sqlite_autoindex_principals_1"),
            ids.each_ref().map(|id| id.as_bytes()),
        ),
    ];
    for (pages, keys) in indexes {
        copy(&scene.site.path("data.whole"), &scene.site.path("data"));
        copy(&scene.site.path("tokens.whole"), &scene.site.path("tokens"));
        let mut file = std::fs::read(scene.database()).unwrap();
        cross(&mut file, &pages, keys);
        std::fs::write(scene.database(), file).unwrap();
        scene.start();
        let dek = json!({"name": "mine", "algorithm": "aes-256-gcm"});
        is_refused_somehow(&scene.post("app", "/v1/deks", &dek));
        let wrap = json!({"plaintext": "c2VjcmV0"});
        is_refused_somehow(&scene.post("operator", "/v1/wrap", &wrap));
        eventually("it is noticed", || !scene.is_ready());
        scene.kill();
    }
    scene.never_failed();
}

/// They keep rules: without one, a key or a person could be there twice.
#[test]
fn a_database_that_has_lost_an_index_is_refused() {
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    ledger.goes_on(&scene, 10);
    assert_eq!(scene.stop(), Some(0));
    let file = Connection::open(scene.database()).unwrap();
    file.execute_batch("DROP INDEX custodians_live_subject")
        .unwrap();
    drop(file);
    let (code, said) = scene.refuses_to_start();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("indexes are not those of this version"),
        "{said}"
    );
}
