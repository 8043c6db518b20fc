//! The file damaged under a running service, and a write-ahead log that is damaged while it is down.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use serde_json::json;

use crate::{
    ledger::Ledger,
    sample::{copy, is_refused_somehow, owners},
    scene::Scene,
    service::eventually,
};

fn flip(path: &Path, at: usize, length: usize) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at as u64).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    file.write_all_at(&bytes, at as u64).unwrap();
}

#[test]
fn a_page_that_is_damaged_under_a_running_service_shuts_it_until_the_page_is_right_again() {
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    ledger.goes_on(&scene, 40);
    for tree in [
        "tokens",
        "dek_versions",
        "sqlite_autoindex_tokens_1",
        "custodian_keys_custodian",
    ] {
        // What is in the write-ahead log goes where it belongs.
        assert_eq!(scene.stop(), Some(0));
        scene.start();
        let pages = owners(&scene.database());
        let damaged = pages.iter().filter(|(_, owner)| *owner == tree);
        let damaged: Vec<_> = damaged.map(|(page, _)| page * 4096).collect();
        damaged
            .iter()
            .for_each(|at| flip(&scene.database(), *at, 4096));
        eventually("readiness says so", || {
            for answer in ledger
                .asks(&scene)
                .iter()
                .filter(|answer| answer.status != 200)
            {
                is_refused_somehow(answer);
            }
            scene.get("", "/v1/health/ready").json()["checks"]["store"]["ok"] == false
        });
        let made = json!({"name": "none", "algorithm": "aes-256-gcm"});
        is_refused_somehow(&scene.post("operator", "/v1/deks", &made));
        damaged
            .iter()
            .for_each(|at| flip(&scene.database(), *at, 4096));
        let (used, said) = scene.comes_back();
        println!("{tree} is right again: a key was used after {used:?}, ready after {said:?}");
        ledger.goes_on(&scene, 10);
    }
    ledger.holds(&scene);
    scene.never_failed();
}

/// SQLite takes what comes after the damage for a write that was cut off, and forgets it. The token knows better, once it
/// was given a checkpoint (`note_every`).
#[test]
fn a_damaged_write_ahead_log_forgets_nothing_unnoticed() {
    const FRAME: usize = 24 + 4096;
    let (mut scene, mut ledger) = (Scene::plain(), Ledger::default());
    scene.keeps_its_people();
    ledger.goes_on(&scene, 30);
    scene.is_noted();
    let size = scene.get("auditor", "/v1/audit/entries").is(200)["size"].clone();
    scene.kill();
    let (data, tokens) = (scene.site.path("data"), scene.site.path("tokens"));
    copy(&data, &scene.site.path("data.whole"));
    copy(&tokens, &scene.site.path("tokens.whole"));
    let frames = (fs::metadata(scene.beside("-wal")).unwrap().len() as usize - 32) / FRAME;
    let places = (0..6).map(|part| 32 + frames * part / 6 * FRAME + 24 + part * 600);
    let (mut forgotten, mut whole) = (0, 0);
    for at in [0, 16].into_iter().chain(places) {
        copy(&scene.site.path("data.whole"), &data);
        copy(&scene.site.path("tokens.whole"), &tokens);
        flip(&scene.beside("-wal"), at, 1);
        scene.start();
        if scene.get("auditor", "/v1/audit/entries").is(200)["size"] == size {
            ledger.holds(&scene);
            whole += 1;
        } else {
            let refused = scene.post("app", "/v1/wrap", &json!({"plaintext": "c2VjcmV0"}));
            refused.is_refused(503, "audit_unavailable");
            assert_eq!(
                scene.get("", "/v1/health/ready").json()["checks"]["audit"]["ok"],
                false
            );
            forgotten += 1;
        }
        scene.kill();
    }
    println!(
        "{} damages of a write-ahead log of {frames} frames: {forgotten} forgot something and use no key, {whole} forgot nothing",
        forgotten + whole
    );
    scene.never_failed();
}
