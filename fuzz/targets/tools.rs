//! libFuzzer's door to [`aegis_custodian_fuzz::tools`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    aegis_custodian_fuzz::tools::check(input);
});
