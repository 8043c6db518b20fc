//! `custodian init`: it makes nothing where something is, and goes on where it was interrupted.

use std::{fs, os::unix::fs::PermissionsExt, process::Output, thread, time::Duration};

use serde_json::json;

use crate::appliance::{LABEL, Site};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(output).contains(why), "{}", said(output));
}

#[test]
fn two_admins_are_made_who_decide_together() {
    let site = Site::new();
    let served = site.serve_new();
    for name in ["ada", "bob"] {
        let mode = fs::metadata(site.path(&format!("{name}.token"))).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
    let body = json!({"name": "till", "subject": "till", "roles": ["app"]});
    let made = served.plain(&site.token("ada"), "POST", "/v1/admin/principals", &body);
    let made = made.is(201);
    let token = made["token"].as_str().unwrap();
    let wrap = json!({"plaintext": "AAAA"});
    served
        .plain(token, "POST", "/v1/wrap", &wrap)
        .is_refused(401, "unauthenticated");
    let approve = format!(
        "/v1/admin/principals/{}/approve",
        made["id"].as_str().unwrap()
    );
    served
        .plain(&site.token("ada"), "POST", &approve, &json!({}))
        .is_refused(422, "two_person_rule");
    served
        .plain(&site.token("bob"), "POST", &approve, &json!({}))
        .is(200);
    served.plain(token, "POST", "/v1/wrap", &wrap).is(200);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_service_that_is_there_is_not_made_again() {
    let site = Site::new();
    assert!(site.init().status.success());
    let ada = site.token("ada");
    refused(&site.init(), "is there already");
    assert_eq!(site.token("ada"), ada);
    site.serve();
}

#[test]
fn a_token_that_holds_something_is_not_touched() {
    let site = Site::new();
    assert!(site.init().status.success());
    fs::rename(site.path("data"), site.path("lost")).unwrap();
    for name in ["ada.token", "bob.token"] {
        fs::remove_file(site.path(name)).unwrap();
    }
    refused(&site.init(), "objects already");
    assert!(!site.path("data/custodian.db").exists());
    assert!(!site.path("ada.token").exists());
    fs::remove_dir_all(site.path("data")).unwrap();
    fs::rename(site.path("lost"), site.path("data")).unwrap();
    site.serve();
}

#[test]
fn what_is_missing_is_said() {
    let site = Site::without_token();
    refused(&site.init(), "softhsm2-util --init-token");
    site.make_token();
    refused(&site.run(&["init", "--admin", "ada=ada.token"]), "twice");
    let same = ["init", "--admin", "ada=a.token", "--admin", "Ada=b.token"];
    refused(&site.run(&same), "another person");
    let one_file = ["init", "--admin", "ada=a.token", "--admin", "bob=./a.token"];
    refused(&site.run(&one_file), "a file of their own");
    fs::write(site.path("bob.token"), "precious").unwrap();
    refused(&site.init(), "is there already");
    assert_eq!(
        fs::read_to_string(site.path("bob.token")).unwrap(),
        "precious"
    );
    fs::remove_file(site.path("bob.token")).unwrap();
    site.write_private("pin", "wrong");
    refused(&site.init(), "refuses this PIN");
    let (code, log) = site.try_serve().err().unwrap();
    assert_eq!(code, Some(1));
    assert!(log.contains("custodian init"), "{log}");
    site.write_private("pin", crate::appliance::PIN);
    assert!(site.init().status.success(), "{LABEL}");
}

#[test]
fn an_init_that_is_killed_at_any_time_goes_on_or_begins_again() {
    for milliseconds in [5, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400] {
        let site = Site::new();
        let arguments = [
            "init",
            "--config",
            "custodian.toml",
            "--admin",
            "ada=ada.token",
            "--admin",
            "bob=bob.token",
        ];
        let mut child = site.command(&arguments).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        let finished =
            site.path("data/custodian.db").exists() && !site.path("data/init.unfinished").exists();
        if !ended.success() && !finished {
            if site.path("data/init.unfinished").exists() {
                let (_, log) = site.try_serve().err().unwrap();
                assert!(log.contains("interrupted"), "{log}");
            }
            let again = site.init();
            assert!(again.status.success(), "{milliseconds} ms: {again:?}");
        }
        let served = site.serve();
        let people = served.plain(
            &site.token("bob"),
            "GET",
            "/v1/admin/principals",
            &json!(null),
        );
        assert_eq!(people.is(200)["items"].as_array().unwrap().len(), 2);
    }
}
