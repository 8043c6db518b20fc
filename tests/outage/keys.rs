//! KEK objects that are deleted, exchanged or weakened in the token.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use aegis_custodian::kek::KekKeeper;
use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};

use crate::{
    alone::alone,
    scene::{Scene, is_down, token_folder},
    softhsm::Token,
};

/// The version that a house makes first: its clock stands still on that day.
const KEK: &str = "kek-v1-20261118";

/// Makes a whole key of the name of a house's first KEK.
pub fn make_kek(token: &Token) {
    token.open(1).create(&KEK.parse().unwrap()).unwrap();
}

fn found(session: &Session) -> Vec<ObjectHandle> {
    let wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Id(KEK.into()),
    ];
    session.find_objects(&wanted).unwrap()
}

/// Makes a key of the KEK's name with other attributes than it must have.
fn make_weak(session: &Session, weak: &Attribute) {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(32.into()),
        Attribute::Id(KEK.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ];
    let strong = [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
        Attribute::Modifiable(false),
    ];
    let kind = |one: &Attribute| one.attribute_type();
    template.extend(strong.into_iter().filter(|one| kind(one) != kind(weak)));
    template.push(weak.clone());
    session
        .generate_key(&Mechanism::AesKeyGen, &template)
        .unwrap();
}

fn objects(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let read = |file: PathBuf| (file.clone(), fs::read(file).unwrap());
    files.map(read).collect()
}

/// Puts a token's folder back as it was.
fn restore(folder: &Path, before: &BTreeMap<PathBuf, Vec<u8>>) {
    for file in objects(folder)
        .keys()
        .filter(|file| !before.contains_key(*file))
    {
        fs::remove_file(file).unwrap();
    }
    for (file, bytes) in before {
        fs::write(file, bytes).unwrap();
    }
}

fn changed(what: &str, change: impl Fn(&Session), cause: &str) {
    let scene = Scene::open();
    let folder = token_folder();
    scene.beside(|session| assert_eq!(found(session).len(), 1, "{what}"));
    let before = objects(&folder);
    let seen = || {
        scene.is("down", cause);
        is_down(&scene.decrypt());
        let detail = scene.unwrap().json()["detail"].to_string();
        assert!(detail.contains("operator"), "{detail}");
    };
    scene.outage(
        what,
        || scene.beside(&change),
        seen,
        || restore(&folder, &before),
    );
    scene.was_told(&[("kek.down", cause), ("kek.up", cause)]);
}

#[test]
fn the_kek_object_deleted_and_put_back() {
    if alone("keys::the_kek_object_deleted_and_put_back") {
        let delete = |session: &Session| session.destroy_object(found(session)[0]).unwrap();
        changed("KEK object deleted", delete, "kek_missing");
    }
}

#[test]
fn the_kek_exchanged_for_one_that_wraps_keys() {
    if alone("keys::the_kek_exchanged_for_one_that_wraps_keys") {
        let exchange = |session: &Session| {
            session.destroy_object(found(session)[0]).unwrap();
            make_weak(session, &Attribute::Wrap(true));
        };
        changed("KEK exchanged for one with CKA_WRAP", exchange, "kek_weak");
    }
}

#[test]
fn the_kek_exchanged_for_one_that_can_be_extracted() {
    if alone("keys::the_kek_exchanged_for_one_that_can_be_extracted") {
        let exchange = |session: &Session| {
            session.destroy_object(found(session)[0]).unwrap();
            make_weak(session, &Attribute::Extractable(true));
        };
        changed("KEK exchanged for an extractable one", exchange, "kek_weak");
    }
}

#[test]
fn a_second_key_of_the_same_name_beside_the_kek() {
    if alone("keys::a_second_key_of_the_same_name_beside_the_kek") {
        let double = |session: &Session| make_weak(session, &Attribute::Wrap(true));
        changed("second key beside the KEK", double, "kek_doubled");
    }
}
