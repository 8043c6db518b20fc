//! What does not prove what it must is refused, with exit code 3 and a sentence, and nothing is replaced.

use std::fs;

use serde_json::{Value, json};

use crate::{
    appliance::{LABEL, Site},
    scene::Scene,
    sealed::{Keys, content, sealed},
};

/// A service with a backup and what came after it, stopped; and something that it encrypted.
fn stopped() -> (Scene, Value) {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    let old = scene.encrypt("payroll");
    scene.export("e");
    scene.stop();
    (scene, old)
}

/// That the service is what it was before.
fn is_as_before(mut scene: Scene, before: &[u8], old: &Value) {
    assert_eq!(fs::read(scene.database()).unwrap(), before);
    scene.serve();
    scene.opens("payroll", old);
    let shown = scene.get("operator", "/v1/deks/payroll").is(200);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_backup_that_was_changed_cut_or_sealed_to_others_is_refused_and_nothing_is_replaced() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    let whole = fs::read(scene.site.path("b")).unwrap();
    for at in [10, 200, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(scene.site.path("bad"), flipped).unwrap();
        scene
            .restore_from("bad", &["--audit", "e"])
            .is_refused(3, "backup");
    }
    for size in [0, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(scene.site.path("bad"), &whole[..size]).unwrap();
        scene
            .restore_from("bad", &["--audit", "e"])
            .is_refused(3, "backup");
    }
    scene.site.write_private("identity", &Keys::new().file);
    scene
        .restore(&["--audit", "e"])
        .is_refused(3, "no key of the identity file opens the backup");
    is_as_before(scene, &before, &old);
}

#[test]
fn a_database_that_somebody_put_into_a_backup_is_refused() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    let inside = content(&scene.keys, &fs::read(scene.site.path("b")).unwrap());
    let mut changed = inside.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(scene.site.path("bad"), sealed(&scene.keys, &changed)).unwrap();
    scene
        .restore_from("bad", &["--audit", "e"])
        .is_refused(3, "not whole, or was changed");
    let longer = [&inside[..], b"more"].concat();
    fs::write(scene.site.path("bad"), sealed(&scene.keys, &longer)).unwrap();
    scene
        .restore_from("bad", &["--audit", "e"])
        .is_refused(3, "not whole, or was changed");
    is_as_before(scene, &before, &old);
}

#[test]
fn a_row_of_the_backup_that_was_changed_is_refused_by_name() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    let forged = forge(
        &scene,
        "UPDATE principals SET grants = '{\"deks\":[\"x\"]}' WHERE name = 'app'",
    );
    scene
        .restore_from(&forged, &["--audit", "e"])
        .is_refused(3, "of principals in the backup");
    let forged = forge(
        &scene,
        "UPDATE audit_entries SET entry = x'7b7d' WHERE number = 3",
    );
    scene
        .restore_from(&forged, &["--audit", "e"])
        .is_refused(3, "audit_entries in the backup");
    let forged = forge(&scene, "UPDATE dek_versions SET sealed = zeroblob(48)");
    scene
        .restore_from(&forged, &["--audit", "e"])
        .is_refused(3, "dek_versions in the backup");
    let forged = forge(
        &scene,
        "UPDATE tree_hashes SET hash = zeroblob(32) WHERE position = 0",
    );
    scene
        .restore_from(&forged, &["--audit", "e"])
        .is_refused(3, "log");
    is_as_before(scene, &before, &old);
}

/// A backup, sealed anew, whose database somebody changed; its manifest says so rightly.
fn forge(scene: &Scene, sql: &str) -> String {
    let file = fs::read(scene.site.path("b")).unwrap();
    let (mut manifest, database) = crate::sealed::opened(&scene.keys, &file);
    let path = scene.site.path("forged.db");
    fs::write(&path, database).unwrap();
    let changed = rusqlite::Connection::open(&path).unwrap();
    assert!(changed.execute(sql, []).unwrap() > 0, "{sql}");
    changed
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(changed);
    let database = fs::read(&path).unwrap();
    manifest["database"]["bytes"] = json!(database.len());
    manifest["database"]["sha256"] = json!(crate::scene::sha256(&database));
    let text = aegis_custodian::crypto::canonical::json(&manifest).unwrap();
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let inside = [
        b"aegis-custodian/backup/v1\0".as_slice(),
        &length,
        &text,
        &database,
    ]
    .concat();
    fs::write(scene.site.path("forged"), sealed(&scene.keys, &inside)).unwrap();
    "forged".to_owned()
}

