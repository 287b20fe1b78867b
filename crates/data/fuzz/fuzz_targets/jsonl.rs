//! Any bytes as the `jsonl` format.

#![no_main]

mod import;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| import::check(bytes, semrec_data::Format::Jsonl));
