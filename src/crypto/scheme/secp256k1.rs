//! The forms by which one secp256k1 key could come back under another scheme or address.

use bitcoin::{
    hashes::{Hash, hash160},
    key::{Secp256k1, TapTweak, XOnlyPublicKey},
};

/// The components of an x-only key: itself, its BIP-86 output key, and the hash160 of both its compressed forms.
pub(super) fn components(x: &[u8; 32]) -> Vec<String> {
    let compressed = |sign: u8| hash160::Hash::hash(&[&[sign], x.as_slice()].concat());
    let mut components = vec![
        key(x),
        hash(compressed(2).as_byte_array()),
        hash(compressed(3).as_byte_array()),
    ];
    components.extend(output_key(x).map(|output| key(&output)));
    components
}

/// The component of a P2WPKH program.
pub(super) fn hash(program: &[u8; 20]) -> String {
    format!("secp256k1-h:{}", hex::encode(program))
}

fn key(x: &[u8; 32]) -> String {
    format!("secp256k1-x:{}", hex::encode(x))
}

/// The key of the Taproot output without scripts (BIP-86); none for what is no key.
fn output_key(x: &[u8; 32]) -> Option<[u8; 32]> {
    let internal = XOnlyPublicKey::from_slice(x).ok()?;
    let (output, _) = internal.tap_tweak(&Secp256k1::verification_only(), None);
    Some(output.serialize())
}
