//! libFuzzer's door to [`aegis_custodian_fuzz::bodies`].
#![no_main]

use std::cell::RefCell;

use aegis_custodian_fuzz::bodies::Stage;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

thread_local! {
    /// Never dropped: what it needs for that is gone when the process ends.
    static STAGE: RefCell<&'static mut Stage> = RefCell::new(Box::leak(Box::new(Stage::new())));
}

fuzz_target!(|input: &[u8]| {
    STAGE.with_borrow_mut(|stage| stage.check(input));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut bytes = |part: &[u8]| {
        let mut part = part.to_vec();
        let size = part.len();
        part.resize(max_size.max(size), 0);
        let size = fuzzer_mutate(&mut part, size, max_size);
        part.truncate(size);
        part
    };
    let input = &data[..size];
    let made = STAGE.with_borrow(|stage| stage.change(input, seed, &mut bytes));
    let made = &made[..made.len().min(max_size)];
    data[..made.len()].copy_from_slice(made);
    made.len()
});
