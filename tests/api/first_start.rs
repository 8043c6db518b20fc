//! A first start that is cut short, and folders that do not fit what is asked (api.md section 13).

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    process::{is_refused, run},
    service::{ROLES, Service, eventually},
};

fn spawn(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts on `dir`, kills it so long after it began to make something, and answers whether that was in the middle.
fn cut_short(dir: &Path, after: Duration) -> bool {
    let mut child = spawn(dir);
    eventually("the first start begins, or is done already", || {
        dir.join("unfinished").exists() || dir.join("app.token").exists()
    });
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    dir.join("unfinished").exists()
}

fn is_whole(service: &Service) {
    for role in ROLES {
        service.get(role, "/v1/capabilities").is(200);
    }
    service.make_dek("telemetry");
    let body = json!({"plaintext": ""});
    service.post("app", "/v1/wrap", body).is(200);
    let list = service.get("admin", "/v1/admin/principals").is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
}

#[test]
fn a_first_start_that_was_killed_anywhere_is_simply_begun_again() {
    let mut in_the_middle = 0;
    for step in 0..16 {
        let home = TempDir::new().unwrap();
        in_the_middle += usize::from(cut_short(home.path(), Duration::from_millis(step * 2)));
        is_whole(&Service::start(home.path(), &[]));
    }
    assert!(
        in_the_middle > 0,
        "every kill came too late to show anything"
    );
}

#[test]
fn a_copy_that_is_put_into_a_folder_whose_first_start_failed_is_used_and_not_made_anew() {
    let (good, spoilt) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let service = Service::start(good.path(), &[]);
    let body = json!({"plaintext": "YQ=="});
    let wrapped = service.post("app", "/v1/wrap", body).is(200);
    assert_eq!(service.stop(), Some(0));
    fs::write(spoilt.path().join("unfinished"), "").unwrap();
    let copy = format!(
        "cp -r {}/. {}",
        good.path().display(),
        spoilt.path().display()
    );
    assert!(
        Command::new("sh")
            .args(["-c", &copy])
            .status()
            .unwrap()
            .success()
    );
    let service = Service::start(spoilt.path(), &[]);
    let body = json!({"wrapped": wrapped["wrapped"]});
    let opened = service.post("app", "/v1/unwrap", body).is(200);
    assert_eq!(opened["plaintext"], "YQ==");
}

#[test]
fn a_first_start_leaves_what_it_needs_and_no_more() {
    let service = Service::spawn();
    let found = fs::read_dir(&service.dir).unwrap();
    let mut names: Vec<_> = found
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("custodian.db-"));
    names.sort();
    let wanted = [
        "admin.token",
        "app.token",
        "auditor.token",
        "custodian.db",
        "custodian.db.lock",
        "dev.lock",
        "operator.token",
        "service.log",
        "softhsm",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn what_an_unfinished_start_left_is_put_aside_and_never_deleted() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("unfinished"), "").unwrap();
    fs::create_dir_all(home.path().join("softhsm/tokens")).unwrap();
    fs::write(home.path().join("softhsm/pin"), "0123").unwrap();
    fs::write(home.path().join("softhsm/mine"), "mine").unwrap();
    is_whole(&Service::start(home.path(), &[]));
    let kept = home.path().join("left-over-1/softhsm/mine");
    assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
}

#[test]
fn a_folder_that_lost_its_database_is_not_begun_again_over_its_kek() {
    let home = TempDir::new().unwrap();
    assert_eq!(Service::start(home.path(), &[]).stop(), Some(0));
    fs::remove_file(home.path().join("custodian.db")).unwrap();
    let dir = home.path().to_str().unwrap();
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--data-dir", dir];
    let refused = run(&arguments);
    is_refused(&refused);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("put custodian.db back"));
}

#[test]
fn another_kek_on_the_same_folder_never_answers_with_what_it_cannot_open() {
    let home = TempDir::new().unwrap();
    let (blob, sealed) = {
        let service = Service::start(home.path(), &[]);
        service.make_dek("telemetry");
        let wrapped = service
            .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
            .is(200);
        let sealed = service
            .post(
                "app",
                "/v1/deks/telemetry/encrypt",
                json!({"plaintext": "YQ=="}),
            )
            .is(200);
        assert_eq!(service.stop(), Some(0));
        (wrapped["wrapped"].clone(), sealed["ciphertext"].clone())
    };
    let dir = home.path().to_str().unwrap();
    let arguments = [
        "dev",
        "--kek",
        "software",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        dir,
    ];
    is_refused(&run(&arguments));
    let service = Service::start(home.path(), &[]);
    let opened = service
        .post("app", "/v1/unwrap", json!({"wrapped": blob}))
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
    let opened = service
        .post(
            "app",
            "/v1/deks/telemetry/decrypt",
            json!({"ciphertext": sealed}),
        )
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
}

#[test]
fn a_token_file_that_was_lost_is_an_error_of_the_caller_not_a_new_principal() {
    let home = TempDir::new().unwrap();
    let lost = {
        let service = Service::start(home.path(), &[]);
        let lost = service.token("app");
        assert_eq!(service.stop(), Some(0));
        lost
    };
    let kept = home.path().join("kept");
    fs::rename(home.path().join("app.token"), &kept).unwrap();
    fs::write(home.path().join("app.token"), "cst_other").unwrap();
    let service = Service::start(home.path(), &[]);
    let list = service.get("admin", "/v1/admin/principals").is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    service
        .send(&lost, "GET", "/v1/capabilities", &[], "")
        .is(200);
}
