//! `custodian dev` as a process (api.md section 13): started, stopped, started again, refused.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    service::{ROLES, Service, eventually},
    wire,
};

fn custodian(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end; a process that stays up is the caller's failure after ten seconds.
pub fn run(arguments: &[&str]) -> Output {
    let mut child = custodian(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut waited = 0;
    while child.try_wait().unwrap().is_none() {
        waited += 1;
        if waited > 500 {
            child.kill().unwrap();
            panic!("{arguments:?} still runs");
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// Asserts exit code 1, a sentence on standard error, and nothing on standard output.
#[track_caller]
pub fn is_refused(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    assert!(
        said.lines().last().is_some_and(|line| line.len() > 20),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}

fn dev(dir: &Path) -> Vec<&str> {
    vec![
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        dir.to_str().unwrap(),
    ]
}

#[test]
fn dev_prints_one_line_and_ends_with_0_on_either_signal() {
    for signal in ["-TERM", "-INT"] {
        let home = TempDir::new().unwrap();
        let printed = home.path().join("printed");
        let mut child: Child = custodian(&dev(&home.path().join("data")))
            .stdout(File::create(&printed).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the service is ready", || {
            fs::read_to_string(&printed).unwrap().ends_with('\n')
        });
        let url = fs::read_to_string(&printed).unwrap();
        let url = url.trim().strip_prefix("listening on ").unwrap();
        assert_eq!(wire::ask(url, "GET", "/v1/health/live", "").status, 200);
        crate::service::signal(child.id(), signal);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(
            fs::read_to_string(&printed).unwrap(),
            format!("listening on {url}\n")
        );
    }
}

#[test]
fn all_that_dev_keeps_is_for_its_owner_only() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("data");
    let service = Service::start(&dir, &[]);
    service.make_dek("telemetry");
    for role in ROLES {
        let mode = fs::metadata(dir.join(format!("{role}.token")))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
        let token = service.token(role);
        assert!(token.starts_with("cst_") && token.trim_end().len() == 47);
    }
    fs::remove_file(dir.join("service.log")).unwrap(); // the test's own
    let open = open_to_others(&dir);
    File::create(dir.join("service.log")).unwrap();
    assert!(open.is_empty(), "{open:?}");
    assert!(fs::read_dir(&dir).unwrap().any(|entry| {
        entry
            .unwrap()
            .path()
            .extension()
            .is_some_and(|kind| kind == "db")
    }));
}

/// Whatever below `dir` someone else than its owner could read or write.
fn open_to_others(dir: &Path) -> Vec<String> {
    let mut open = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (path, mode) = (entry.path(), entry.metadata().unwrap().permissions().mode());
        if mode & 0o077 != 0 {
            open.push(format!("{} {:o}", path.display(), mode & 0o7777));
        }
        if path.is_dir() {
            open.extend(open_to_others(&path));
        }
    }
    open
}

#[test]
fn a_restart_keeps_everything_and_every_token() {
    let home = TempDir::new().unwrap();
    let (blob, tokens, extra) = {
        let first = Service::start(home.path(), &[]);
        first.make_dek("telemetry");
        let extra = first
            .principal("extra", &["auditor"], &serde_json::Value::Null)
            .token;
        let wrapped = first
            .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
            .is(200);
        let tokens = ROLES.map(|role| first.token(role));
        assert_eq!(first.stop(), Some(0));
        (wrapped["wrapped"].clone(), tokens, extra)
    };
    let again = Service::start(home.path(), &[]);
    assert_eq!(ROLES.map(|role| again.token(role)), tokens);
    again.get("app", "/v1/deks/telemetry").is(200);
    again
        .send(&extra, "GET", "/v1/capabilities", &[], "")
        .is(200);
    let opened = again
        .post("app", "/v1/unwrap", json!({"wrapped": blob}))
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let home = TempDir::new().unwrap();
    let first = Service::start(home.path(), &[]);
    first.make_dek("telemetry");
    is_refused(&run(&dev(home.path())));
    first
        .post("app", "/v1/wrap", json!({"plaintext": ""}))
        .is(200);
    first.get("operator", "/v1/deks/telemetry").is(200);
}

#[test]
fn an_address_beyond_this_machine_is_refused() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("data");
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:80",
        "localhost",
        "127.0.0.1",
        "127.0.0.1:99999",
        "",
    ] {
        let output = run(&[
            "dev",
            "--data-dir",
            dir.to_str().unwrap(),
            "--listen",
            address,
        ]);
        is_refused(&output);
    }
}

#[test]
fn an_address_that_is_taken_is_refused_with_a_sentence() {
    let home = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = home.path().to_str().unwrap();
    is_refused(&run(&["dev", "--data-dir", dir, "--listen", &address]));
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_with_a_sentence() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "x").unwrap();
    is_refused(&run(&dev(&file)));
    is_refused(&run(&dev(&file.join("below"))));
}

