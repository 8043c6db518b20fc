//! Every record moves, each opens before, during and after, and what cannot move is named.

use super::*;

#[test]
fn every_dek_version_in_any_state_moves_and_opens_afterwards() {
    let house = House::open();
    house.dek("plain", "aes-256-gcm");
    house.dek("hybrid", "mlkem768-x25519");
    let mut blobs = Vec::new();
    for name in ["plain", "hybrid"] {
        for _ in 0..4 {
            blobs.push((name, house.encrypt(name)));
            house.rotate_dek(name);
        }
    }
    let names: Vec<String> =
        house.column("SELECT version FROM dek_versions WHERE dek = 'plain' ORDER BY number");
    let verb = |version: &str, verb: &str| {
        let path = format!("/v1/deks/plain/versions/{version}/{verb}");
        let body = match verb {
            "destroy" => json!({"confirm": format!("plain/{version}")}),
            _ => json!({}),
        };
        house.post(&house.operator, &path, body).is(200);
    };
    verb(&names[0], "disable");
    verb(&names[1], "destroy");
    let job = house.rotate_kek();
    assert_eq!(job["status"], "done");
    let left = "SELECT count(*) FROM dek_versions WHERE kek NOT LIKE 'kek-v2-%'";
    assert_eq!(house.column::<i64>(left), [0]);
    let left = "SELECT kek FROM row_key WHERE kek LIKE 'kek-v2-%'";
    assert_eq!(house.column::<String>(left).len(), 1);
    verb(&names[0], "enable");
    verb(&names[1], "cancel-destroy");
    house.retire(1).is(200);
    for (name, blob) in &blobs {
        assert_eq!(house.decrypt(name, blob).is(200)["plaintext"], PLAINTEXT);
    }
}

#[test]
fn a_destroyed_version_has_nothing_to_move() {
    let rules = aegis_custodian::custodian::Rules {
        destroy_delay: std::time::Duration::ZERO,
        ..house::RULES
    };
    let house = House::ruled(rules);
    house.dek("plain", "aes-256-gcm");
    house.rotate_dek("plain");
    let first: Vec<String> = house.column("SELECT version FROM dek_versions WHERE number = 1");
    let path = format!("/v1/deks/plain/versions/{}/destroy", first[0]);
    let body = json!({"confirm": format!("plain/{}", first[0])});
    house.post(&house.operator, &path, body).is(200);
    assert_eq!(house.rotate_kek()["status"], "done");
    let state = "SELECT state FROM dek_versions WHERE number = 1 AND sealed IS NULL";
    assert_eq!(house.column::<String>(state), ["destroyed"]);
}

#[test]
fn nothing_of_the_old_wraps_stays_in_any_file() {
    let house = House::open();
    house.dek("plain", "aes-256-gcm");
    for _ in 0..20 {
        house.rotate_dek("plain");
    }
    const ALL: &str = "SELECT sealed FROM dek_versions
                       UNION ALL SELECT sealed FROM signing_keys WHERE sealed IS NOT NULL
                       UNION ALL SELECT sealed FROM row_key";
    let old: Vec<Vec<u8>> = house.column(ALL);
    assert!(old.len() > 21);
    assert!(old.iter().all(|sealed| house.is_somewhere(sealed)));
    house.rotate_kek();
    eventually("erased", || {
        !old.iter().any(|sealed| house.is_somewhere(sealed))
    });
    let new: Vec<Vec<u8>> = house.column(ALL);
    assert!(new.iter().all(|sealed| !old.contains(sealed)));
}

#[test]
fn a_damaged_record_stays_and_is_counted_and_all_others_move() {
    let house = House::open();
    for name in ["sound", "damaged"] {
        house.dek(name, "aes-256-gcm");
    }
    let blob = house.encrypt("sound");
    let file = house.file();
    let other = "UPDATE dek_versions SET reserved = reserved + 1 WHERE dek = 'damaged'";
    assert_eq!(file.execute(other, []).unwrap(), 1);
    let job = house.rotate_kek();
    assert_eq!(job["status"], "failed");
    assert!(text(&job["error"]).starts_with("1 record could not be moved"));
    assert_eq!(
        job["done"].as_u64().unwrap() + 1,
        job["total"].as_u64().unwrap()
    );
    assert_eq!(house.kek_version(1)["records"], 1);
    house.retire(1).is_refused(409, "conflict");
    house.decrypt("sound", &blob).is(200);
    let whole = "UPDATE dek_versions SET reserved = reserved - 1 WHERE dek = 'damaged'";
    assert_eq!(file.execute(whole, []).unwrap(), 1);
    assert_eq!(house.rotate_kek()["status"], "done");
    house.retire(1).is(200);
    house.encrypt("damaged");
    let log = house.audit();
    let ends = log
        .iter()
        .filter(|one| one["action"] == "kek.rewrap_records");
    let ends: Vec<_> = ends.map(|end| end["detail"]["unmoved"].clone()).collect();
    assert_eq!(ends, [1, 0]);
}

#[test]
fn a_dek_whose_row_is_damaged_keeps_its_versions_under_the_old_kek() {
    let house = House::open();
    house.dek("damaged", "aes-256-gcm");
    let other = "UPDATE deks SET created_at = created_at + 1";
    assert_eq!(house.file().execute(other, []).unwrap(), 1);
    let job = house.rotate_kek();
    assert_eq!(job["status"], "failed");
    assert_eq!(house.kek_version(1)["records"], 1);
}
