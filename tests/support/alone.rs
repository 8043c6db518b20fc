//! Tests that need a process of their own, since the vendor's library and its configuration belong to the process.

use std::{env, process::Command};

const ALONE: &str = "AEGIS_TEST_ALONE";

/// Runs the test `name` again in a process of its own with a SoftHSM of its own; `true` there.
pub fn alone(name: &str) -> bool {
    alone_with(name, &[])
}

/// As [`alone`], with these variables set there.
#[allow(clippy::disallowed_methods)] // the only way to tell the two processes apart
pub fn alone_with(name: &str, variables: &[(&str, String)]) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{}: {said}", output.status);
    false
}
