//! A good model directory with bytes of its files changed: each six bytes of the input are a file,
//! a position of four bytes and the new value. Where the position is past the end the file is cut
//! at the value's share of its length.

#![no_main]

mod model;

use model::{FILES, check};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut files = FILES.map(|(name, bytes)| (name, bytes.to_vec()));
    for edit in bytes.chunks_exact(6) {
        let (_, file) = &mut files[edit[0] as usize % FILES.len()];
        let at = u32::from_le_bytes([edit[1], edit[2], edit[3], edit[4]]) as usize;
        match file.get_mut(at) {
            Some(byte) => *byte = edit[5],
            None => file.truncate(file.len() * edit[5] as usize / 255),
        }
    }
    let changed: Vec<(&str, &[u8])> = files.iter().map(|(name, f)| (*name, &f[..])).collect();
    check(&changed);
});
