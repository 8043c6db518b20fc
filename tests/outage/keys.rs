//! KEK objects that are deleted, exchanged or weakened in the token.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aegis_custodian::kek::KekKeeper;
use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use serde_json::json;

use crate::{
    alone::alone,
    double::Double,
    scene::{AT_ONCE, SOON, Scene, aside, is_down, token_folder},
    service::{Answer, eventually},
    softhsm::Token,
    watch::Watch,
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

/// CKA_CLASS, a number, CKO_PRIVATE_KEY, as SoftHSM writes it.
const PRIVATE_KEY: [u8; 24] = {
    let mut written = [0; 24];
    written[15] = 2;
    written[23] = 3;
    written
};

fn private_keys(folder: &Path) -> Vec<PathBuf> {
    let is_one = |file: &[u8]| file.windows(24).any(|part| part == PRIVATE_KEY);
    let files = objects(folder).into_iter();
    let keys = files.filter(|(_, file)| is_one(file));
    keys.map(|(file, _)| file).collect()
}

fn objects(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let read = |file: PathBuf| (file.clone(), fs::read(file).unwrap());
    files.map(read).collect()
}

/// Puts a token's objects back as they were. What was exchanged comes back in one step: at no moment are both there, or
/// neither, which would be another cause.
fn restore(folder: &Path, before: &BTreeMap<PathBuf, Vec<u8>>) {
    let now = objects(folder);
    let mut extra: Vec<_> = now
        .keys()
        .filter(|file| !before.contains_key(*file))
        .collect();
    for (file, bytes) in before
        .iter()
        .filter(|(file, bytes)| now.get(*file) != Some(*bytes))
    {
        let is_like = |one: &&PathBuf| one.extension() == file.extension();
        let place = match extra.iter().position(is_like) {
            Some(at) if !now.contains_key(file) => extra.remove(at),
            Some(_) | None => file,
        };
        fs::write(aside("restored"), bytes).unwrap();
        fs::rename(aside("restored"), place).unwrap();
    }
    for file in extra {
        fs::remove_file(file).unwrap();
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
    eventually("it is written down", || scene.audited().len() == 2);
    // In the token an exchange is two steps, and between them no key has that name.
    let first = scene.audited().remove(0).1;
    assert!([cause, "kek_missing"].contains(&&*first), "{first}");
    scene.was_told(&[("kek.down", &first), ("kek.up", cause)]);
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

fn rotate(scene: &Scene) {
    let house = &scene.house;
    let begun = house.post(&house.operator, "/v1/kek/rotate", json!({}));
    let path = begun.header("location").unwrap().to_owned();
    begun.is(202);
    eventually("the job ends", || {
        house.get(&house.operator, &path).is(200)["status"] == "done"
    });
}

fn wrap(scene: &Scene) -> Answer {
    let (house, body) = (&scene.house, json!({"plaintext": "YQ=="}));
    house.post(&house.app, "/v1/wrap", body)
}

#[test]
fn a_lost_version_that_is_retired_keeps_the_token_down_no_longer() {
    if alone("keys::a_lost_version_that_is_retired_keeps_the_token_down_no_longer") {
        let scene = Scene::open();
        for _ in 0..3 {
            rotate(&scene);
        }
        scene.beside(|session| session.destroy_object(found(session)[0]).unwrap());
        scene.is("down", "kek_missing");
        let house = &scene.house;
        let path = format!("/v1/kek/versions/{KEK}/retire");
        let body = json!({"confirm": KEK});
        house.post(&house.operator, &path, body).is(200);
        let retired = Watch::start();
        eventually("it is up", || wrap(&scene).status == 200);
        assert!(retired.elapsed() < SOON, "{:?}", retired.elapsed());
        scene.decrypt().is(200);
        scene.unwrap().is_refused(410, "destroyed");
        scene.is("up", "");
    }
}

#[test]
fn signing_keys_that_went_away_and_came_back_sign_again_by_themselves() {
    if alone("keys::signing_keys_that_went_away_and_came_back_sign_again_by_themselves") {
        let scene = Scene::open();
        let sign = || {
            let (house, body) = (&scene.house, json!({"tools": [{"name": "add"}]}));
            house.post(&house.app, "/v1/mcp/tools/sign", body)
        };
        sign().is(200);
        let (keys, away) = (private_keys(&token_folder()), aside("away"));
        assert!(keys.len() >= 2, "{keys:?}");
        fs::create_dir(&away).unwrap();
        let aside = |key: &PathBuf| away.join(key.file_name().unwrap());
        for key in &keys {
            fs::rename(key, aside(key)).unwrap();
        }
        is_down(&sign());
        scene.is("degraded", "signing_key_unusable");
        let begun = Watch::start();
        while begun.elapsed() < SOON {
            is_down(&sign());
            wrap(&scene).is(200);
            thread::sleep(Duration::from_millis(100));
        }
        for key in &keys {
            fs::rename(aside(key), key).unwrap();
        }
        let returned = Watch::start();
        eventually("it signs", || {
            wrap(&scene).is(200);
            sign().status == 200
        });
        assert!(returned.elapsed() < SOON, "{:?}", returned.elapsed());
        scene.is("up", "");
    }
}

#[test]
fn wraps_go_on_while_the_keys_of_a_rotation_are_found_slowly() {
    if alone("keys::wraps_go_on_while_the_keys_of_a_rotation_are_found_slowly") {
        let token = Token::new();
        let double = Double::new(&token);
        let kek = double.open(4);
        let scene = Scene::on(token, kek);
        rotate(&scene);
        rotate(&scene);
        double.sleep("C_FindObjectsInit", 1000);
        thread::scope(|scope| {
            let rotation = scope.spawn(|| rotate(&scene));
            while !rotation.is_finished() {
                let begun = Watch::start();
                wrap(&scene).is(200);
                assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
            }
            rotation.join().unwrap();
        });
        double.release();
    }
}
