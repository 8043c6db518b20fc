//! `keygen` and `pubkey`: files under a passphrase, and everything that is not one.

use std::{fs, os::unix::fs::PermissionsExt};

use aegis_custodian::crypto::scheme::{Network, Scheme};
use age::{scrypt, secrecy::SecretString, x25519};
use serde_json::{Value, json};

use crate::{Desk, KINDS, Kind, PASSPHRASE, is_refused, names, run};

fn keygen<'a>(scheme: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["keygen", "--scheme", scheme, "--out", "new.age"], more].concat()
}

fn opened(sealed: &[u8]) -> Value {
    let identity = scrypt::Identity::new(SecretString::from(PASSPHRASE.to_owned()));
    serde_json::from_slice(&age::decrypt(&identity, sealed).unwrap()).unwrap()
}

#[test]
fn every_scheme_makes_an_age_file_that_only_its_owner_reads_and_that_gives_its_key_again() {
    for scheme in names() {
        let desk = Desk::new();
        let made = desk.done(&keygen(scheme.name(), &["--output", "json"]), "");
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = made["public_key"].as_str().unwrap();
        assert_eq!(made, json!({"scheme": scheme.name(), "public_key": text}));
        let key = scheme.public_key(text, Network::Bitcoin).unwrap();

        let path = desk.path("new.age");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = fs::read(&path).unwrap();
        assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
        let content = opened(&sealed);
        assert_eq!(content["scheme"], scheme.name());
        let address = (scheme == Scheme::Bip322Simple).then_some("p2tr");
        assert_eq!(content["address_kind"].as_str(), address);

        let table = desk.done(&["pubkey", "--key", "new.age"], "");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|row| row.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0], ["scheme", scheme.name()]);
        assert_eq!(rows[1], ["public_key", text]);
        assert_eq!(rows[2], ["fingerprint", &key.fingerprint()]);
    }
}

#[test]
fn an_address_is_of_the_kind_and_network_that_were_asked_for() {
    for (address, network, prefix) in [("p2wpkh", "regtest", "bcrt1q"), ("p2tr", "signet", "tb1p")]
    {
        let desk = Desk::new();
        let more = ["--address", address, "--network", network];
        let table = desk.done(&keygen("bip322-simple", &more), "");
        assert!(table.contains(prefix), "{table}");
        assert_eq!(desk.done(&["pubkey", "--key", "new.age"], ""), table);
    }
}

#[test]
fn a_key_file_made_elsewhere_in_the_same_form_is_opened() {
    for kind in KINDS {
        let desk = Desk::new();
        let key = desk.key(kind);
        let found = desk.done(&["pubkey", "--key", "key.age", "--output", "json"], "");
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["public_key"], key.public_key().text());
    }
}

#[test]
fn what_is_there_already_is_never_touched() {
    let desk = Desk::new();
    desk.file("new.age", "precious");
    assert!(
        desk.refused(&keygen("bip340", &[]), "")
            .contains("take another")
    );
    assert_eq!(fs::read(desk.path("new.age")).unwrap(), b"precious");
    fs::remove_file(desk.path("new.age")).unwrap();
    std::os::unix::fs::symlink("elsewhere", desk.path("new.age")).unwrap();
    desk.refused(&keygen("bip340", &[]), "");
    assert!(!desk.path("elsewhere").exists());
}

#[test]
fn a_passphrase_is_one_line_of_at_least_eight_characters() {
    let desk = Desk::new();
    for wrong in [
        "",
        "\n",
        "short\n",
        "sevenen",
        "two lines\nof text\n",
        "\nlate line",
        &"x".repeat(2000),
    ] {
        desk.file("passphrase", wrong);
        assert!(
            desk.refused(&keygen("bip340", &[]), "")
                .contains("passphrase"),
            "{wrong}"
        );
        assert!(!desk.path("new.age").exists());
    }
    fs::write(
        desk.path("passphrase"),
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7",
    )
    .unwrap();
    desk.refused(&keygen("bip340", &[]), "");
    fs::remove_file(desk.path("passphrase")).unwrap();
    assert!(
        desk.refused(&keygen("bip340", &[]), "")
            .contains("passphrase: No such file")
    );
}

