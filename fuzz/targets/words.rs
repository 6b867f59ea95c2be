//! Fuzzes the law `words`; it is told in the crate `laws`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::words(data));
