//! How often a key may encrypt: counted in blocks on disk, rotated by itself in time, refused beyond.

use aegis_custodian::custodian::{Encryptions, Rules};

use super::*;

fn limited(block: u64, rotate_at: u64, refuse_at: u64) -> House {
    House::ruled(Rules {
        encryptions: Encryptions {
            block,
            rotate_at,
            refuse_at,
        },
        ..house::RULES
    })
}

#[test]
fn a_dek_that_has_encrypted_enough_rotates_by_itself() {
    let house = limited(2, 6, 1_000_000);
    house.dek("telemetry", "aes-256-gcm", None);
    for _ in 0..5 {
        house.encrypt("telemetry").is(200);
    }
    eventually("rotated", || {
        house.current("telemetry").starts_with("dek-v2-")
    });
    assert!(text(&house.encrypt("telemetry").is(200)["version"]).starts_with("dek-v2-"));
}

#[test]
fn a_dek_at_its_limit_refuses_to_encrypt_and_still_decrypts_until_it_is_rotated() {
    let house = limited(4, 1_000_000, 10);
    house.dek("telemetry", "aes-256-gcm", None);
    let mut blob = Value::Null;
    for _ in 0..10 {
        blob = house.encrypt("telemetry").is(200)["ciphertext"].take();
    }
    house.encrypt("telemetry").is_refused(409, "conflict");
    house.decrypt("telemetry", &blob).is(200);
    let data_key = json!({"bytes": 32});
    let path = "/v1/deks/telemetry/data-key";
    house
        .post(&house.app, path, data_key)
        .is_refused(409, "conflict");
    house.rotate("telemetry");
    house.encrypt("telemetry").is(200);
}

#[test]
fn a_batch_counts_each_of_its_items() {
    let house = limited(4, 1_000_000, 10);
    house.dek("telemetry", "aes-256-gcm", None);
    let items = vec![json!({"plaintext": ""}); 12];
    let path = "/v1/deks/telemetry/encrypt";
    let answer = house
        .post(&house.app, path, json!({"items": items}))
        .is(200);
    let items = answer["items"].as_array().unwrap();
    let refused = |item: &&Value| item["error"]["code"] == "conflict";
    assert_eq!(items.iter().filter(refused).count(), 2);
    assert!(
        items[..10]
            .iter()
            .all(|item| item["ciphertext"].is_string())
    );
}

#[test]
fn a_hybrid_dek_has_no_such_limit() {
    let house = limited(8, 16, 16);
    house.dek("hybrid", "mlkem768-x25519", None);
    house.dek("other", "aes-256-gcm", Some("1s"));
    for _ in 0..40 {
        house.encrypt("hybrid").is(200);
    }
    house.pass(2);
    eventually("whoever does what is due was here", || {
        !house.current("other").starts_with("dek-v1-")
    });
    assert!(house.current("hybrid").starts_with("dek-v1-"));
}

#[test]
fn what_was_reserved_is_on_disk_before_it_is_used() {
    let house = limited(8, 1_000_000, 1_000_000);
    house.dek("telemetry", "aes-256-gcm", None);
    assert_eq!(reserved(&house, "dek_versions"), 0);
    for used in 1..=20_i64 {
        house.encrypt("telemetry").is(200);
        let reserved = reserved(&house, "dek_versions");
        assert!(
            reserved >= used && reserved < used + 8,
            "{used}: {reserved}"
        );
    }
}

#[test]
fn many_at_once_never_encrypt_more_than_is_reserved() {
    let house = limited(1, 1_000_000, 40);
    house.dek("telemetry", "aes-256-gcm", None);
    let done = std::thread::scope(|scope| {
        let work = || {
            (0..10)
                .filter(|_| house.encrypt("telemetry").status == 200)
                .count()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(done, 40);
    assert_eq!(reserved(&house, "dek_versions"), 40);
}

#[test]
fn a_kek_that_has_wrapped_enough_rotates_by_itself_and_nothing_is_lost() {
    let house = limited(2, 8, 1_000_000);
    house.dek("telemetry", "aes-256-gcm", None);
    let blob = house.encrypt("telemetry").is(200)["ciphertext"].take();
    let wrap = || {
        house
            .post(&house.app, "/v1/wrap", json!({"plaintext": "YQ=="}))
            .is(200)
    };
    let first = wrap();
    assert!(text(&first["kek"]).starts_with("kek-v1-"));
    eventually("the KEK rotated", || {
        text(&wrap()["kek"]).starts_with("kek-v2-")
    });
    let body = json!({"wrapped": first["wrapped"]});
    let opened = house.post(&house.app, "/v1/unwrap", body.clone()).is(200);
    assert_eq!(opened["plaintext"], "YQ==");
    let moved = house.post(&house.app, "/v1/rewrap", body).is(200);
    assert!(!text(&moved["kek"]).starts_with("kek-v1-"));
    house.decrypt("telemetry", &blob).is(200);
    house.dek("later", "aes-256-gcm", None);
    assert!(!text(&house.show("later")["versions"][0]["kek"]).starts_with("kek-v1-"));
}

#[test]
fn a_kek_at_its_limit_refuses_to_wrap_and_still_unwraps() {
    let house = limited(1, 1_000_000, 4);
    let wrap = || house.post(&house.app, "/v1/wrap", json!({"plaintext": "YQ=="}));
    // The row key and the seed of a signing key were its first encryptions.
    let kept = wrap().is(200);
    wrap().is(200);
    wrap().is_refused(409, "conflict");
    let body = json!({"name": "telemetry", "algorithm": "aes-256-gcm"});
    let refused = house.post(&house.operator, "/v1/deks", body);
    refused.is_refused(409, "conflict");
    let body = json!({"wrapped": kept["wrapped"]});
    house.post(&house.app, "/v1/unwrap", body).is(200);
}

/// How many encryptions the newest key of a table has reserved.
fn reserved(house: &House, table: &str) -> i64 {
    #[allow(clippy::disallowed_methods)] // past the store is the point
    let file = rusqlite::Connection::open(house.home.path().join("custodian.db")).unwrap();
    let sql = format!("SELECT reserved FROM {table} ORDER BY number DESC LIMIT 1");
    file.query_row(&sql, [], |row| row.get(0)).unwrap()
}
