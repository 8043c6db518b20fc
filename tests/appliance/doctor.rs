//! `custodian doctor --config`: what it finds at a service, and that it changes nothing.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::appliance::Site;

/// What is found: exit code, and the findings.
fn look(site: &Site) -> (Option<i32>, Vec<Value>) {
    let looked = site.run(&["doctor", "--output", "json"]);
    let report: Value = serde_json::from_slice(&looked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {looked:?}"));
    let findings = report["findings"].as_array().unwrap().clone();
    (looked.status.code(), findings)
}

/// The one problem about something; each says what to do.
#[track_caller]
fn problem(site: &Site, about: &str, word: &str) {
    let (code, findings) = look(site);
    assert_eq!(code, Some(1), "{findings:?}");
    let is_it = |finding: &&Value| {
        finding["verdict"] == "problem"
            && finding["about"] == about
            && finding["says"].as_str().unwrap().contains(word)
    };
    let found = findings.iter().find(is_it);
    let found = found.unwrap_or_else(|| panic!("{about} {word}: {findings:?}"));
    assert!(!found["todo"].as_str().unwrap().is_empty());
}

fn abouts(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .map(|finding| finding["about"].as_str().unwrap())
        .collect()
}

#[test]
fn a_service_that_is_well_has_no_problem_running_or_not() {
    let site = Site::new();
    let served = site.serve_new();
    let (code, findings) = look(&site);
    assert_eq!(code, Some(0), "{findings:?}");
    served
        .plain(&site.token("ada"), "GET", "/v1/capabilities", &json!(null))
        .is(200);
    assert_eq!(served.stop(), Some(0));
    let before = fs::read(site.path("data/custodian.db")).unwrap();
    let (code, findings) = look(&site);
    assert_eq!(code, Some(0), "{findings:?}");
    for about in [
        "configuration",
        "data folder",
        "database",
        "free disk",
        "PIN",
        "token",
        "wrapping",
        "signing",
        "keys",
        "rows",
        "audit log",
        "clock",
    ] {
        assert!(abouts(&findings).contains(&about), "{about}: {findings:?}");
    }
    assert_eq!(fs::read(site.path("data/custodian.db")).unwrap(), before);
    let left = fs::read_dir(site.path("data")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("doctor-")));
}

#[test]
fn what_is_missing_is_found() {
    let site = Site::without_token();
    problem(&site, "data folder", "No such file");
    problem(&site, "token", "no token is labelled");
    site.make_token();
    assert!(site.init().status.success());
    fs::remove_file(site.path("data/custodian.db")).unwrap();
    problem(&site, "database", "is not there");
}

#[test]
fn a_restore_that_was_cut_off_is_found() {
    let site = Site::new();
    assert!(site.init().status.success());
    let begun = r#"{"replacing":true,"token_files":[]}"#;
    fs::write(site.path("data/restore.unfinished"), begun).unwrap();
    problem(&site, "database", "a restore was interrupted");
}

#[test]
fn what_others_may_read_is_found() {
    let site = Site::new();
    assert!(site.init().status.success());
    let opened = |name: &str, mode: u32, about: &str| {
        let path = site.path(name);
        let closed = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        problem(&site, about, "others may");
        fs::set_permissions(&path, closed).unwrap();
    };
    opened("custodian.toml", 0o666, "configuration");
    opened("data", 0o755, "data folder");
    opened("data/custodian.db", 0o644, "database");
    opened("pin", 0o640, "PIN");
    assert_eq!(look(&site).0, Some(0));
}

#[test]
fn a_wrong_pin_is_presented_once() {
    let site = Site::new();
    assert!(site.init().status.success());
    site.write_private("pin", "wrong");
    let looked = site.run(&["--log", "trace", "doctor", "--output", "json"]);
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(said.contains("it was presented once"), "{said}");
    // What opens the service did not run at all.
    assert!(!said.contains("audit log"), "{said}");
    site.write_private("pin", crate::appliance::PIN);
    assert_eq!(look(&site).0, Some(0));
}

