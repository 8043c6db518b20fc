//! Destruction with its delay, and how it is cancelled.

use super::*;

#[test]
fn a_version_to_be_destroyed_is_410_at_once_and_can_be_saved_until_the_delay_is_over() {
    let house = House::open();
    let first = text(&house.dek("telemetry", "aes-256-gcm", None)["current"]);
    let blob = house.encrypt("telemetry").is(200)["ciphertext"].take();
    house.rotate("telemetry");
    let doomed = house.version("telemetry", &first, "destroy").is(200);
    assert_eq!(doomed["state"], "pending_destruction");
    assert!(doomed["destroy_at"].is_string());
    house
        .decrypt("telemetry", &blob)
        .is_refused(410, "destroyed");
    for verb in ["enable", "disable", "destroy"] {
        let again = house.version("telemetry", &first, verb);
        again.is_refused(410, "destroyed");
    }
    house.pass(7 * DAY - 5);
    let saved = house.version("telemetry", &first, "cancel-destroy").is(200);
    assert_eq!(saved["state"], "enabled");
    assert_eq!(
        house.decrypt("telemetry", &blob).is(200)["plaintext"],
        "YWVnaXM="
    );
    let nothing = house.version("telemetry", &first, "cancel-destroy");
    nothing.is_refused(409, "conflict");
    house.dek("other", "aes-256-gcm", Some("1s"));
    house.pass(30 * DAY);
    eventually("whoever does what is due was here", || {
        !house.current("other").starts_with("dek-v1-")
    });
    assert_eq!(
        house.decrypt("telemetry", &blob).is(200)["plaintext"],
        "YWVnaXM="
    );
}

#[test]
fn a_disabled_version_that_is_saved_is_still_disabled() {
    let house = House::open();
    let first = text(&house.dek("telemetry", "aes-256-gcm", None)["current"]);
    house.rotate("telemetry");
    house.version("telemetry", &first, "disable").is(200);
    house.version("telemetry", &first, "destroy").is(200);
    let saved = house.version("telemetry", &first, "cancel-destroy").is(200);
    assert_eq!(saved["state"], "disabled");
}

#[test]
fn once_the_delay_is_over_the_secret_is_in_no_file_any_more() {
    let house = House::open();
    let first = text(&house.dek("telemetry", "mlkem768-x25519", None)["current"]);
    let blob = house.encrypt("telemetry").is(200)["ciphertext"].take();
    house.rotate("telemetry");
    let sealed = sealed(&house, &first);
    assert!(!house.files_with(&sealed).is_empty());
    house.version("telemetry", &first, "destroy").is(200);
    assert!(!house.files_with(&sealed).is_empty(), "destroyed too early");
    house.pass(7 * DAY + 1);
    eventually("destroyed", || {
        house.oldest_state("telemetry") == "destroyed"
    });
    eventually("erased", || house.files_with(&sealed).is_empty());
    house
        .decrypt("telemetry", &blob)
        .is_refused(410, "destroyed");
    let late = house.version("telemetry", &first, "cancel-destroy");
    late.is_refused(410, "destroyed");
}

#[test]
fn without_a_delay_the_secret_is_gone_when_the_call_returns() {
    let house = House::ruled(aegis_custodian::custodian::Rules {
        destroy_delay: std::time::Duration::ZERO,
        ..house::RULES
    });
    let first = text(&house.dek("telemetry", "aes-256-gcm", None)["current"]);
    house.encrypt("telemetry").is(200);
    house.rotate("telemetry");
    let sealed = sealed(&house, &first);
    let gone = house.version("telemetry", &first, "destroy").is(200);
    assert_eq!(gone["state"], "destroyed");
    assert_eq!(gone["kek"], Value::Null);
    assert_eq!(house.files_with(&sealed), Vec::<String>::new());
}

#[test]
fn the_version_that_encrypts_cannot_be_destroyed() {
    let house = House::open();
    let first = text(&house.dek("telemetry", "aes-256-gcm", None)["current"]);
    let refused = house.version("telemetry", &first, "destroy");
    refused.is_refused(409, "conflict");
    house.encrypt("telemetry").is(200);
}

/// The wrapped secret as the database keeps it.
fn sealed(house: &House, version: &str) -> Vec<u8> {
    #[allow(clippy::disallowed_methods)] // past the store is the point
    let file = rusqlite::Connection::open(house.home.path().join("custodian.db")).unwrap();
    let sql = "SELECT sealed FROM dek_versions WHERE version = ?1";
    file.query_row(sql, [version], |row| row.get(0)).unwrap()
}

impl House {
    /// The service's files that hold these bytes.
    fn files_with(&self, wanted: &[u8]) -> Vec<String> {
        let files = std::fs::read_dir(self.home.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let holds = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(wanted.len()).any(|window| window == wanted)
        };
        files
            .filter(holds)
            .map(|path| path.display().to_string())
            .collect()
    }
}
