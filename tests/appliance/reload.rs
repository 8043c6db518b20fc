//! Certificates that are exchanged while callers come and go: nobody is refused, and what is broken changes nothing.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use rustls::crypto::aws_lc_rs;

use crate::{
    appliance::Served,
    authority::{Authority, Pair, of},
    service::Stop,
    tls::{connect, leaf, live, site, until},
};

const ROUNDS: usize = 10;

const READ: &str = "the certificates were read again";
const KEPT: &str = "the certificates stay as they were";

fn hang_up(served: &Served, said: &str) {
    let times = || served.log().matches(said).count();
    let before = times();
    served.signal("-HUP");
    until(|| times() > before);
}

/// What the service shows to whoever connects now.
fn shown(served: &Served, authority: &Authority) -> Vec<u8> {
    let mut stream = connect(served, authority, &aws_lc_rs::default_provider().kx_groups);
    assert!(live(&mut stream).starts_with("HTTP/1.1 200"));
    leaf(&stream)
}

/// Asks on one connection until it is told to stop, and counts the answers.
fn stays(served: &Served, authority: &Authority, stop: &AtomicBool, answered: &AtomicUsize) {
    let mut stream = connect(served, authority, &aws_lc_rs::default_provider().kx_groups);
    while !stop.load(SeqCst) {
        assert!(live(&mut stream).starts_with("HTTP/1.1 200"));
        answered.fetch_add(1, SeqCst);
    }
}

/// Connects again and again, and counts it; answers every certificate that it was shown.
fn comes(
    served: &Served,
    authority: &Authority,
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> BTreeSet<Vec<u8>> {
    let mut leaves = BTreeSet::new();
    while !stop.load(SeqCst) {
        leaves.insert(shown(served, authority));
        answered.fetch_add(1, SeqCst);
    }
    leaves
}

/// Waits until each caller has been answered twice more: one of the two was asked after this began.
fn all_are_answered(callers: &[AtomicUsize]) {
    for answered in callers {
        let before = answered.load(SeqCst);
        until(|| answered.load(SeqCst) > before + 1);
    }
}

#[test]
fn certificates_are_exchanged_under_load_and_nobody_is_refused() {
    let (site, authority, pair) = site("");
    let served = site.serve_new();
    let stop = AtomicBool::new(false);
    let counts = [const { AtomicUsize::new(0) }; 4];
    thread::scope(|scope| {
        let (served, authority, stop) = (&served, &authority, &stop);
        let [first, second, third, fourth] = &counts;
        for answered in [first, second] {
            scope.spawn(move || stays(served, authority, stop, answered));
        }
        let coming = [third, fourth]
            .map(|answered| scope.spawn(move || comes(served, authority, stop, answered)));
        let stopped = Stop(stop);
        for _ in 0..ROUNDS {
            authority.server("server");
            hang_up(served, READ);
            all_are_answered(&counts);
            fs::write(&pair.certificate, "no certificate").unwrap();
            hang_up(served, KEPT);
            all_are_answered(&counts);
        }
        drop(stopped);
        let leaves: BTreeSet<_> = coming
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect();
        println!(
            "tls: {ROUNDS} exchanges of certificates, {} of which new connections saw; answered on two connections that stayed and on ever new ones: {counts:?}, none refused",
            leaves.len()
        );
        assert!(leaves.len() >= ROUNDS);
    });
}

/// What is wrong with a new certificate or its key.
type Fault = (&'static str, fn(&Pair, &Path));

const FAULTS: [Fault; 8] = [
    ("no PEM", |pair, _| {
        fs::write(&pair.certificate, "x").unwrap()
    }),
    ("no key", |pair, _| fs::write(&pair.key, "").unwrap()),
    ("no file", |pair, _| fs::remove_file(&pair.key).unwrap()),
    ("half a certificate", |pair, _| {
        let whole = fs::read_to_string(&pair.certificate).unwrap();
        fs::write(&pair.certificate, &whole[..whole.len() / 2]).unwrap();
    }),
    ("another's key", |pair, folder| {
        let other = Authority::new(folder, "other").server("other");
        fs::copy(other.key, &pair.key).unwrap();
    }),
    ("a certificate that expired", |pair, folder| {
        let other = Authority::new(folder, "other").server_that("other", of(2020..2021));
        replace(pair, &other);
    }),
    ("a certificate for clients", |pair, folder| {
        replace(pair, &Authority::new(folder, "other").client("other"));
    }),
    ("a key that others may read", |pair, _| {
        fs::set_permissions(&pair.key, Permissions::from_mode(0o644)).unwrap();
    }),
];

fn replace(pair: &Pair, by: &Pair) {
    fs::copy(&by.certificate, &pair.certificate).unwrap();
    fs::copy(&by.key, &pair.key).unwrap();
}

#[test]
fn a_broken_new_certificate_leaves_the_old_one_in_use() {
    let (site, authority, pair) = site("");
    let served = site.serve_new();
    let before = shown(&served, &authority);
    for (what, spoil) in FAULTS {
        let next = authority.server("server");
        spoil(&next, site.folder());
        hang_up(&served, KEPT);
        assert_eq!(shown(&served, &authority), before, "{what}");
    }
    authority.server("server");
    fs::set_permissions(&pair.key, Permissions::from_mode(0o600)).unwrap();
    hang_up(&served, READ);
    assert_ne!(shown(&served, &authority), before);
}
