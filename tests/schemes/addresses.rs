//! Addresses: of the configured network, P2TR or P2WPKH, one text for each.

use aegis_custodian::crypto::scheme::{AddressKind, Kind, Network, Scheme};
use bitcoin::{
    Address, ScriptBuf, WitnessProgram, WitnessVersion, hashes::Hash, key::TweakedPublicKey,
};

use crate::{M, P2TR, P2WPKH, complaint, read, signing_key};

fn on(network: Network, address: AddressKind) -> String {
    let kind = Kind::Bip322Simple { network, address };
    signing_key(kind, 7).public_key().text().to_owned()
}

#[test]
fn only_addresses_of_the_configured_network_are_taken() {
    let prefix = |network| match network {
        Network::Bitcoin => "bc1",
        Network::Regtest => "bcrt1",
        Network::Signet | Network::Testnet => "tb1",
    };
    for address in AddressKind::ALL {
        for of in Network::ALL {
            let text = on(*of, *address);
            assert!(text.starts_with(prefix(*of)), "{text}");
            for configured in Network::ALL {
                let read = Scheme::Bip322Simple.public_key(&text, *configured);
                match read {
                    Ok(_) => assert_eq!(prefix(*of), prefix(*configured)),
                    Err(error) => {
                        assert_ne!(prefix(*of), prefix(*configured));
                        assert!(error.to_string().contains("another Bitcoin network"));
                    }
                }
            }
        }
    }
}

#[test]
fn an_address_in_upper_case_is_the_same_address_and_in_mixed_case_none() {
    for kind in [P2TR, P2WPKH] {
        let key = signing_key(kind, 7);
        let lower = key.public_key().text();
        let upper = read(Scheme::Bip322Simple, &lower.to_uppercase()).unwrap();
        assert_eq!(upper.text(), lower);
        assert_eq!(upper.fingerprint(), key.public_key().fingerprint());
        assert_eq!(upper.components(), key.public_key().components());
        assert!(upper.verify(&M, &key.sign(&M).unwrap()).is_ok());
        for mixed in [
            format!("BC1{}", &lower[3..]),
            format!("bc1{}", lower[3..].to_uppercase()),
            format!("{}{}", &lower[..20], lower[20..].to_uppercase()),
        ] {
            assert!(read(Scheme::Bip322Simple, &mixed).is_err(), "{mixed}");
        }
    }
}

#[test]
fn an_address_of_any_other_kind_is_refused() {
    let program = |version, bytes: &[u8]| {
        let program = WitnessProgram::new(version, bytes).unwrap();
        Address::from_witness_program(program, bitcoin::Network::Bitcoin).to_string()
    };
    let p2sh = ScriptBuf::new().script_hash();
    let others = [
        "14vV3aCHBeStb5bkenkNHbe2YAFinYdXgc".to_owned(),
        Address::p2sh_from_hash(p2sh, bitcoin::Network::Bitcoin).to_string(),
        Address::p2wsh(&ScriptBuf::new(), bitcoin::Network::Bitcoin).to_string(),
        program(WitnessVersion::V1, &[0x4e, 0x73]),
        program(WitnessVersion::V1, &[7; 20]),
        program(WitnessVersion::V1, &[7; 33]),
        program(WitnessVersion::V2, &[7; 32]),
        program(WitnessVersion::V16, &[7; 32]),
    ];
    for address in others {
        let complaint = complaint(Scheme::Bip322Simple, &address);
        assert!(
            complaint.contains("only P2TR and P2WPKH"),
            "{address}: {complaint}"
        );
    }
}

#[test]
fn a_taproot_address_whose_key_is_off_the_curve_is_refused() {
    for x in [
        {
            let mut five = [0; 32];
            five[31] = 5;
            five
        },
        [0xff; 32],
        [0; 32],
    ] {
        let program = WitnessProgram::new(WitnessVersion::V1, &x).unwrap();
        let address = Address::from_witness_program(program, bitcoin::Network::Bitcoin);
        let complaint = complaint(Scheme::Bip322Simple, &address.to_string());
        assert!(complaint.contains("not the x coordinate"), "{complaint}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let address = on(Network::Bitcoin, AddressKind::P2tr);
    let mistyped = format!("{}q{}", &address[..30], &address[31..]);
    let long = "bc1".to_owned() + &"q".repeat(1 << 20);
    // A version 1 program under the checksum of version 0 (BIP-350's own example).
    let old = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd";
    for text in [
        "",
        "bc1",
        "é",
        &format!(" {address}"),
        &format!("{address}\n"),
        &mistyped,
        &long,
        old,
    ] {
        let complaint = complaint(Scheme::Bip322Simple, text);
        assert!(complaint.contains("not a Bitcoin address"), "{complaint}");
    }
}

#[test]
fn a_taproot_address_is_the_one_of_bip_86() {
    // BIP-86, first receiving address: internal key and address.
    let internal = "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115";
    let address = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
    let output = "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c";
    let key = read(Scheme::Bip322Simple, address).unwrap();
    assert!(key.components().contains(&format!("secp256k1-x:{output}")));
    let bare = read(
        Scheme::Bip340,
        &crate::base64(&hex::decode(internal).unwrap()),
    )
    .unwrap();
    assert!(bare.components().contains(&format!("secp256k1-x:{output}")));
    let output = hex::decode(output).unwrap();
    let output = bitcoin::XOnlyPublicKey::from_slice(&output).unwrap();
    let output = TweakedPublicKey::dangerous_assume_tweaked(output);
    let found = Address::p2tr_tweaked(output, bitcoin::Network::Bitcoin);
    assert_eq!(found.to_string(), address);
}

#[test]
fn a_p2wpkh_address_has_its_program_as_component() {
    // BIP-173: the program of its first example is the hash160 of the generator.
    let key = read(
        Scheme::Bip322Simple,
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
    )
    .unwrap();
    let hash = bitcoin::hashes::hash160::Hash::hash(
        &hex::decode("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").unwrap(),
    );
    assert_eq!(
        key.components(),
        [format!("secp256k1-h:{}", hex::encode(hash.as_byte_array()))]
    );
}