#[test]
fn a_backup_of_another_service_or_of_a_newer_version_is_refused() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    for (member, value, says) in [
        (
            "instance",
            json!("other"),
            "this is a backup of the service \"other\"",
        ),
        ("schema", json!(99), "restore it with a newer version"),
        (
            "log",
            json!({"root": "00", "size": 1}),
            "not the one that its manifest names",
        ),
    ] {
        let file = fs::read(scene.site.path("b")).unwrap();
        let (mut manifest, database) = crate::sealed::opened(&scene.keys, &file);
        manifest[member] = value;
        let text = manifest.to_string().into_bytes();
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        let inside = [
            b"aegis-custodian/backup/v1\0".as_slice(),
            &length,
            &text,
            &database,
        ]
        .concat();
        fs::write(scene.site.path("bad"), sealed(&scene.keys, &inside)).unwrap();
        scene
            .restore_from("bad", &["--audit", "e"])
            .is_refused(3, says);
    }
    is_as_before(scene, &before, &old);
}

#[test]
fn a_backup_is_refused_on_another_token() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    let other = Site::new();
    let made = other.init();
    assert!(made.status.success(), "{made:?}");
    for name in ["b", "e", "identity"] {
        fs::copy(scene.site.path(name), other.path(name)).unwrap();
    }
    let theirs = fs::read(other.path("data/custodian.db")).unwrap();
    let all = [
        "restore",
        "--identity",
        "identity",
        "--backup",
        "b",
        "--audit",
        "e",
    ];
    let ended = crate::scene::Ended::of(other.run(&all));
    // Its KEK may have the same name: then it is the canary that tells.
    assert!([1, 3].contains(&ended.code), "{ended:?}");
    assert!(
        ended.error.contains("key") || ended.error.contains(LABEL),
        "{ended:?}"
    );
    assert_eq!(fs::read(other.path("data/custodian.db")).unwrap(), theirs);
    is_as_before(scene, &before, &old);
}

#[test]
fn an_export_that_is_not_the_newest_is_refused_and_says_what_to_do() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    scene.export("e");
    let old = scene.encrypt("payroll");
    scene.stop();
    let before = fs::read(scene.database()).unwrap();
    let ended = scene.restore(&["--audit", "e"]);
    ended.is_refused(3, "this export is not the newest");
    assert!(ended.error.contains("--accept-rollback"), "{ended:?}");
    is_as_before(scene, &before, &old);
}

#[test]
fn an_export_that_is_older_than_the_backup_is_refused() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.export("e");
    let old = scene.encrypt("payroll");
    scene.backup("b");
    scene.kill();
    let before = fs::read(scene.database()).unwrap();
    let ended = scene.restore(&["--audit", "e"]);
    ended.is_refused(3, "export");
    is_as_before(scene, &before, &old);
}

#[test]
fn an_export_that_was_changed_cut_or_is_another_services_is_refused() {
    let (scene, old) = stopped();
    let before = fs::read(scene.database()).unwrap();
    let whole = fs::read_to_string(scene.site.path("e")).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let refused = |text: String, says: &str| {
        fs::write(scene.site.path("bad"), text).unwrap();
        scene.restore(&["--audit", "bad"]).is_refused(3, says);
    };
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    refused(joined(&lines[..lines.len() - 1]), "export");
    refused(String::new(), "export");
    let last = lines.len() - 1;
    let late = lines[last].replace("\"ok\"", "\"refused\"");
    refused(joined(&[&lines[..last], &[&late]].concat()), "export");
    let early = lines[2].replace("\"ok\"", "\"refused\"");
    refused(
        joined(&[&lines[..2], &[&early], &lines[3..]].concat()),
        "of the export is not the backup's",
    );
    let note = lines[0].replace("appliance", "other");
    refused(joined(&[&[note.as_str()], &lines[1..]].concat()), "export");
    let mut other = Scene::new();
    other.export("e");
    other.stop();
    let theirs = fs::read_to_string(other.site.path("e")).unwrap();
    refused(theirs, "export");
    is_as_before(scene, &before, &old);
}

#[test]
fn nothing_is_restored_while_the_service_runs_or_another_restore_does() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    scene.backup("b");
    scene.export("e");
    let ended = scene.restore(&["--audit", "e"]);
    ended.is_refused(1, "another process has it open");
    scene.stop();
    let mut first = scene.restoring("b", &["--audit", "e"]);
    let mut second = scene.restoring("b", &["--audit", "e"]);
    let pipe = std::process::Stdio::piped;
    let running =
        [&mut first, &mut second].map(|one| one.stdout(pipe()).stderr(pipe()).spawn().unwrap());
    let codes = running.map(|one| one.wait_with_output().unwrap().status.code());
    assert!(codes.contains(&Some(0)), "{codes:?}");
    scene.serve();
    scene.encrypt("payroll");
}

#[test]
fn the_arguments_are_for_an_export_or_for_a_rollback() {
    let (scene, _) = stopped();
    scene.restore(&[]).is_refused(1, "--audit");
    scene
        .restore(&["--audit", "e", "--accept-rollback"])
        .is_refused(1, "cannot be used with");
    scene
        .restore(&["--accept-rollback"])
        .is_refused(1, "--approved-by");
}
