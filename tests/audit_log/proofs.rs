//! Proofs and tiles, checked by `ct-merkle`, which shares no code with what made them.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    checkpoints::signed,
    service::{Service, eventually},
    tampering::encrypt,
};

const ENTRIES: u64 = 300;

#[test]
fn every_entry_and_every_growth_is_proven_to_another_implementation() {
    let (service, entries) = grown();
    let size = entries.len() as u64;
    let root = |size| hash(&proof(&service, &format!("consistency?from=1&to={size}"))["root"]);
    for (index, entry) in (0..).zip(&entries) {
        let wanted = if index % 7 == 0 { index + 1 } else { size };
        let proof = proof(&service, &format!("inclusion?index={index}&size={wanted}"));
        assert_eq!(
            (proof["index"].as_u64(), proof["size"].as_u64()),
            (Some(index), Some(wanted))
        );
        let path = InclusionProof::<Sha256>::from_digests(&digests(&proof["hashes"]));
        let root = RootHash::<Sha256>::new(hash(&proof["root"]).into(), wanted);
        root.verify_inclusion(entry, index, &path).unwrap();
        let mut other = entry.clone();
        other[0] ^= 1;
        assert!(root.verify_inclusion(&other, index, &path).is_err());
    }
    for (from, to) in (1..size)
        .step_by(9)
        .flat_map(|from| [(from, from + 1), (from, size)])
    {
        let proof = proof(&service, &format!("consistency?from={from}&to={to}"));
        let path = ConsistencyProof::<Sha256>::from_digests(&digests(&proof["hashes"]));
        let (old, new) = (root(from), hash(&proof["root"]));
        let new = RootHash::<Sha256>::new(new.into(), to);
        new.verify_consistency(&RootHash::new(old.into(), from), &path)
            .unwrap();
        let mut other = old;
        other[0] ^= 1;
        assert!(
            new.verify_consistency(&RootHash::new(other.into(), from), &path)
                .is_err()
        );
    }
    assert_eq!(
        proof(&service, &format!("consistency?from=0&to={size}"))["hashes"],
        Value::Array(Vec::new())
    );
}

#[test]
fn what_is_beyond_the_log_is_refused_with_a_sentence() {
    let (service, entries) = grown();
    let size = entries.len();
    for query in [
        format!("inclusion?index={size}&size={size}"),
        format!("inclusion?index=0&size={}", size + 1),
        "inclusion?index=0&size=0".to_owned(),
        "inclusion?index=18446744073709551615&size=18446744073709551615".to_owned(),
        "inclusion".to_owned(),
        "inclusion?index=-1".to_owned(),
        "inclusion?index=0&other=1".to_owned(),
        "consistency?from=3&to=2".to_owned(),
        format!("consistency?from=0&to={}", size + 1),
        "consistency?from=18446744073709551615".to_owned(),
    ] {
        let answer = service.get("auditor", &format!("/v1/audit/proof/{query}"));
        answer.is_refused(400, "invalid_request");
    }
    for tile in [
        "0/x001/000",
        "1/000.p/2",
        "7/000.p/1",
        "entries/001",
        "0/001.p/255",
        "0/000.p/0",
        "7/x018/x446/x744/x073/x709/x551/615",
        "64/000",
        "8/000",
    ] {
        let answer = service.get("auditor", &format!("/v1/audit/tile/{tile}"));
        answer.is_refused(404, "not_found");
    }
}

/// A service with a good 300 entries, and them as the tiles have them.
fn grown() -> (Service, Vec<Vec<u8>>) {
    let service = Service::spawn();
    service.make_dek("telemetry");
    while (service.audit().len() as u64) < ENTRIES {
        for _ in 0..100 {
            encrypt(&service).is(200);
        }
    }
    let size = service.audit().len() as u64;
    eventually("all is signed", || signed(&service) == size);
    let rest = size - 256;
    let mut bundle = bytes(&service, "entries/000");
    bundle.extend(bytes(&service, &format!("entries/001.p/{rest}")));
    let entries = unbundled(&bundle);
    assert_eq!(entries.len() as u64, size);
    // Of hashes: every leaf, and what 256 of them come to.
    let leaves = [
        bytes(&service, "0/000"),
        bytes(&service, &format!("0/001.p/{rest}")),
    ]
    .concat();
    for (leaf, entry) in leaves.chunks(32).zip(&entries) {
        assert_eq!(leaf, aegis_custodian::crypto::merkle::leaf(entry));
    }
    let tree = proof(&service, "consistency?from=1&to=256");
    assert_eq!(bytes(&service, "1/000.p/1"), hash(&tree["root"]));
    (service, entries)
}

fn unbundled(mut bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        bundle = rest;
    }
    entries
}

fn proof(service: &Service, query: &str) -> Value {
    service
        .get("auditor", &format!("/v1/audit/proof/{query}"))
        .is(200)
}

fn bytes(service: &Service, tile: &str) -> Vec<u8> {
    let token = format!("Bearer {}", service.token("auditor"));
    let mut answer = ureq::get(format!("{}/v1/audit/tile/{tile}", service.url))
        .header("authorization", token)
        .call()
        .unwrap();
    answer.body_mut().read_to_vec().unwrap()
}

fn hash(text: &Value) -> [u8; 32] {
    hex::decode(text.as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap()
}

fn digests(hashes: &Value) -> Vec<sha2::digest::Output<Sha256>> {
    let all = hashes.as_array().unwrap();
    all.iter().map(|text| hash(text).into()).collect()
}
