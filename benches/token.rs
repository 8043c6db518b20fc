//! The raw rate of a token: unwraps in a second through the provider, and in a bare session for comparison.

#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::{
    algorithm::Algorithm,
    id::KekVersion,
    kek::{Context, KekKeeper, KekProvider, Keyring, Purpose, RingEntry, pkcs11::Pkcs11Kek},
    secret::Secret,
};
use cryptoki::{
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, ObjectClass},
};
use softhsm::Token;

#[path = "../tests/support/softhsm.rs"]
mod softhsm;

const CONTEXT: Context<'static> = Context {
    purpose: Purpose::Dek,
    reference: "telemetry/dek-v3-20261123",
    algorithm: Algorithm::Aes256Gcm.name(),
};
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let token = Token::new();
    let version: KekVersion = "kek-v1-20261123".parse().unwrap();
    for sessions in [1, 2, 4] {
        let kek = token.open(sessions);
        adopt(&kek, &version);
        let record = kek
            .wrap(&Secret::take(&mut [7; 32]).unwrap(), &CONTEXT)
            .unwrap();
        for callers in [1, 8] {
            let one = || drop(kek.unwrap(&record, &CONTEXT).unwrap());
            rate(
                &format!("provider, {sessions} sessions, {callers} callers"),
                callers,
                1,
                one,
            );
        }
        let batch = vec![(&record, CONTEXT); 256];
        let many = || drop(kek.unwrap_each(&batch));
        rate(
            &format!("provider, {sessions} sessions, batches of 256"),
            1,
            256,
            many,
        );
    }
    bare(&token);
}

fn adopt(kek: &Pkcs11Kek, version: &KekVersion) {
    kek.create(version).unwrap();
    let canary = Some(kek.canary(version).unwrap());
    let versions = vec![RingEntry {
        version: version.clone(),
        canary,
    }];
    kek.adopt(Keyring {
        current: version.clone(),
        versions,
    })
    .unwrap();
}

fn bare(token: &Token) {
    let _open = token.open(1);
    let session = token.session();
    let class = Attribute::Class(ObjectClass::SECRET_KEY);
    let key = session.find_objects(&[class]).unwrap().remove(0);
    let seal = |mechanism: &Mechanism<'_>| session.encrypt(mechanism, key, &[7; 32]).unwrap();
    let mut iv = [0; 12];
    let sealed = seal(&Mechanism::AesGcm(
        GcmParams::new(&mut iv, b"aad", 128.into()).unwrap(),
    ));
    let (before, mut count) = (Instant::now(), 0_u64);
    while before.elapsed() < TIME {
        let params = GcmParams::new(&mut iv, b"aad", 128.into()).unwrap();
        session
            .decrypt(&Mechanism::AesGcm(params), key, &sealed)
            .unwrap();
        count += 1;
    }
    report("bare session", count, before.elapsed());
}

fn rate(name: &str, callers: usize, each: u64, work: impl Fn() + Sync) {
    let (before, count) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                while before.elapsed() < TIME {
                    work();
                    count.fetch_add(each, Relaxed);
                }
            });
        }
    });
    report(name, count.into_inner(), before.elapsed());
}

fn report(name: &str, count: u64, time: Duration) {
    println!(
        "{name:<42} {:>8.0} unwraps/s",
        count as f64 / time.as_secs_f64()
    );
}
