//! `custodian health`, `signing-keys` and `capabilities`: what is asked without a token, and what is not.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::{
    desk::{Desk, Ended, ended},
    fake::{answer, service_that_says},
    service::Service,
};

fn without_token(desk: &Desk, arguments: &[&str]) -> Ended {
    let mut command = desk.command(arguments);
    ended(command.env_remove("CUSTODIAN_TOKEN_FILE").output().unwrap())
}

#[test]
fn anybody_is_told_whether_the_service_is_ready_and_by_which_keys_it_signs() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "auditor");
    let ready = without_token(&desk, &["health"]);
    assert_eq!(ready.code, 0, "{ready:?}");
    assert!(ready.out.contains("audit         | ok"), "{ready:?}");
    let keys = without_token(&desk, &["signing-keys", "--out", "keys.json"]);
    assert_eq!(keys.code, 0, "{keys:?}");
    let wanted = service.get("", "/v1/signing-keys").is(200);
    let written: serde_json::Value = serde_json::from_str(&desk.read("keys.json")).unwrap();
    assert_eq!(written, wanted);
    let again = without_token(&desk, &["signing-keys", "--out", "keys.json"]);
    assert_eq!(again.code, 1, "{again:?}");
    let table = without_token(&desk, &["signing-keys"]);
    assert!(table.out.contains("checkpoint"), "{table:?}");
    let able = desk.done(&["capabilities"]);
    assert!(able.contains("pkcs11"), "{able}");
    let nobody = without_token(&desk, &["capabilities"]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.error.contains("CUSTODIAN_TOKEN_FILE"), "{nobody:?}");
}

#[test]
fn what_anybody_may_ask_is_asked_without_the_token() {
    let (url, served) = service_that_says(vec![answer("200 OK", "", "{}")]);
    assert_eq!(Desk::with(&url, "cst_abc").run(&["health"]).code, 2);
    assert_eq!(served.join().unwrap()[0].header("authorization"), None);
}

#[test]
fn a_service_that_is_not_ready_ends_with_2() {
    let ok = json!({"ok": true});
    for (status, word) in [
        ("503 Service Unavailable", "not_ready"),
        ("200 OK", "not_ready"),
        ("503 Service Unavailable", "ready"),
    ] {
        let body =
            json!({"status": word, "checks": {"kek": {"ok": false}, "store": ok, "audit": ok}});
        let (url, served) = service_that_says(vec![answer(status, "", &body.to_string())]);
        let ended = Desk::with(&url, "cst_abc").run(&["health"]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.out.contains("kek           | not ok"), "{ended:?}");
        assert_eq!(served.join().unwrap().len(), 1);
    }
    let gone = Desk::at("http://127.0.0.1:1", PathBuf::from("none"));
    assert_eq!(gone.run(&["health"]).code, 2);
}

#[test]
fn every_command_says_what_it_is_for() {
    let desk = Desk::with("http://127.0.0.1:1", "cst_abc");
    let root = desk.done(&["--help"]);
    let mut all = 0;
    for name in [
        "audit",
        "capabilities",
        "custodian-admin",
        "dek",
        "health",
        "kek",
        "override",
        "principal",
        "principal token",
        "signing-keys",
    ] {
        let words: Vec<&str> = name.split(' ').collect();
        assert!(root.contains(words[0]), "{name}");
        let help = desk.done(&[&words[..], &["--help"]].concat());
        for below in below(&help) {
            let help = desk.done(&[&words[..], &[&below, "--help"]].concat());
            assert!(
                help.lines().next().unwrap().len() > 10,
                "{name} {below}: {help}"
            );
            all += 1;
        }
    }
    assert!(all >= 40, "{all}");
    assert!(fs::read_dir(desk.path("")).unwrap().count() == 1);
}

/// The names of a command's own commands.
fn below(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
