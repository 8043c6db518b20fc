//! A backup of each released version of the schema stays restorable: backup, export and token as that version wrote them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    appliance::Site,
    people::text,
    scene::{Ended, PLAINTEXT, Scene},
};

/// What is in the folder beside the token.
const FILES: [&str; 3] = ["backup.age", "audit-export", "TEST-KEY-worthless.identity"];

fn folder(schema: u32) -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    all.join(format!("backup-schema-{schema}"))
}

#[test]
fn a_backup_of_every_schema_is_restored_and_nothing_revoked_comes_back() {
    for schema in 1..=aegis_custodian::store::SCHEMA {
        restores(&folder(schema));
    }
}

fn restores(folder: &Path) {
    let site = Site::without_token();
    copy(&folder.join("tokens"), &site.path(""));
    for name in FILES {
        site.write_private(name, read(folder, name));
    }
    let known: Value =
        serde_json::from_str(&String::from_utf8(read(folder, "known.json")).unwrap()).unwrap();
    let ended = Ended::of(site.run(&[
        "restore",
        "--backup",
        "backup.age",
        "--identity",
        "TEST-KEY-worthless.identity",
        "--audit",
        "audit-export",
        "--output",
        "json",
    ]));
    assert_eq!(ended.code, 0, "{}: {ended:?}", folder.display());
    let served = site.serve();
    let ask = |token: &str, path: &str, body: Value| {
        served.plain(&text(&known, token), "POST", path, &body)
    };
    let opened = ask(
        "app_token",
        "/v1/deks/payroll/decrypt",
        json!({"ciphertext": known["ciphertext"]}),
    );
    assert_eq!(opened.is(200)["plaintext"], PLAINTEXT);
    let opened = ask(
        "app_token",
        "/v1/unwrap",
        json!({"wrapped": known["wrapped"]}),
    );
    assert_eq!(opened.is(200)["plaintext"], PLAINTEXT);
    let lost = ask(
        "app_token",
        "/v1/deks/payroll/decrypt",
        json!({"ciphertext": known["lost_ciphertext"]}),
    );
    lost.is_refused(410, "destroyed");
    ask("revoked_token", "/v1/wrap", json!({"plaintext": PLAINTEXT}))
        .is_refused(401, "unauthenticated");
    let verdict = ask("auditor_token", "/v1/audit/verify", json!({})).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// Makes the fixture of the schema of now: once, with the version that brings that schema.
#[test]
#[ignore = "makes the fixture anew: run it by hand when the schema has a new number, never for an old one"]
fn make_the_fixture() {
    let mut scene = Scene::new();
    scene.make_dek("payroll");
    for (name, role) in [
        ("lasting app", "app"),
        ("lasting auditor", "auditor"),
        ("gone", "app"),
    ] {
        let body = json!({"name": name, "subject": name.replace(' ', "-"), "roles": [role], "expires_in": "never",
            "grants": {"deks": ["*"]}});
        let made = scene.post("ada", "/v1/admin/principals", body).is(201);
        if made["status"] == "pending" {
            let path = format!("/v1/admin/principals/{}/approve", text(&made, "id"));
            scene.post("bob", &path, json!({})).is(200);
        }
        scene.holds(name, text(&made, "token"));
        if name == "gone" {
            scene.holds("gone.id", text(&made, "id"));
        }
    }
    let ciphertext = scene.encrypt("payroll");
    let body = json!({"plaintext": PLAINTEXT});
    let wrapped = scene.post("lasting app", "/v1/wrap", body).is(200)["wrapped"].take();
    scene.backup("b");
    let gone = format!("/v1/admin/principals/{}", scene.token("gone.id"));
    scene.call("ada", "DELETE", &gone, &Value::Null).is(204);
    scene.rotate("payroll");
    let lost = scene.encrypt("payroll");
    scene.export("e");
    let known = json!({
        "app_token": scene.token("lasting app"),
        "auditor_token": scene.token("lasting auditor"),
        "ciphertext": ciphertext,
        "lost_ciphertext": lost,
        "revoked_token": scene.token("gone"),
        "wrapped": wrapped,
    });
    scene.stop();
    let folder = folder(aegis_custodian::store::SCHEMA);
    fs::create_dir_all(&folder).unwrap();
    for (from, to) in ["b", "e", "identity"].iter().zip(FILES) {
        fs::copy(scene.site.path(from), folder.join(to)).unwrap();
    }
    fs::write(folder.join("known.json"), format!("{known:#}\n")).unwrap();
    copy(&scene.site.path("tokens"), &folder);
}
