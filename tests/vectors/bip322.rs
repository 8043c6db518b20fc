//! BIP-322's `basic-test-vectors.json`: the simple format for the addresses that we take.

use aegis_custodian::crypto::scheme::{AddressKind, Kind, Network, SigningKey, bip322_simple::Key};
use aegis_custodian::secret::Plaintext;
use bitcoin::{Address, PrivateKey};
use serde_json::Value;

use crate::vectors;

fn list(name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(&vectors("bip-0322-basic.json")).unwrap();
    file[name].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap()
}

fn taken(vector: &Value) -> bool {
    ["p2tr", "p2wpkh"].contains(&text(vector, "type"))
}

#[test]
fn every_simple_signature_for_an_address_of_ours_is_valid_with_and_without_its_prefix() {
    let mut checked = 0;
    for vector in list("simple").iter().filter(|vector| taken(vector)) {
        let key = Key::read(text(vector, "address"), Network::Bitcoin).unwrap();
        for signature in vector["bip322_signatures"].as_array().unwrap() {
            let signature = signature.as_str().unwrap();
            let bare = signature.strip_prefix("smp").unwrap_or(signature);
            for signature in [bare, &format!("smp{bare}")] {
                let message = text(vector, "message");
                assert!(key.verify_text(message, signature).is_ok(), "{signature}");
                assert!(
                    key.verify_text("another", signature).is_err(),
                    "{signature}"
                );
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 10);
}

#[test]
fn a_multisig_address_is_not_taken() {
    let vectors = list("simple");
    let others = vectors.iter().filter(|vector| !taken(vector));
    let refused = others.filter(|vector| {
        let key = Key::read(text(vector, "address"), Network::Bitcoin);
        key.unwrap_err()
            .to_string()
            .contains("only P2TR and P2WPKH")
    });
    assert_eq!(refused.count(), 1);
}

#[test]
fn every_signature_in_error_is_refused() {
    let (mut by_address, mut by_signature) = (0, 0);
    for vector in list("error") {
        let Ok(key) = Key::read(text(&vector, "address"), Network::Bitcoin) else {
            by_address += 1;
            continue;
        };
        let judged = key.verify_text(text(&vector, "message"), text(&vector, "signature"));
        assert!(judged.is_err(), "{}", text(&vector, "description"));
        by_signature += 1;
    }
    assert_eq!((by_address, by_signature), (2, 6));
}

#[test]
fn the_full_format_and_proofs_of_funds_are_refused() {
    for vector in list("simple").iter().filter(|vector| taken(vector)) {
        let key = Key::read(text(vector, "address"), Network::Bitcoin).unwrap();
        let signature = vector["bip322_signatures"][0].as_str().unwrap();
        let bare = signature.strip_prefix("smp").unwrap_or(signature);
        for prefix in ["ful", "pof"] {
            let judged = key.verify_text(text(vector, "message"), &format!("{prefix}{bare}"));
            assert!(judged.unwrap_err().to_string().contains("simple format"));
        }
    }
}

#[test]
fn the_messages_and_transactions_hash_to_what_the_bip_says() {
    let vectors = list("tx_hashes");
    for vector in &vectors {
        let message = text(vector, "message");
        let hash = bip322::tagged_hash(bip322::BIP322_TAG, message);
        assert_eq!(hex::encode(hash), text(vector, "message_hash"));
        let address: Address<_> = text(vector, "address").parse().unwrap();
        let to_spend = bip322::create_to_spend(&address.assume_checked(), message).unwrap();
        let wanted = text(vector, "to_spend_tx_hash");
        assert_eq!(to_spend.compute_txid().to_string(), wanted);
    }
    assert_eq!(vectors.len(), 3);
}

#[test]
fn the_private_keys_lead_to_their_addresses() {
    let mut derived = 0;
    for vector in list("simple").iter().filter(|vector| taken(vector)) {
        let key = PrivateKey::from_wif(vector["private_keys"][0].as_str().unwrap()).unwrap();
        let kind = Kind::Bip322Simple {
            network: Network::Bitcoin,
            address: AddressKind::named(text(vector, "type")).unwrap(),
        };
        let key = SigningKey::new(kind, Plaintext::new(key.to_bytes())).unwrap();
        assert_eq!(key.public_key().text(), text(vector, "address"));
        derived += 1;
    }
    assert_eq!(derived, 3);
}
