//! Files that are gone, open to others, or of another `--kek`.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use crate::{Machine, all_below, is_wrong, says, service::Service};

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_others_may_read_is_named_with_what_to_do() {
    let machine = Machine::with_data(&[]);
    let data = machine.data();
    for (name, mode, about, verdict) in [
        ("", 0o755, "data folder", "warning"),
        ("custodian.db", 0o644, "database", "warning"),
        ("app.token", 0o640, "bearer tokens", "problem"),
        ("admin.token", 0o604, "bearer tokens", "problem"),
    ] {
        let path = data.join(name);
        let before = fs::metadata(&path).unwrap().permissions().mode();
        allow(&path, mode);
        let found = machine.examine(&[]);
        is_wrong(&found, &[(about, verdict)]);
        let said = says(&found, about);
        let named = path.to_str().unwrap().trim_end_matches('/');
        assert!(said.contains("chmod") && said.contains(named), "{said}");
        assert!(said.contains(&format!("mode {mode:o}")), "{said}");
        allow(&path, before);
    }
    is_wrong(&machine.examine(&[]), &[]);
}

#[test]
fn a_pin_file_that_others_may_read_is_a_problem_and_its_pin_is_not_tried() {
    let machine = Machine::with_data(&[]);
    allow(&machine.data().join("softhsm/pin"), 0o640);
    let found = machine.examine(&[]);
    is_wrong(&found, &[("PIN file", "problem"), ("token", "warning")]);
    assert_eq!(found["token"]["opening"], "untried");
}

#[test]
fn the_pin_of_another_token_is_a_problem_and_costs_this_one_no_try() {
    let machine = Machine::with_data(&[]);
    let pin = machine.data().join("softhsm/pin");
    let right = fs::read(&pin).unwrap();
    fs::write(&pin, "0123456789abcdef0123456789abcdef").unwrap();
    let before = all_below(&machine.data());
    let found = machine.examine(&[]);
    is_wrong(&found, &[("token", "problem")]);
    assert_eq!(found["token"]["opening"], "pin_refused");
    assert_eq!(all_below(&machine.data()), before);
    fs::write(&pin, right).unwrap();
    is_wrong(&machine.examine(&[]), &[]);
    let service = Service::start(&machine.data(), &[]);
    service
        .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
        .is(200);
}

#[test]
fn what_is_gone_is_named() {
    let gone = |name: &str, wanted: &[(&str, &str)]| {
        let machine = Machine::with_data(&[]);
        fs::rename(machine.data().join(name), machine.home.path().join("gone")).unwrap();
        is_wrong(&machine.examine(&[]), wanted);
    };
    gone("custodian.db", &[("database", "problem")]);
    gone("operator.token", &[("bearer tokens", "warning")]);
    gone(
        "softhsm/pin",
        &[("PIN file", "problem"), ("token", "warning")],
    );
    gone("softhsm/tokens", &[("token", "problem")]);
}

#[test]
fn a_first_start_that_did_not_end_is_a_warning() {
    let machine = Machine::with_data(&[]);
    fs::write(machine.data().join("unfinished"), "").unwrap();
    let found = machine.examine(&[]);
    is_wrong(&found, &[("data folder", "warning")]);
    assert!(says(&found, "data folder").contains("start custodian dev"));
}

#[test]
fn a_data_folder_that_is_none_is_a_problem() {
    let machine = Machine::new();
    fs::write(machine.data(), "").unwrap();
    is_wrong(&machine.examine(&[]), &[("data folder", "problem")]);
}

#[test]
fn a_software_kek_is_a_warning_and_one_that_others_may_read_a_problem() {
    let software = ["--kek", "software"];
    is_wrong(
        &Machine::new().examine(&software),
        &[("software KEK", "warning")],
    );
    let machine = Machine::with_data(&software);
    is_wrong(&machine.examine(&software), &[("software KEK", "warning")]);
    let mut keys = fs::read_dir(machine.data().join("software-kek")).unwrap();
    allow(&keys.next().unwrap().unwrap().path(), 0o644);
    let worse = [("software KEK", "warning"), ("software KEK", "problem")];
    is_wrong(&machine.examine(&software), &worse);
}

#[test]
fn the_other_kek_than_the_folder_was_made_with_is_a_problem() {
    let hard = Machine::with_data(&[]);
    let found = hard.examine(&["--kek", "software"]);
    is_wrong(
        &found,
        &[("software KEK", "warning"), ("software KEK", "problem")],
    );
    assert!(found.to_string().contains("give --kek softhsm"), "{found}");
    let soft = Machine::with_data(&["--kek", "software"]);
    let found = soft.examine(&[]);
    is_wrong(&found, &[("PIN file", "problem"), ("token", "problem")]);
    assert!(says(&found, "PIN file").contains("give --kek software"));
}
