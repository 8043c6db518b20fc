//! What was encrypted comes back, under its own key and context and no other.

use aegis_custodian::crypto::{
    aes_gcm,
    blob::{DekBlob, DekBlobKind},
    canonical,
    hybrid::{Opener, Sealer},
};
use proptest::prelude::*;

use crate::{
    config, few,
    given::{self, bytes, dek_name, dek_version, meaning},
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_aes_blob_opens_with_its_context_and_with_no_other(
        key in any::<[u8; 32]>(), name in dek_name(), version in dek_version(), plaintext in bytes(3000),
        context in given::context(), other in given::context(),
    ) {
        let (Some(meant), Some(else_meant)) = (meaning(&context), meaning(&other)) else { return Ok(()) };
        let canonical = |context| canonical::context(Some(context)).unwrap();
        let (bound, else_bound) = (canonical(context), canonical(other));
        let payload = aes_gcm::seal(&key, &DekBlob::aad(&name, &version, &bound), &plaintext).unwrap();
        let blob = DekBlob { kind: DekBlobKind::Aead, name, version, payload };
        let again = DekBlob::decode(&blob.encode()).unwrap();
        let open = |context: &[u8]| aes_gcm::open(&key, &DekBlob::aad(&again.name, &again.version, context), &again.payload);
        let opened = open(&bound).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
        prop_assert_eq!(open(&else_bound).is_ok(), meant == else_meant);
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_hybrid_blob_opens_with_its_seed_and_context_and_with_no_other(
        seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), name in dek_name(), version in dek_version(),
        plaintext in bytes(3000), context in bytes(40), else_bound in bytes(40),
    ) {
        let sealer = Sealer::new(&Opener::new(&seed).unwrap().public_key()).unwrap();
        let payload = sealer.seal(&DekBlob::info(&name, &version, &context), &plaintext).unwrap();
        let blob = DekBlob { kind: DekBlobKind::Hpke, name, version, payload };
        let again = DekBlob::decode(&blob.encode()).unwrap();
        let open = |seed, context: &[u8]| {
            let info = DekBlob::info(&again.name, &again.version, context);
            Opener::new(seed).unwrap().open(&info, &again.payload)
        };
        let opened = open(&seed, &context).unwrap();
        prop_assert_eq!(opened.expose(), &plaintext);
        prop_assert_eq!(open(&seed, &else_bound).is_ok(), context == else_bound);
        prop_assert_eq!(open(&other, &context).is_ok(), seed == other);
    }
}
