//! The token is gone, or another is in its place.

use std::{fs, path::Path};

use aegis_custodian::kek::pkcs11::provision_token;

use crate::{
    alone::alone,
    keys::make_kek,
    scene::{Scene, aside, is_down, token_folder, tokens},
    service::eventually,
    softhsm::{MODULE, Token},
};

#[test]
fn the_token_folder_gone_and_back() {
    if alone("gone::the_token_folder_gone_and_back") {
        let scene = Scene::open();
        let (here, away) = (token_folder(), aside("away"));
        let seen = || {
            scene.is("down", "token_missing");
            is_down(&scene.decrypt());
        };
        scene.outage(
            "token directory gone",
            || fs::rename(&here, &away).unwrap(),
            seen,
            || fs::rename(&away, &here).unwrap(),
        );
        scene.was_told(&[("kek.down", "token_missing"), ("kek.up", "token_missing")]);
        scene.is("up", "");
    }
}

#[test]
fn a_token_pulled_out_of_its_slot_and_put_back() {
    if alone("gone::a_token_pulled_out_of_its_slot_and_put_back") {
        let (scene, double) = Scene::doubled();
        scene.outage(
            "token pulled out of its slot",
            || double.pull_out(),
            || scene.is("down", "token_missing"),
            || double.release(),
        );
        scene.was_told(&[("kek.down", "token_missing"), ("kek.up", "token_missing")]);
    }
}

/// Puts another token in the place of ours.
fn exchange() {
    fs::rename(tokens(), aside("ours")).unwrap();
    fs::rename(aside("theirs"), tokens()).unwrap();
}

fn put_back() {
    fs::rename(tokens(), aside("theirs")).unwrap();
    fs::rename(aside("ours"), tokens()).unwrap();
}

/// Another token, as it looks on disk: made before ours, then moved aside.
fn another(label: Option<&str>, with_key: bool) {
    let mut other = Token::unmade();
    if let Some(label) = label {
        label.clone_into(&mut other.label);
    }
    provision_token(Path::new(MODULE), &other.label, &other.pin()).unwrap();
    if with_key {
        make_kek(&other);
    }
    fs::rename(tokens(), aside("theirs")).unwrap();
    fs::create_dir_all(tokens()).unwrap();
}

fn wrong_token(what: &str, label: Option<&str>, with_key: bool, cause: &str) {
    another(label, with_key);
    let scene = Scene::open();
    scene.outage(what, exchange, || scene.is("down", cause), put_back);
    eventually("it is written down", || scene.audited().len() == 2);
    // An attempt that was under way when that token went found the token's key no more.
    let last = scene.audited().remove(1).1;
    assert!([cause, "kek_missing"].contains(&&*last), "{last}");
    scene.was_told(&[("kek.down", cause), ("kek.up", &last)]);
}

#[test]
fn a_token_of_another_label_in_the_slot() {
    if alone("gone::a_token_of_another_label_in_the_slot") {
        wrong_token("token of another label", None, false, "token_missing");
    }
}

#[test]
fn a_token_of_the_same_label_without_the_key() {
    if alone("gone::a_token_of_the_same_label_without_the_key") {
        // The scene's token is the second of its process.
        let label = Some("test-1");
        wrong_token(
            "token of the same label without keys",
            label,
            false,
            "kek_missing",
        );
    }
}

#[test]
fn a_token_of_the_same_label_with_another_key_of_the_same_name() {
    if alone("gone::a_token_of_the_same_label_with_another_key_of_the_same_name") {
        let label = Some("test-1");
        wrong_token(
            "token of the same label with other keys",
            label,
            true,
            "kek_exchanged",
        );
    }
}
