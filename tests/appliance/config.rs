//! `custodian config check`: every unsafe or unknown word is refused by a sentence.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, process::Output};

use crate::appliance::Site;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is said of a configuration with these lines behind the sound ones.
fn refusal(more: &str) -> String {
    let site = Site::without_token();
    site.configure(more);
    let checked = site.run(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(1), "{more}: {checked:?}");
    said(&checked)
}

#[test]
fn the_shortest_configuration_is_sound() {
    let site = Site::without_token();
    let checked = site.run(&["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let site = Site::without_token();
    // It is there, and nobody reads its beginning, not even root.
    let unreadable = ["config", "check", "--config", "/proc/self/mem"];
    let checked = site.command(&unreadable).output().unwrap();
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(said(&checked).contains("/proc/self/mem: "), "{checked:?}");
    assert!(said(&checked).contains("read"), "{checked:?}");
    fs::remove_file(site.path("custodian.toml")).unwrap();
    let checked = site.run(&["config", "check"]);
    let found = said(&checked).matches("custodian.toml").count();
    assert_eq!(found, 1, "{checked:?}");
}

#[test]
fn an_unknown_key_is_named_with_those_that_there_are() {
    for (more, key) in [
        ("pin_fiel = \"x\"", "pin_fiel"),
        ("[tls]\ncertifcate = \"/x\"", "certifcate"),
        ("[tsl]\nkey = \"/x\"", "tsl"),
        ("[overrides]\nquorum = 1", "quorum"),
    ] {
        let said = refusal(more);
        assert!(said.contains(key), "{more}: {said}");
        assert!(said.contains("expected"), "{more}: {said}");
    }
}

#[test]
fn what_is_unsafe_is_refused_with_what_to_do() {
    for (more, key, advice) in [
        ("provider = \"software\"", "kek.provider", "PKCS#11"),
        ("pin = \"1234\"", "kek.pin", "pin_file"),
        ("pin_credential = \"pin\"", "kek.pin_file", "one place"),
        ("sessions = 0", "kek.sessions", "1 to 64"),
        ("deadline = \"1h\"", "kek.deadline", "1500ms"),
        ("rotation = \"never\"", "kek.rotation", "automatic"),
        ("note_every = \"2d\"", "kek.note_every", "at most 1d"),
        (
            "[log]\nlevel = \"nonsense,,=\"",
            "log.level",
            "such as info",
        ),
        ("[admins]\nquorum = 1", "admins.quorum", "another approves"),
        (
            "[admins]\ntoken_lifetime = \"never\"",
            "admins.token_lifetime",
            "90d",
        ),
        (
            "[deks]\ndestroy_delay = \"10s\"",
            "deks.destroy_delay",
            "1h",
        ),
        ("[deks]\ncache = \"2d\"", "deks.cache", "24h"),
        ("[overrides]\nlongest = \"30d\"", "overrides.longest", "24h"),
        (
            "[overrides]\nschemes = []",
            "overrides.schemes",
            "at least one",
        ),
        (
            "[overrides]\nschemes = [\"rsa\"]",
            "overrides.schemes",
            "ed25519",
        ),
        ("[pii]\nfields = []", "pii.fields", "twelve"),
        (
            "[audit]\norigin = \"a log\"",
            "audit.origin",
            "without spaces",
        ),
        ("[tls]\nkey = \"/k\"", "tls.certificate", "missing"),
        (
            "[tls]\ncertificate = \"c\"\nkey = \"/k\"",
            "tls.certificate",
            "whole path",
        ),
        (
            "[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nclient_certificates = \"required\"",
            "tls.client_ca",
            "authorities",
        ),
        (
            "[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nclient_ca = \"/a\"",
            "tls.client_certificates",
            "required",
        ),
    ] {
        let said = refusal(more);
        let line = said.lines().find(|line| line.contains(&format!("{key}: ")));
        let line = line.unwrap_or_else(|| panic!("{more}: {said}"));
        assert!(line.contains(advice), "{more}: {line}");
    }
}

#[test]
fn what_stands_where_it_is_wrong_is_not_shown_since_it_may_be_a_pin() {
    for (more, says) in [
        ("pin = \"271828ab", "line 10"),
        ("pin = 271828ab", "line 10"),
        (
            "pin_prompt = \"271828ab\"",
            "kek.pin_prompt: something else is there",
        ),
        ("sessions = \"271828ab\"", "kek.sessions"),
        (
            "pin_credential = { pin = \"271828ab\" }",
            "kek.pin_credential",
        ),
    ] {
        let said = refusal(more);
        assert!(said.contains("custodian.toml: "), "{more}: {said}");
        assert!(said.contains(says), "{more}: {said}");
        assert!(!said.contains("271828"), "{more}: {said}");
    }
}

#[test]
fn an_address_that_others_reach_needs_tls() {
    let site = Site::without_token();
    let text = fs::read_to_string(site.path("custodian.toml")).unwrap();
    for open in ["0.0.0.0:7820", "[::]:7820", "10.0.0.1:7820"] {
        let opened = text.replace("127.0.0.1:0", open);
        fs::write(site.path("custodian.toml"), opened).unwrap();
        let checked = site.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(1), "{open}");
        assert!(said(&checked).contains("[tls]"), "{}", said(&checked));
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let said = refusal("sessions = 99\n[admins]\nquorum = 1\n[deks]\ndestroy_delay = \"1s\"");
    for key in ["kek.sessions", "admins.quorum", "deks.destroy_delay"] {
        assert!(said.contains(key), "{said}");
    }
}

#[test]
fn the_environment_goes_before_the_file_and_is_checked_like_it() {
    let site = Site::without_token();
    let check = |name: &str, value: &str| {
        let mut command = site.command(&["config", "check", "--config", "custodian.toml"]);
        command.env(name, value).output().unwrap()
    };
    let sound = check("CUSTODIAN__OVERRIDES__SCHEMES", "ed25519,bip340");
    assert!(sound.status.success(), "{sound:?}");
    for (name, value) in [
        ("CUSTODIAN__AUDIT__PUBLIC_TILES", "true"),
        ("CUSTODIAN__KEK__SESSIONS", "4"),
        ("CUSTODIAN__PII__FIELDS", "actor_id, client_ip"),
    ] {
        let sound = check(name, value);
        assert!(sound.status.success(), "{sound:?}");
    }
    for (name, value, named) in [
        ("CUSTODIAN__KEK__SESSIONS", "99", "kek.sessions"),
        ("CUSTODIAN__LISTEN__ADDRESS", "0.0.0.0:1", "listen.address"),
        ("CUSTODIAN__LISTEN__ADRESS", "127.0.0.1:1", "adress"),
        ("CUSTODIAN__KEK__PIN", "1234", "kek.pin"),
        ("CUSTODIAN__KEK__PIN_PROMPT", "1234", "kek.pin_prompt"),
        ("CUSTODIAN__KEK", "1234", "kek"),
    ] {
        let refused = check(name, value);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(said(&refused).contains(named), "{}", said(&refused));
        assert!(!said(&refused).contains("1234"), "{}", said(&refused));
    }
}

#[test]
fn a_variable_that_was_meant_for_a_key_and_is_read_by_nothing_is_refused() {
    let site = Site::without_token();
    let check = |name: &str| {
        let mut command = site.command(&["config", "check", "--config", "custodian.toml"]);
        command.env(name, "1234").output().unwrap()
    };
    let example = include_str!("../../systemd/custodian.toml");
    let sections = example.lines().filter_map(|line| line.strip_prefix('['));
    let mut sections: Vec<_> = sections
        .map(|line| line.trim_end_matches(']').to_uppercase())
        .filter(|section| section != "LOG") // CUSTODIAN_LOG_FORMAT is the command's
        .collect();
    assert!(sections.len() > 5, "{sections:?}");
    sections.extend(["DATA".to_owned(), "LISTEN_".to_owned()]);
    for section in sections {
        let refused = check(&format!("CUSTODIAN_{section}_DIR"));
        assert_eq!(refused.status.code(), Some(1), "{section}");
        let wanted = match section.trim_end_matches('_') {
            "DATA" => "give CUSTODIAN__DATA_DIR,".to_owned(),
            section => format!("give CUSTODIAN__{section}__DIR,"),
        };
        assert!(said(&refused).contains(&wanted), "{}", said(&refused));
        assert!(!said(&refused).contains("1234"), "{}", said(&refused));
    }
    for another in [
        "CUSTODIAN_URL",
        "CUSTODIAN_PORT_7820_TCP",
        "CUSTODIAN_AUDIT_PORT",
        "CUSTODIAN_TLS_PORT_443_TCP",
        "CUSTODIAN_TLS_SERVICE_HOST",
        "CUSTODIANS",
        "CUSTODIAN_",
    ] {
        let sound = check(another);
        assert!(sound.status.success(), "{another}: {}", said(&sound));
    }
}

#[test]
fn what_is_no_text_in_the_environment_is_not_shown() {
    let site = Site::without_token();
    let mut command = site.command(&["config", "check", "--config", "custodian.toml"]);
    let refused = command.env("CUSTODIAN__KEK__PIN", OsStr::from_bytes(b"1234\xff"));
    let refused = refused.output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(!said(&refused).contains("1234"), "{}", said(&refused));
}

#[test]
fn a_text_of_the_environment_is_taken_as_it_is() {
    let site = Site::without_token();
    for label in ["0123", "1e5", "TRUE"] {
        let doctor = ["doctor", "--config", "custodian.toml", "--output", "json"];
        let mut command = site.command(&doctor);
        let looked = command
            .env("CUSTODIAN__KEK__TOKEN", label)
            .output()
            .unwrap();
        let looked = String::from_utf8_lossy(&looked.stdout).into_owned();
        let named = format!("no token is labelled \\\"{label}\\\"");
        assert!(looked.contains(&named), "{looked}");
    }
}

#[test]
fn a_wait_may_be_shorter_than_a_second_and_no_longer_than_is_safe() {
    let site = Site::without_token();
    let with = |wait: &str| {
        site.configure(&format!("[limits]\nkey_wait = {wait:?}\n"));
        site.run(&["config", "check"])
    };
    for wait in ["10ms", "300ms", "2s"] {
        let checked = with(wait);
        assert!(checked.status.success(), "{wait}: {}", said(&checked));
    }
    for wait in ["9ms", "31s", "-1s", "soon"] {
        let checked = with(wait);
        assert_eq!(checked.status.code(), Some(1), "{wait}");
        assert!(said(&checked).contains("key_wait"), "{}", said(&checked));
    }
}

#[test]
fn certificates_are_looked_at() {
    let site = Site::without_token();
    let authority = crate::authority::Authority::new(site.folder(), "authority");
    let (one, other) = (authority.server("one"), authority.server("other"));
    let with = |certificate: &std::path::Path, key: &std::path::Path| {
        site.configure(&format!(
            "[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"
        ));
        site.run(&["config", "check"])
    };
    assert!(with(&one.certificate, &one.key).status.success());
    let strange = with(&one.certificate, &other.key);
    assert!(
        said(&strange).contains("not a key that can serve"),
        "{}",
        said(&strange)
    );
    let absent = with(&site.path("no.crt"), &one.key);
    assert!(said(&absent).contains("no.crt"), "{}", said(&absent));
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&one.key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = with(&one.certificate, &one.key);
    assert!(said(&open).contains("chmod 600"), "{}", said(&open));
}

#[test]
fn the_example_configuration_is_sound_and_has_every_key() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/custodian.toml");
    let text = fs::read_to_string(example).unwrap();
    // What has a default stands behind a #: taken away, every key is said.
    let uncovered = |line: &str| {
        let rest = line.strip_prefix("# ").unwrap_or(line);
        let key = rest.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        let goes_on = rest.starts_with("    ");
        if key || goes_on { rest } else { line }.to_owned() + "\n"
    };
    let whole: String = text
        .lines()
        .filter(|line| !line.contains("pin_file") && !line.contains("client_ca"))
        .map(uncovered)
        .collect();
    let site = Site::without_token();
    for text in [&text, &whole] {
        fs::write(site.path("custodian.toml"), text).unwrap();
        let checked = site.run(&["config", "check"]);
        let said = said(&checked);
        // The certificates of the example are not on this machine: all else is right.
        let sound = checked.status.success() || said.contains("certificate.pem: ");
        assert!(sound, "{text}\n{said}");
    }
}
