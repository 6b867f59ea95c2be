//! Fuzzes the law `bytes`; it is told in the crate `laws`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::bytes(data));
