//! Another application of the same process closes our sessions, logs us out, or finalizes the library.

use std::{thread, time::Duration};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};

use crate::{
    alone::alone,
    double::Double,
    scene::{AT_ONCE, Scene},
    watch::Watch,
};

/// What is done behind the service's back costs no request.
fn costs_nothing(what: &str, interfere: fn(&Double)) {
    let (scene, double) = Scene::doubled();
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        interfere(&double);
        for _ in 0..3 {
            let begun = Watch::start();
            scene.unwrap().is(200);
            scene.decrypt().is(200);
            slowest = slowest.max(begun.elapsed());
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert!(slowest < AT_ONCE, "{slowest:?}");
    println!(
        "outage: {what}: no 503, work after {:.2} s",
        slowest.as_secs_f64()
    );
    scene.is("up", "");
    scene.was_told(&[]);
}

#[test]
fn all_sessions_closed_by_another_application() {
    if alone("beside::all_sessions_closed_by_another_application") {
        costs_nothing("all sessions closed by another", Double::close_sessions);
    }
}

#[test]
fn the_module_finalized_behind_our_back() {
    if alone("beside::the_module_finalized_behind_our_back") {
        costs_nothing("module finalized behind our back", Double::finalize);
    }
}

#[test]
fn the_module_finalized_and_initialised_behind_our_back() {
    if alone("beside::the_module_finalized_and_initialised_behind_our_back") {
        let (scene, double) = Scene::doubled();
        let other = Pkcs11::new(double.module()).unwrap();
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            other.clone().finalize().unwrap();
            let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            // The service may have been faster.
            let _already = other.initialize(arguments);
            let begun = Watch::start();
            scene.unwrap().is(200);
            slowest = slowest.max(begun.elapsed());
        }
        println!(
            "outage: module re-initialised: no 503, work after {:.2} s",
            slowest.as_secs_f64()
        );
        scene.was_told(&[]);
    }
}
