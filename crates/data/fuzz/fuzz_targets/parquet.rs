//! Any bytes as the `parquet` format. The import makes errors of the panics of the Parquet library,
//! so libFuzzer's hook, which ends the run at every panic, goes; one that nobody catches still
//! ends it.

#![no_main]

mod import;

libfuzzer_sys::fuzz_target!(
    init: drop(std::panic::take_hook()),
    |bytes: &[u8]| import::check(bytes, semrec_data::Format::Parquet)
);
