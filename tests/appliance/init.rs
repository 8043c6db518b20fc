//! `custodian init`: it makes nothing where something is, and goes on where it was interrupted.

use std::{fs, os::unix::fs::PermissionsExt, process::Output, thread, time::Duration};

use serde_json::{Value, json};

use crate::appliance::{LABEL, Site};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(output).contains(why), "{}", said(output));
}

/// For two admins and their files.
fn init(site: &Site, ada: &str, bob: &str) -> Output {
    site.run(&["init", "--admin", ada, "--admin", bob])
}

/// An init that ends when ada's token is in her file and bob's cannot be made: no file can be made there.
fn interrupted(site: &Site) {
    refused(
        &init(site, "ada=ada.token", "bob=/proc/bob.token"),
        "/proc/bob.token: ",
    );
    assert!(site.path("data/init.unfinished").exists());
    assert!(site.path("ada.token").exists());
}

/// Where an init is killed that has made everything, but has not said so.
fn all_but_finished(site: &Site) {
    interrupted(site);
    let marker = site.path("data/init.unfinished");
    let mut begun: Value = serde_json::from_slice(&fs::read(&marker).unwrap()).unwrap();
    assert!(site.init().status.success());
    let bob = json!(site.path("bob.token").canonicalize().unwrap());
    begun["admins"]["bob"] = bob.clone();
    begun["made"].as_array_mut().unwrap().push(bob);
    fs::write(&marker, begun.to_string()).unwrap();
}

/// SoftHSM empties a token's file before it writes it again, at each login: a kill just then takes the token.
fn token_is_lost(site: &Site) -> bool {
    let tokens = fs::read_dir(site.path("tokens")).unwrap();
    let mut files = tokens.map(|token| token.unwrap().path().join("token.object"));
    files.any(|file| fs::metadata(file).unwrap().len() == 0)
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
    let mut gone_on = 0;
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
        if token_is_lost(&site) {
            continue;
        }
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
        gone_on += 1;
    }
    assert!(gone_on > 8, "{gone_on} of 12");
}

#[test]
fn an_interrupted_init_that_goes_on_writes_over_no_file_that_was_there() {
    let site = Site::new();
    interrupted(&site);
    fs::write(site.path("precious"), "precious").unwrap();
    fs::write(site.path("ada.part"), "precious").unwrap();
    for _ in 0..2 {
        let again = init(&site, "ada=ada.token", "bob=precious");
        refused(&again, "precious is there already: name a new file");
    }
    std::os::unix::fs::symlink("nowhere", site.path("link")).unwrap();
    let again = init(&site, "ada=ada.token", "bob=link");
    refused(&again, "link is there already: name a new file");
    assert!(site.init().status.success());
    for name in ["precious", "ada.part"] {
        let text = fs::read_to_string(site.path(name)).unwrap();
        assert_eq!(text, "precious", "{name}");
    }
    let served = site.serve();
    for name in ["ada", "bob"] {
        let people = "/v1/admin/principals";
        served
            .plain(&site.token(name), "GET", people, &json!(null))
            .is(200);
    }
}

#[test]
fn two_names_of_one_file_are_refused_before_anything_is_made() {
    let site = Site::new();
    fs::create_dir(site.path("people")).unwrap();
    std::os::unix::fs::symlink("people", site.path("folk")).unwrap();
    for bob in ["people/../people/ada.token", "folk/ada.token"] {
        let both = init(&site, "ada=people/ada.token", &format!("bob={bob}"));
        refused(&both, "a file of their own");
    }
    refused(&init(&site, "ada=people/..", "bob=bob.token"), "no file");
    assert!(!site.path("data/init.unfinished").exists());
    let apart = init(&site, "ada=people/ada.token", "bob=folk/../bob.token");
    assert!(apart.status.success(), "{apart:?}");
    assert!(site.path("people/ada.token").exists() && site.path("bob.token").exists());
}

