//! libFuzzer's door to [`aegis_custodian_fuzz::export`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    aegis_custodian_fuzz::export::check(input);
});