#[test]
fn a_log_that_was_changed_is_found() {
    let site = Site::new();
    let served = site.serve_new();
    served
        .plain(
            &site.token("ada"),
            "GET",
            "/v1/admin/principals",
            &json!(null),
        )
        .is(200);
    let body = json!({"name": "audit", "subject": "audit", "roles": ["auditor"]});
    served
        .plain(&site.token("ada"), "POST", "/v1/admin/principals", &body)
        .is(201);
    served.stop();
    let database = rusqlite::Connection::open(site.path("data/custodian.db")).unwrap();
    let changed = database.execute("DELETE FROM audit_entries WHERE number = 2", []);
    assert_eq!(changed.unwrap(), 1);
    drop(database);
    problem(&site, "audit log", "entr");
}

/// Of the table's tree, which has one page.
fn zero_page_of(site: &Site, table: &str) {
    let path = site.path("data/custodian.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let number = |sql: &str| -> usize {
        let number: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        number.try_into().unwrap()
    };
    let size = number("PRAGMA page_size");
    let root = number(&format!(
        "SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"
    ));
    drop(database);
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root - 1) * size..root * size].fill(0);
    fs::write(&path, bytes).unwrap();
}

#[test]
fn a_row_or_a_page_that_was_changed_is_found() {
    let site = Site::new();
    site.serve_new().stop();
    let path = site.path("data/custodian.db");
    let whole = fs::read(&path).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let changed = database.execute(
        "UPDATE principals SET created_at = 0 WHERE name = 'ada'",
        [],
    );
    assert_eq!(changed.unwrap(), 1);
    drop(database);
    problem(&site, "rows", "of principals is not as it was written");
    for table in ["principals", "tokens", "deks", "jobs"] {
        fs::write(&path, &whole).unwrap();
        zero_page_of(&site, table);
        problem(&site, "rows", "the database is unavailable");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(look(&site).0, Some(0));
}

#[test]
fn another_token_of_the_same_label_is_found() {
    let site = Site::new();
    assert!(site.init().status.success());
    fs::rename(site.path("tokens"), site.path("other")).unwrap();
    fs::create_dir(site.path("tokens")).unwrap();
    site.make_token();
    problem(&site, "store and log", "does not open");
    let (code, log) = site.try_serve().err().unwrap();
    assert_eq!(code, Some(1), "{log}");
}

#[test]
fn an_address_that_no_interface_has_may_come_and_one_that_is_taken_is_somebodys() {
    let (site, _, _) = crate::tls::site("");
    assert!(site.init().status.success());
    let ends = |address: &str| {
        let mut command = site.command(&["serve", "--config", "custodian.toml"]);
        command.env("CUSTODIAN__LISTEN__ADDRESS", address);
        site.spawn(command).err().unwrap()
    };
    // Of those that are set aside for documentation.
    let (code, log) = ends("192.0.2.1:7820");
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("no interface of this machine has"), "{log}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, log) = ends(&taken.local_addr().unwrap().to_string());
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another process listens on"), "{log}");
}

#[test]
fn a_token_that_is_away_ends_serve_with_a_code_that_says_try_again_and_with_what_to_do() {
    let site = Site::new();
    assert!(site.init().status.success());
    let ends = |code: i32, todo: &str| {
        let (ended, log) = site.try_serve().err().unwrap();
        assert_eq!(ended, Some(code), "{log}");
        assert_eq!(log.lines().last().unwrap(), format!("what to do: {todo}"));
    };
    fs::rename(site.path("tokens"), site.path("away")).unwrap();
    ends(
        2,
        "look at the PKCS#11 library, its configuration and its own log",
    );
    fs::create_dir(site.path("tokens")).unwrap();
    ends(
        2,
        "put the token back, or start whatever makes it reachable",
    );
    fs::remove_dir(site.path("tokens")).unwrap();
    fs::rename(site.path("away"), site.path("tokens")).unwrap();
    site.write_private("pin", "wrong");
    ends(
        1,
        "write the right PIN to the PIN file; if it is right already, reconnect",
    );
}