#[test]
fn a_folder_that_is_not_there_is_named_before_anything_is_made() {
    let site = Site::new();
    let why = format!("{}: ", site.path("people").display());
    let without = init(&site, "ada=ada.token", "bob=people/bob.token");
    refused(&without, &why);
    refused(&without, "make the folder for the token of bob");
    refused(
        &init(&site, "ada=ada.token", "bob=pin/bob.token"),
        "make the folder for the token of bob",
    );
    assert!(!site.path("data/init.unfinished").exists());
    assert!(!site.path("data/custodian.db").exists());
    assert!(!site.path("ada.token").exists());
    assert!(site.init().status.success());
}

#[test]
fn a_data_dir_that_cannot_be_made_is_named() {
    let site = Site::new();
    let configuration = fs::read_to_string(site.path("custodian.toml")).unwrap();
    let (data, wrong) = (site.path("data"), site.path("pin/data"));
    let wrong = wrong.to_str().unwrap();
    let text = configuration.replace(data.to_str().unwrap(), wrong);
    fs::write(site.path("custodian.toml"), text).unwrap();
    refused(&site.init(), &format!("{wrong}: "));
    refused(&site.init(), "make this folder for the service's user");
}

#[test]
fn an_interrupted_init_goes_on_with_the_token_on_which_it_began() {
    let site = Site::new();
    interrupted(&site);
    fs::remove_file(site.path("data/custodian.db")).unwrap();
    fs::rename(site.path("tokens"), site.path("first")).unwrap();
    fs::create_dir(site.path("tokens")).unwrap();
    refused(&site.init(), "there is no token \"appliance\"");
    site.make_token();
    refused(&site.init(), "began on the token \"appliance\"");
    let configuration = fs::read_to_string(site.path("custodian.toml")).unwrap();
    let other = configuration.replace("token = \"appliance\"", "token = \"other\"");
    fs::write(site.path("custodian.toml"), other).unwrap();
    refused(&site.init(), "began on the token \"appliance\"");
    assert!(!site.path("bob.token").exists());
    assert!(!site.path("data/custodian.db").exists());
    fs::write(site.path("custodian.toml"), configuration).unwrap();
    fs::remove_dir_all(site.path("tokens")).unwrap();
    fs::rename(site.path("first"), site.path("tokens")).unwrap();
    assert!(site.init().status.success());
    site.serve();
}

#[test]
fn a_marker_that_is_not_understood_says_what_to_do() {
    let site = Site::new();
    fs::create_dir(site.path("data")).unwrap();
    fs::write(site.path("data/init.unfinished"), r#"{"token_files":[]}"#).unwrap();
    let why = format!("{}: ", site.path("data/init.unfinished").display());
    refused(&site.init(), &why);
    refused(&site.init(), "begin again with an empty data_dir");
}

#[test]
fn an_interrupted_init_goes_on_for_the_admins_who_were_given_first() {
    let site = Site::new();
    interrupted(&site);
    let others = init(&site, "carol=carol.token", "dave=dave.token");
    refused(&others, "--admin ada=");
    refused(&others, "--admin bob=/proc/bob.token");
    let one_more = ["ada=ada.token", "bob=bob.token", "cleo=cleo.token"];
    let one_more: Vec<_> = one_more.iter().flat_map(|one| ["--admin", one]).collect();
    refused(
        &site.run(&[&["init"], one_more.as_slice()].concat()),
        "run the same command again",
    );
    let turned = init(&site, "bob=bob.token", "ada=ada.token");
    assert!(turned.status.success(), "{turned:?}");
}

#[test]
fn an_init_that_had_made_everything_says_only_what_is_so() {
    let site = Site::new();
    all_but_finished(&site);
    let (ada, bob) = (site.token("ada"), site.token("bob"));
    let others = init(&site, "carol=carol.token", "dave=dave.token");
    refused(&others, "run the same command again");
    refused(
        &init(&site, "ada=ada.token", "bob=else.token"),
        "run the same command again",
    );
    fs::rename(site.path("bob.token"), site.path("moved")).unwrap();
    refused(&site.init(), "bob.token is not there any more");
    fs::rename(site.path("moved"), site.path("bob.token")).unwrap();
    let again = site.init();
    assert!(again.status.success(), "{again:?}");
    assert_eq!((site.token("ada"), site.token("bob")), (ada, bob));
    assert!(!site.path("else.token").exists());
    site.serve();
}
