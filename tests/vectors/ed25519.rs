//! Wycheproof's Ed25519 vectors: strict verification judges every one of them as they say.

use aegis_custodian::crypto::ed25519::{check_key, verify};

use crate::{Case, unhex};

#[test]
fn every_signature_is_judged_as_wycheproof_says() {
    let (mut valid, mut cut) = (0, 0);
    let cases = Case::all("wycheproof-ed25519_test.json");
    for case in &cases {
        let key = unhex(case.group["publicKey"]["pk"].as_str().unwrap());
        let key: [u8; 32] = key.try_into().unwrap();
        // Another length never gets as far as the primitive: the type refuses it.
        let signature: Result<[u8; 64], _> = case.bytes("sig").try_into();
        cut += usize::from(signature.is_err());
        let judged = signature.is_ok_and(|it| verify(&key, &case.bytes("msg"), &it).is_ok());
        assert_eq!(judged, case.is_valid(), "test {}", case.id);
        assert!(check_key(&key).is_ok(), "test {}", case.id);
        valid += usize::from(judged);
    }
    assert_eq!((cases.len(), valid, cut), (151, 88, 12));
}