#[test]
fn the_software_kek_works_and_says_loudly_what_it_is() {
    let home = TempDir::new().unwrap();
    let blob = {
        let service = Service::start(home.path(), &["--kek", "software"]);
        let able = service.get("app", "/v1/capabilities").is(200);
        assert_eq!(able["kek"]["keys_in_token"], false);
        assert_eq!(able["kek"]["provider"], "software");
        let log = service.log();
        let loud = log
            .lines()
            .find(|line| line.contains("software") && line.contains("WARN"));
        assert!(loud.is_some(), "{log}");
        let wrapped = service
            .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
            .is(200);
        assert_eq!(service.stop(), Some(0));
        wrapped["wrapped"].clone()
    };
    let service = Service::start(home.path(), &["--kek", "software"]);
    let opened = service
        .post("app", "/v1/unwrap", json!({"wrapped": blob}))
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
}

#[test]
fn every_command_has_help_and_a_mistake_is_exit_code_1() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["dev", "--help"],
        &["doctor", "--help"],
        &["--version"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stdout.len() > 10 && output.stderr.is_empty());
    }
    let help = String::from_utf8(run(&["dev", "--help"]).stdout).unwrap();
    for said in ["--data-dir", "--listen", "--kek", "softhsm", "software"] {
        assert!(help.contains(said), "{said}");
    }
    for wrong in [
        &[][..],
        &["nothing"],
        &["dev", "--nothing"],
        &["dev", "--kek", "paper"],
        &["dev", "x"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn what_was_begun_is_finished_when_the_service_is_told_to_stop() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let items = vec![json!({"plaintext": "YQ=="}); 256];
    let body = json!({ "items": items }).to_string();
    let mut stream = wire::begin(&service.url, "/v1/wrap", &service.token("app"), body.len());
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(service.stop(), Some(0));
    let answer = wire::read(&mut stream);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.text.matches("cst1:kek:").count(), 256);
    let again = Service::start(home.path(), &[]);
    let entries = again.audit();
    let wrapped = entries
        .iter()
        .filter(|entry| entry["detail"]["items"] == 256);
    assert_eq!(wrapped.count(), 1, "{entries:?}");
}

#[test]
fn a_request_that_is_half_sent_is_still_answered_after_the_signal() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let body = r#"{"plaintext":"YQ=="}"#;
    let mut stream = wire::begin(&service.url, "/v1/wrap", &service.token("app"), body.len());
    stream.write_all(&body.as_bytes()[..9]).unwrap();
    thread::scope(|scope| {
        let stopped = scope.spawn(|| service.stop());
        thread::sleep(Duration::from_millis(300));
        stream.write_all(&body.as_bytes()[9..]).unwrap();
        let answer = wire::read(&mut stream);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(stopped.join().unwrap(), Some(0));
    });
}

#[test]
fn a_client_that_never_finishes_does_not_keep_the_service_up_for_ever() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let _idle = wire::connect(&service.url);
    let begun = Instant::now();
    assert_eq!(service.stop(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}
