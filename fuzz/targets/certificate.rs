//! libFuzzer's door to [`aegis_custodian_fuzz::certificate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| aegis_custodian_fuzz::certificate::check(input));
