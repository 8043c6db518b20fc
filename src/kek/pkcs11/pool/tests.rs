//! That a library that hangs costs its thread, never the caller, and what becomes of the threads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use super::{Pool, Stuck};

fn start(size: usize) -> Pool {
    Pool::start(size, "a-test", Arc::new(|_| {})).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Makes a call that lasts until the other end of `held` is dropped, and gives it up once it runs.
fn give_up(pool: &Pool, held: &Receiver<()>) {
    let (begins, begun) = bounded(1);
    let held = held.clone();
    let call = pool.submit(later(), move || (begins.send(()), held.recv()));
    begun.recv().unwrap();
    let before = Instant::now();
    assert!(call.unwrap().wait(soon()).is_err());
    assert!(before.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_stuck_call_is_answered_at_its_deadline_and_its_thread_is_replaced() {
    let pool = start(1);
    let (release, stuck) = bounded::<()>(0);
    give_up(&pool, &stuck);
    assert_eq!(pool.run(later(), || 7).unwrap(), 7);
    assert_eq!(pool.crew.lost.load(SeqCst), 1);
    drop(release);
    while pool.crew.lost.load(SeqCst) > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(pool.run(later(), || 8).unwrap(), 8);
}

#[test]
fn beyond_the_most_stuck_threads_calls_are_refused_at_once_until_one_returns() {
    let pool = start(1);
    let (release, stuck) = bounded::<()>(0);
    for _ in 0..2 {
        give_up(&pool, &stuck);
    }
    let before = Instant::now();
    assert!(pool.run(later(), || ()).is_err());
    assert!(before.elapsed() < Duration::from_secs(2));
    drop(release);
    while pool.run(later(), || ()).is_err() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_threads_that_are_left_try_again_though_the_stuck_ones_never_return() {
    let pool = start(1);
    let (_release, stuck) = bounded::<()>(0);
    for _ in 0..2 {
        give_up(&pool, &stuck);
    }
    assert!(pool.run(later(), || ()).is_err());
    thread::sleep(super::REFUSAL);
    for _ in 0..3 {
        pool.run(later(), || ()).unwrap();
    }
    assert_eq!(pool.crew.lost.load(SeqCst), 2);
}

#[test]
fn a_job_that_did_not_start_before_its_deadline_never_runs() {
    let pool = start(1);
    let (release, busy) = bounded::<()>(0);
    let first = pool.submit(later(), move || busy.recv()).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let late = pool.run(soon(), move || counted.fetch_add(1, SeqCst));
    assert!(late.is_err());
    drop(release);
    let _ended = first.wait(later()).unwrap();
    pool.run(later(), || ()).unwrap();
    assert_eq!(runs.load(SeqCst), 0);
}

/// What a library does when one of its threads ends.
struct Parting(&'static AtomicUsize);

impl Drop for Parting {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(100));
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_pool_that_ends_waits_until_the_library_has_let_its_threads_go() {
    static GONE: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static KEPT: Parting = const { Parting(&GONE) });
    let pool = start(1);
    pool.run(later(), || KEPT.with(|_| ())).unwrap();
    drop(pool);
    assert_eq!(GONE.load(SeqCst), 1);
}

#[test]
fn a_thread_outlives_a_job_that_panics() {
    let pool = start(1);
    assert!(pool.run(later(), || panic!("on purpose")).is_err());
    assert_eq!(pool.run(later(), || 7).unwrap(), 7);
}

#[test]
fn every_call_that_is_given_up_is_counted_until_it_comes_back() {
    let stuck = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&stuck);
    let witness = move |what| match what {
        Stuck::GivenUp => drop(counted.fetch_add(1, SeqCst)),
        Stuck::Back => drop(counted.fetch_sub(1, SeqCst)),
    };
    let pool = Pool::start(1, "a-test", Arc::new(witness)).unwrap();
    let (release, held) = bounded::<()>(0);
    for number in 1..=3 {
        // Once two are lost, those that are left are tried again only after a while.
        thread::sleep(super::REFUSAL * u32::from(number == 3));
        give_up(&pool, &held);
        assert_eq!(stuck.load(SeqCst), number);
    }
    drop(release);
    while stuck.load(SeqCst) > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    while pool.run(later(), || ()).is_err() {
        thread::sleep(Duration::from_millis(1));
    }
}
