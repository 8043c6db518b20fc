//! BIP-322 witnesses: exactly the stack that the BIP's simple format has for the address.

use bitcoin::{
    Address, EcdsaSighashType, PrivateKey, TapSighashType, Witness,
    consensus::encode::serialize,
    key::{Keypair, Secp256k1, TapTweak},
    secp256k1::{Message, SecretKey},
    sighash::{Prevouts, SighashCache},
};

use crate::{M, P2TR, P2WPKH, base64, refusal, signing_key, unbase64};

fn witness(signature: &str) -> Vec<Vec<u8>> {
    let bytes = unbase64(signature.strip_prefix("smp").unwrap());
    bitcoin::consensus::deserialize::<Witness>(&bytes)
        .unwrap()
        .to_vec()
}

fn text(items: &[Vec<u8>]) -> String {
    format!("smp{}", base64(&serialize(&Witness::from_slice(items))))
}

/// The transaction that a wallet signs, and the output that it spends.
fn to_sign(address: &str) -> (bitcoin::Transaction, bitcoin::TxOut) {
    let address: Address<_> = address.parse().unwrap();
    let to_spend = bip322::create_to_spend(&address.assume_checked(), hex::encode(M)).unwrap();
    let to_sign = bip322::create_to_sign(&to_spend, None, bip322::LockParams::default()).unwrap();
    (to_sign.unsigned_tx, to_spend.output[0].clone())
}

/// A Taproot signature that a wallet could make under any sighash type.
fn key_path(sighash: TapSighashType) -> Vec<u8> {
    let (transaction, output) = to_sign(signing_key(P2TR, 7).public_key().text());
    let hash = SighashCache::new(&transaction)
        .taproot_key_spend_signature_hash(0, &Prevouts::All(&[output]), sighash)
        .unwrap();
    let secp = Secp256k1::new();
    let pair = Keypair::from_seckey_slice(&secp, &[7; 32])
        .unwrap()
        .tap_tweak(&secp, None);
    let signature = secp.sign_schnorr_no_aux_rand(&Message::from(hash), &pair.to_keypair());
    signature.serialize().to_vec()
}

/// A P2WPKH signature that a wallet could make under any sighash type.
fn ecdsa(sighash: EcdsaSighashType, high: bool) -> Vec<u8> {
    let (transaction, output) = to_sign(signing_key(P2WPKH, 7).public_key().text());
    let hash = SighashCache::new(&transaction)
        .p2wpkh_signature_hash(0, &output.script_pubkey, output.value, sighash)
        .unwrap();
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let signature = Secp256k1::new().sign_ecdsa(&Message::from(hash), &secret);
    let mut bytes = if high {
        negated(&signature.serialize_der())
    } else {
        signature.serialize_der().to_vec()
    };
    bytes.push(u8::try_from(sighash.to_u32()).unwrap());
    bytes
}