#[test]
fn the_words_of_keygen_are_checked() {
    let desk = Desk::new();
    for (scheme, more) in [
        ("rsa", [].as_slice()),
        ("bip340", &["--network", "regtest"]),
        ("ed25519", &["--address", "p2tr"]),
        ("bip322-simple", &["--address", "p2sh"]),
        ("bip322-simple", &["--network", "mainnet"]),
        ("bip340", &["--output", "yaml"]),
        ("bip340", &["--passphrase", "in an argument"]),
    ] {
        desk.refused(&keygen(scheme, more), "");
        assert!(!desk.path("new.age").exists(), "{scheme} {more:?}");
    }
    assert!(
        desk.refused(&keygen("bip340", &["--network", "regtest"]), "")
            .contains("bip322-simple only")
    );
}

#[test]
fn another_passphrase_opens_nothing() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    for other in [
        "correct horse battery stapl",
        "Correct horse battery staple",
        " correct horse battery staple",
    ] {
        desk.file("passphrase", other);
        let refusal = desk.refused(&["pubkey", "--key", "key.age"], "");
        assert!(
            refusal.contains("the passphrase is not the one"),
            "{refusal}"
        );
    }
}

#[test]
fn what_is_no_key_file_is_refused() {
    let desk = Desk::new();
    let anyone = x25519::Identity::generate().to_public();
    let public = age::encrypt_and_armor(&anyone, b"{}").unwrap();
    desk.key(Kind::Bip340);
    let whole = fs::read_to_string(desk.path("key.age")).unwrap();
    let cut = &whole[..whole.len() / 2];
    let padded = format!("{whole}{}", "\n".repeat(20_000));
    for wrong in [
        "",
        "a text",
        "{\"scheme\":\"bip340\"}",
        &public,
        cut,
        &padded,
    ] {
        desk.file("wrong.age", wrong);
        let refusal = desk.refused(&["pubkey", "--key", "wrong.age"], "");
        assert!(refusal.contains("wrong.age: "), "{refusal}");
        assert!(refusal.contains("not a key file"), "{refusal}");
    }
    let missing = desk.refused(&["pubkey", "--key", "missing.age"], "");
    assert!(missing.contains("missing.age: No such file"), "{missing}");
}

#[test]
fn a_key_file_with_another_content_is_refused() {
    let desk = Desk::new();
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for wrong in [
        json!([]),
        json!({"scheme": "bip340"}),
        json!({"scheme": "rsa", "secret": secret}),
        json!({"scheme": "bip340", "secret": "BwcH"}),
        json!({"scheme": "bip340", "secret": zero}),
        json!({"scheme": "bip340", "secret": secret.trim_end_matches('=')}),
        json!({"scheme": "bip340", "secret": secret, "more": 1}),
        json!({"scheme": "bip340", "secret": secret, "network": "bitcoin"}),
        json!({"scheme": "bip322-simple", "secret": secret}),
        json!({"scheme": "bip322-simple", "secret": zero, "network": "bitcoin", "address_kind": "p2tr"}),
        json!({"scheme": "ed25519+ml-dsa-44", "secret": secret}),
    ] {
        desk.sealed("wrong.age", wrong.to_string().as_bytes());
        let refusal = desk.refused(&["pubkey", "--key", "wrong.age"], "");
        assert!(refusal.contains("wrong.age: "), "{refusal}");
    }
}

#[test]
fn a_file_that_would_take_gibibytes_to_open_is_refused_at_once() {
    let desk = Desk::new();
    let mut recipient = scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    recipient.set_work_factor(4);
    let sealed = age::encrypt(&recipient, b"{}").unwrap();
    // The header's first line but one ends in the work factor.
    let mut lines = sealed.splitn(3, |byte| *byte == b'\n');
    let (version, stanza, rest) = (
        lines.next().unwrap(),
        lines.next().unwrap(),
        lines.next().unwrap(),
    );
    let stanza = [stanza.strip_suffix(b"4").unwrap(), b"30"].concat();
    fs::write(
        desk.path("heavy.age"),
        [version, &stanza, rest].join(&b'\n'),
    )
    .unwrap();
    let refusal = desk.refused(&["pubkey", "--key", "heavy.age"], "");
    assert!(refusal.contains("1 GiB"), "{refusal}");
}

#[test]
fn every_command_helps() {
    let desk = Desk::new();
    for command in ["keygen", "pubkey", "sign", "reject"] {
        let output = run(desk.0.path(), &[command, "--help"], "");
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("--passphrase-file"), "{help}");
        is_refused(&run(desk.0.path(), &[command], ""));
    }
}
