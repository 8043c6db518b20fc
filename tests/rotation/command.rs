//! `custodian kek`, by the real binary, over the 30 days that no other test of the command can let pass.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use super::{destruction::retired, *};

/// Runs `custodian kek` as whoever has this token.
fn kek(house: &House, token: &str, arguments: &[&str]) -> Output {
    let file = house.home.path().join("token");
    fs::write(&file, token).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_custodian"))
        .arg("kek")
        .args(arguments)
        .env_clear()
        .env("CUSTODIAN_URL", &house.url)
        .env("CUSTODIAN_TOKEN_FILE", &file)
        .output()
        .unwrap()
}

#[track_caller]
fn is_refused(ended: &Output, code: &str) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("({code}, request ")), "{said}");
}

#[track_caller]
fn done(ended: &Output) -> Value {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn two_operators_delete_a_version_by_the_command_after_thirty_days() {
    let (house, second) = retired();
    let first = house.kek_name(1);
    let destroy = |token: &str, more: &[&str]| {
        let arguments = ["destroy", &first, "--confirm", &first, "--output", "json"];
        kek(&house, token, &[&arguments[..], more].concat())
    };
    is_refused(&destroy(&house.operator, &[]), "conflict");
    house.pass(30 * DAY);
    is_refused(&destroy(&second, &["--approve"]), "conflict");
    let asked = done(&destroy(&house.operator, &[]));
    assert_eq!(asked["state"], "retired");
    assert_eq!(asked["destroy_requested_by"], "house-operator");
    is_refused(&destroy(&house.operator, &["--approve"]), "two_person_rule");
    let other = [
        "destroy",
        &first,
        "--approve",
        "--confirm",
        "kek-v9-20261124",
    ];
    assert_eq!(kek(&house, &second, &other).status.code(), Some(1));
    assert_eq!(house.kek_version(1)["attributes"]["sensitive"], true);

    let destroyed = done(&destroy(&second, &["--approve"]));
    assert_eq!(destroyed["state"], "destroyed");
    assert_eq!(destroyed["attributes"], Value::Null);
    assert_eq!(house.kek_version(1)["attributes"], Value::Null);
    is_refused(&destroy(&second, &["--approve"]), "destroyed");
    let shown = kek(&house, &second, &["status"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("destroyed"), "{shown}");
}
