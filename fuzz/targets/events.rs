//! libFuzzer's door to [`aegis_custodian_fuzz::events`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| aegis_custodian_fuzz::events::check(input));
