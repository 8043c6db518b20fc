//! BIP-340's `test-vectors.csv`.

use aegis_custodian::crypto::bip340::{check_key, public_key, sign_with, verify};

use crate::{unhex, vectors};

struct Row {
    index: String,
    secret: Option<[u8; 32]>,
    public: [u8; 32],
    auxiliary: Vec<u8>,
    message: Vec<u8>,
    signature: [u8; 64],
    valid: bool,
}

fn rows() -> Vec<Row> {
    let read = |line: &str| {
        let fields: Vec<&str> = line.splitn(8, ',').collect();
        Row {
            index: fields[0].to_owned(),
            secret: unhex(fields[1]).try_into().ok(),
            public: unhex(fields[2]).try_into().unwrap(),
            auxiliary: unhex(fields[3]),
            message: unhex(fields[4]),
            signature: unhex(fields[5]).try_into().unwrap(),
            valid: fields[6] == "TRUE",
        }
    };
    vectors("bip-0340.csv").lines().skip(1).map(read).collect()
}

#[test]
fn every_signature_is_judged_as_the_bip_says() {
    let rows = rows();
    for row in &rows {
        let judged = verify(&row.public, &row.message, &row.signature).is_ok();
        assert_eq!(judged, row.valid, "vector {}", row.index);
    }
    assert_eq!(
        (rows.len(), rows.iter().filter(|row| row.valid).count()),
        (19, 9)
    );
}

#[test]
fn every_signature_is_made_as_the_bip_says() {
    let signed = rows().into_iter().filter_map(|row| {
        let secret = row.secret?;
        let auxiliary = row.auxiliary.as_slice().try_into().unwrap();
        let signature = sign_with(&secret, &row.message, auxiliary).unwrap();
        assert_eq!(signature, row.signature, "vector {}", row.index);
        assert_eq!(
            public_key(&secret).unwrap(),
            row.public,
            "vector {}",
            row.index
        );
        Some(())
    });
    assert_eq!(signed.count(), 8);
}

#[test]
fn the_keys_that_are_none_are_refused() {
    let refused = rows()
        .into_iter()
        .filter(|row| check_key(&row.public).is_err());
    let refused: Vec<String> = refused.map(|row| row.index).collect();
    assert_eq!(refused, ["5", "14"]);
}