/// The same signature with the other s, which the curve takes as well.
fn negated(der: &[u8]) -> Vec<u8> {
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let mut compact = bitcoin::secp256k1::ecdsa::Signature::from_der(der)
        .unwrap()
        .serialize_compact();
    let mut borrow = 0;
    for (byte, order) in compact[32..]
        .iter_mut()
        .zip(hex::decode(ORDER).unwrap())
        .rev()
    {
        let difference = i16::from(order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&compact).unwrap();
    signature.serialize_der().to_vec()
}

#[test]
fn a_taproot_signature_under_the_default_or_all_is_taken_and_no_other() {
    let key = signing_key(P2TR, 7);
    let verify = |items: &[Vec<u8>]| key.public_key().verify(&M, &text(items));
    assert!(verify(&[key_path(TapSighashType::Default)]).is_ok());
    for sighash in [
        TapSighashType::All,
        TapSighashType::None,
        TapSighashType::Single,
        TapSighashType::AllPlusAnyoneCanPay,
        TapSighashType::NonePlusAnyoneCanPay,
        TapSighashType::SinglePlusAnyoneCanPay,
    ] {
        let item = [key_path(sighash), vec![sighash as u8]].concat();
        let verified = verify(&[item]).is_ok();
        assert_eq!(verified, sighash == TapSighashType::All, "{sighash}");
    }
    // BIP-341: the default is said by saying nothing.
    let item = [key_path(TapSighashType::Default), vec![0]].concat();
    assert!(refusal(key.public_key(), &text(&[item])).contains("sighash types"));
}

#[test]
fn a_p2wpkh_signature_under_all_with_a_low_s_is_taken_and_no_other() {
    let key = signing_key(P2WPKH, 7);
    let public = witness(&key.sign(&M).unwrap())[1].clone();
    let verify = |signature: Vec<u8>| {
        let items = [signature, public.clone()];
        key.public_key().verify(&M, &text(&items)).is_ok()
    };
    assert!(verify(ecdsa(EcdsaSighashType::All, false)));
    assert!(!verify(ecdsa(EcdsaSighashType::All, true)));
    for sighash in [
        EcdsaSighashType::None,
        EcdsaSighashType::Single,
        EcdsaSighashType::AllPlusAnyoneCanPay,
        EcdsaSighashType::NonePlusAnyoneCanPay,
        EcdsaSighashType::SinglePlusAnyoneCanPay,
    ] {
        assert!(!verify(ecdsa(sighash, false)), "{sighash}");
    }
}

#[test]
fn a_witness_of_another_number_of_elements_is_refused() {
    for kind in [P2TR, P2WPKH] {
        let key = signing_key(kind, 7);
        let items = witness(&key.sign(&M).unwrap());
        let with = |more: Vec<u8>| [items.clone(), vec![more]].concat();
        for wrong in [
            vec![],
            items[1..].to_vec(),
            with(vec![]),
            with(vec![0x50]), // an annex (BIP-341)
            [vec![vec![]], items.clone()].concat(),
        ] {
            let refusal = refusal(key.public_key(), &text(&wrong));
            assert!(refusal.contains("element"), "{refusal}");
        }
    }
    // A script path: script and control block (BIP-341).
    let key = signing_key(P2TR, 7);
    let wrong = [vec![0x51], [vec![0xc0], vec![7; 32]].concat()];
    assert!(refusal(key.public_key(), &text(&wrong)).contains("no script"));
}

#[test]
fn bytes_after_the_witness_cut_witnesses_and_loose_counts_are_refused() {
    for kind in [P2TR, P2WPKH] {
        let key = signing_key(kind, 7);
        let signature = key.sign(&M).unwrap();
        let bytes = unbase64(&signature[3..]);
        let refused = |bytes: &[u8]| {
            let refusal = refusal(key.public_key(), &format!("smp{}", base64(bytes)));
            assert!(refusal.contains("one witness stack"), "{refusal}");
        };
        refused(&[bytes.as_slice(), &[0]].concat());
        for length in 0..bytes.len() {
            refused(&bytes[..length]);
        }
        // The same count in three bytes, a count of 2^64 - 1, and one of 2^32 - 1.
        let (count, rest) = bytes.split_first().unwrap();
        if kind == P2TR {
            refused(&[&[0xfd, *count, 0], rest].concat());
        }
        refused(&[[0xff; 9].as_slice(), &rest[..50]].concat());
        refused(&[[0xfe, 0xff, 0xff, 0xff, 0xff].as_slice(), &rest[..50]].concat());
    }
}

#[test]
fn bits_left_over_in_base64_are_zero() {
    let key = signing_key(P2TR, 7);
    let signature = key.sign(&M).unwrap();
    let bare = signature.strip_suffix("==").unwrap();
    let (head, last) = bare.split_at(bare.len() - 1);
    assert_eq!(last, "Q");
    for other in "RSTUVWXYZabcdef".chars() {
        let refusal = refusal(key.public_key(), &format!("{head}{other}=="));
        assert!(refusal.contains("canonical"), "{refusal}");
    }
}

#[test]
fn other_formats_other_prefixes_and_long_texts_are_refused() {
    for kind in [P2TR, P2WPKH] {
        let key = signing_key(kind, 7);
        let signature = key.sign(&M).unwrap();
        let bare = signature.strip_prefix("smp").unwrap();
        assert!(key.public_key().verify(&M, bare).is_ok());
        for prefix in ["ful", "pof"] {
            let refusal = refusal(key.public_key(), &format!("{prefix}{bare}"));
            assert!(refusal.contains("simple format"), "{refusal}");
        }
        for prefix in ["smpsmp", "SMP", "Smp", " smp", "smp ", "smq"] {
            let verified = key.public_key().verify(&M, &format!("{prefix}{bare}"));
            assert!(verified.is_err(), "{prefix}");
        }
        let long = format!("smp{}", "A".repeat(1 << 20));
        assert!(refusal(key.public_key(), &long).contains("151 characters"));
    }
}

#[test]
fn an_uncompressed_or_another_key_in_the_witness_is_refused() {
    let key = signing_key(P2WPKH, 7);
    let items = witness(&key.sign(&M).unwrap());
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let secp = Secp256k1::new();
    let uncompressed = PrivateKey::new_uncompressed(secret, bitcoin::Network::Bitcoin);
    let uncompressed = uncompressed.public_key(&secp).to_bytes();
    let other = witness(&signing_key(P2WPKH, 8).sign(&M).unwrap())[1].clone();
    let mut hybrid = items[1].clone();
    hybrid[0] = 6;
    let mut flipped = items[1].clone();
    flipped[0] ^= 1;
    for wrong in [
        uncompressed,
        other,
        hybrid,
        flipped,
        items[1][1..].to_vec(),
        vec![],
    ] {
        let wrong = text(&[items[0].clone(), wrong]);
        assert!(key.public_key().verify(&M, &wrong).is_err());
    }
    assert!(refusal(key.public_key(), &text(&[vec![], items[1].clone()])).contains("sighash"));
}
