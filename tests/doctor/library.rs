//! A PKCS#11 library that is not there, is none, crashes, or hangs.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{Machine, is_wrong, says};

/// A library that does this as soon as it is loaded; what links Rust compiles it.
fn library(home: &Path, body: &str) -> std::path::PathBuf {
    let (source, library) = (home.join("library.c"), home.join("library.so"));
    let text = format!(
        "#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) static void begin(void) {{ {body} }}\n"
    );
    fs::write(&source, text).unwrap();
    let mut command = Command::new("cc");
    command
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source]);
    assert!(command.status().unwrap().success());
    library
}

#[track_caller]
fn is_to_blame(machine: &Machine, why: &str) {
    let found = machine.examine(&[]);
    is_wrong(&found, &[("SoftHSM", "problem")]);
    let said = says(&found, "SoftHSM");
    assert!(
        said.contains(why) && said.contains("CUSTODIAN_SOFTHSM_MODULE"),
        "{said}"
    );
    assert!(found["token"].is_null());
}

#[test]
fn a_library_that_is_not_there_or_is_none_is_a_problem() {
    let mut machine = Machine::with_data(&[]);
    machine.module = Some(machine.home.path().join("nothing.so"));
    is_to_blame(&machine, "names no file");
    let text = machine.home.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    machine.module = Some(text);
    is_to_blame(&machine, "loading the PKCS#11 module");
    machine.module = Some(library(machine.home.path(), ""));
    is_to_blame(&machine, "loading the PKCS#11 module");
}

#[test]
fn a_library_that_crashes_is_a_problem() {
    let mut machine = Machine::new();
    machine.module = Some(library(machine.home.path(), "abort();"));
    is_to_blame(&machine, "crashed");
}

#[test]
fn a_library_that_hangs_is_given_up() {
    let mut machine = Machine::new();
    machine.module = Some(library(machine.home.path(), "for (;;) sleep(1);"));
    let begun = Instant::now();
    is_to_blame(&machine, "did not answer");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn dev_takes_the_same_library() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
    let command = command
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(home.path().join("data"))
        .env("CUSTODIAN_SOFTHSM_MODULE", home.path().join("nothing.so"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("CUSTODIAN_SOFTHSM_MODULE names no file"),
        "{said}"
    );
}
