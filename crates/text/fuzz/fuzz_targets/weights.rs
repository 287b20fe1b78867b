//! Any bytes as `model.safetensors`, from a good model's own header on: the first byte says
//! whether what follows is the whole file, its header, or its values.

#![no_main]

mod model;

use model::{FILES, check};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((part, bytes)) = bytes.split_first() else {
        return;
    };
    let (_, whole) = FILES[5];
    let length = u64::from_le_bytes(whole[..8].try_into().expect("eight bytes")) as usize;
    let (header, values) = whole[8..].split_at(length);
    let file = match part % 3 {
        0 => bytes.to_vec(),
        1 => [&(bytes.len() as u64).to_le_bytes()[..], bytes, values].concat(),
        _ => [&whole[..8], header, bytes].concat(),
    };
    check(&[("model.safetensors", &file)]);
});
