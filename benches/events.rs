//! What one personal field costs in one thread: the KEM alone, beside all of HPKE as the service uses it, and beside
//! finding the fields of an event. `scripts/load.py` compares whole requests with these.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aegis_custodian::{
    crypto::hybrid::{Opener, Sealer},
    json::ObjectText,
};
use x_wing::{Decapsulate, DecapsulationKey, Decapsulator};

const EACH: Duration = Duration::from_secs(2);
const SEED: [u8; 32] = [7; 32];
const VALUE: &[u8] = b"\"a text as fields usually have it\"";
const INFO: &[u8] = b"aegis-custodian/hpke/v1\0telemetry/dek-v1-20261123\0actor_id";

fn main() {
    let key = DecapsulationKey::from(SEED);
    let (sealer, opener) = (
        Sealer::new(&Opener::new(&SEED).unwrap().public_key()).unwrap(),
        Opener::new(&SEED).unwrap(),
    );
    let random = [3; 64];
    let (encapsulated, _) = key
        .encapsulation_key()
        .encapsulate_deterministic(&random.into());
    let sealed = sealer.seal(INFO, VALUE).unwrap();
    let event = ObjectText::read(event().as_bytes()).unwrap();

    let encapsulate = || {
        key.encapsulation_key()
            .encapsulate_deterministic(&random.into())
    };
    rate("KEM encapsulate", encapsulate);
    rate("HPKE seal", || sealer.seal(INFO, VALUE).unwrap());
    rate("KEM decapsulate", || key.decapsulate(&encapsulated));
    rate("HPKE open", || opener.open(INFO, &sealed).unwrap());
    rate("find 12 fields", || {
        event
            .members(12, |name, _| name.starts_with("actor"))
            .unwrap()
            .len()
    });
}

fn rate<T>(name: &str, mut work: impl FnMut() -> T) {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < EACH {
        black_box(work());
        count += 1;
    }
    println!(
        "{name:<20}{:>12.0} /s",
        f64::from(count) / begun.elapsed().as_secs_f64()
    );
}

fn event() -> String {
    let fields: Vec<String> = (0..12)
        .map(|at| format!("\"actor_{at}\":\"some text\""))
        .collect();
    format!("{{{},\"id\":1,\"at\":\"2026-11-23\"}}", fields.join(","))
}
