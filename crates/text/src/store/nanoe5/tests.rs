//! A container built piece by piece: converted, and damaged in every way that was thought of.

use super::container::{BLOCK_BYTES, Container};
use super::convert;
use crate::Encoder;
use half::f16;
use tokenizers::Tokenizer;

const HIDDEN: u32 = 32;
const WIDE: u32 = 64;
const PIECES: [(&str, f32); 12] = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -3.0),
    ("▁fi", -2.0),
    ("é", -4.0),
    ("x", -4.5),
    ("护", -5.0),
    ("▁护发素", -6.0),
    ("发素", -2.0),
    ("<mask>", 0.0),
];

/// The parts of a container, before they are laid end to end.
struct Parts {
    sizes: [u32; 7],
    eps: f32,
    block: u32,
    special: [u32; 4],
    pieces: Vec<(Vec<u8>, f32)>,
    replacements: Vec<(u32, Vec<u32>)>,
    /// Name, type, number of values and bytes.
    tensors: Vec<(String, u8, u32, Vec<u8>)>,
    /// Added to the offset of every tensor.
    shift: u64,
}

fn parts() -> Parts {
    let mut tensors = Vec::new();
    let mut seed = 7_u32;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    let mut matrix = |name: &str, rows: u32, columns: u32| {
        let mut bytes = Vec::new();
        for _ in 0..rows * columns / 32 {
            bytes.extend(f16::from_f32(0.0123).to_le_bytes());
            bytes.extend((0..16).map(|_| next()));
        }
        tensors.push((name.to_owned(), 1, rows * columns, bytes));
    };
    matrix("emb.word", 16, HIDDEN);
    for name in ["q", "k", "v", "ao"] {
        matrix(&format!("l0.{name}.w"), HIDDEN, HIDDEN);
    }
    matrix("l0.fi.w", WIDE, HIDDEN);
    matrix("l0.fo.w", HIDDEN, WIDE);
    let mut single = |name: &str, values: u32, value: f32| {
        let bytes = value.to_le_bytes().repeat(values as usize);
        tensors.push((name.to_owned(), 0, values, bytes));
    };
    single("emb.pos", 10 * HIDDEN, 0.125);
    single("emb.type", 2 * HIDDEN, 0.25);
    for name in ["emb.ln", "l0.aln", "l0.oln"] {
        single(&format!("{name}.w"), HIDDEN, 1.0);
        single(&format!("{name}.b"), HIDDEN, 0.5);
    }
    for name in ["q", "k", "v", "ao", "fo"] {
        single(&format!("l0.{name}.b"), HIDDEN, 0.1);
    }
    single("l0.fi.b", WIDE, 0.1);
    Parts {
        sizes: [HIDDEN, 1, 2, WIDE, 16, 10, 2],
        eps: 1e-12,
        block: 32,
        special: [0, 2, 1, 3],
        pieces: PIECES
            .iter()
            .map(|&(p, s)| (p.as_bytes().to_vec(), s))
            .collect(),
        // A control character, a tab, and the ligature fi.
        replacements: vec![(1, vec![]), (9, vec![32]), (0xfb01, vec![0x66, 0x69])],
        tensors,
        shift: 0,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

impl Parts {
    fn header(&self) -> Vec<u8> {
        let mut bytes = b"E5S1".to_vec();
        let mut push = |n: u32| bytes.extend(n.to_le_bytes());
        push(1);
        self.sizes.into_iter().for_each(&mut push);
        push(self.eps.to_bits());
        push(self.block);
        push(number(self.pieces.len()));
        self.special.into_iter().for_each(&mut push);
        let text: Vec<u8> = self.pieces.iter().flat_map(|(p, _)| p.clone()).collect();
        bytes.extend((text.len() as u64).to_le_bytes());
        let mut offset = 0;
        bytes.extend(0_u32.to_le_bytes());
        for (piece, _) in &self.pieces {
            offset += number(piece.len());
            bytes.extend(offset.to_le_bytes());
        }
        for (_, score) in &self.pieces {
            bytes.extend(score.to_le_bytes());
        }
        bytes.extend(text);
        let mut table = Vec::new();
        for (from, to) in &self.replacements {
            table.extend(from.to_le_bytes());
            table.push(u8::try_from(to.len()).unwrap());
            table.extend(to.iter().flat_map(|c| c.to_le_bytes()));
        }
        bytes.extend(number(self.replacements.len()).to_le_bytes());
        bytes.extend(number(table.len()).to_le_bytes());
        bytes.extend(table);
        bytes.extend(number(self.tensors.len()).to_le_bytes());
        bytes
    }

    fn file(&self) -> Vec<u8> {
        let mut bytes = self.header();
        let directory: usize = self.tensors.iter().map(|(name, ..)| name.len() + 23).sum();
        let mut at = (bytes.len() + directory) as u64 + self.shift;
        for (name, kind, values, data) in &self.tensors {
            bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.push(*kind);
            bytes.extend(values.to_le_bytes());
            bytes.extend(at.to_le_bytes());
            bytes.extend((data.len() as u64).to_le_bytes());
            at += data.len() as u64;
        }
        bytes.extend(self.tensors.iter().flat_map(|(.., data)| data.clone()));
        bytes
    }

    fn tensor(&mut self, name: &str) -> &mut (String, u8, u32, Vec<u8>) {
        self.tensors.iter_mut().find(|t| t.0 == name).unwrap()
    }
}

/// Converts a file into a new directory.
fn converted(file: &[u8]) -> Result<tempfile::TempDir, String> {
    let dir = tempfile::tempdir().unwrap();
    let packed = dir.path().join("packed.bin");
    std::fs::write(&packed, file).unwrap();
    convert(&packed, dir.path()).map(|()| dir)
}

#[test]
fn a_container_becomes_an_encoder() {
    let dir = converted(&parts().file()).unwrap();
    let encoder = Encoder::load(dir.path()).unwrap();
    assert_eq!((encoder.dim(), encoder.max_tokens()), (32, 10));
    let vectors = encoder.encode(&["护发素", "xé"], &|_, _| {}).unwrap();
    for row in vectors.rows() {
        let length: f32 = row.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert_ne!(vectors.row(0), vectors.row(1));
}

#[test]
fn the_weights_are_those_of_the_blocks() {
    let parts = parts();
    let dir = converted(&parts.file()).unwrap();
    let bytes = std::fs::read(dir.path().join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    // 5 of the embeddings, and a weight and a bias of each of 8 parts.
    assert_eq!(tensors.names().len(), 5 + 16);
    let word = tensors.tensor("embeddings.word_embeddings.weight").unwrap();
    assert_eq!(
        (word.dtype(), word.shape()),
        (safetensors::Dtype::F16, &[16, 32][..])
    );
    // Weight 16 of row 1 is the high half of the first pair of the second block.
    let block = &parts.tensors[0].3[BLOCK_BYTES..2 * BLOCK_BYTES];
    let want = f16::from_f32(0.0123).to_f32() * (f32::from(block[2] >> 4) - 8.0);
    let at = (32 + 16) * 2;
    let got = f16::from_le_bytes(word.data()[at..at + 2].try_into().unwrap());
    assert_eq!(got, f16::from_f32(want));
    let bias = tensors
        .tensor("encoder.layer.0.intermediate.dense.bias")
        .unwrap();
    assert_eq!(bias.data(), 0.1_f32.to_le_bytes().repeat(64));
    let wide = tensors
        .tensor("encoder.layer.0.output.dense.weight")
        .unwrap();
    assert_eq!(wide.shape(), [32, 64]);
}

#[test]
fn texts_become_the_best_pieces() {
    let dir = converted(&parts().file()).unwrap();
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    let cases: [(&str, &[u32]); 9] = [
        // −6 for the whole beats −3 − 5 − 2.
        ("护发素", &[0, 9, 2]),
        // The ligature, the tab and the control character are replaced.
        ("\u{fb01}\t\u{1}护", &[0, 5, 4, 8, 2]),
        // One space in front, whether or not the text has some; none at the end.
        ("   fi \n", &[0, 5, 2]),
        ("fi", &[0, 5, 2]),
        // Spaces within are one.
        ("x  \t x", &[0, 4, 7, 4, 7, 2]),
        // An e and an accent, and é.
        ("xe\u{301}", &[0, 4, 7, 6, 2]),
        ("xé", &[0, 4, 7, 6, 2]),
        // Unknown characters in a row are one token.
        ("x🙂🙂", &[0, 4, 7, 3, 2]),
        ("", &[0, 2]),
    ];
    for (text, want) in cases {
        let got = tokenizer.encode(text, true).unwrap();
        assert_eq!(got.get_ids(), want, "{text:?}");
    }
    assert_eq!(tokenizer.token_to_id("<mask>"), Some(11));
}

#[test]
fn damage_is_named() {
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 19] = [
        (
            |p| p.sizes[0] = u32::MAX,
            "the hidden size is 4294967295; expected 1 to 65536",
        ),
        (
            |p| p.sizes[0] = 48,
            "the hidden size is 48, no multiple of 32",
        ),
        (|p| p.sizes[1] = 2, "tensor 'l1.q.w' is missing"),
        (
            |p| p.sizes[4] = 17,
            "tensor 'emb.word' has 512 values; the sizes of the model make it 544",
        ),
        (
            |p| p.sizes[4] = 11,
            "there are 12 pieces for a vocabulary of 11",
        ),
        (
            |p| p.block = 64,
            "its blocks hold 64 weights; expected 32, the only size there is a reader for",
        ),
        (|p| p.special[3] = 12, "the unknown token is piece 12 of 12"),
        (
            |p| p.pieces[5].1 = f32::NAN,
            "piece 5, '▁fi', has the score NaN",
        ),
        (
            |p| p.pieces[6].0 = vec![0xc3],
            "piece 6: incomplete utf-8 byte sequence from index 0",
        ),
        (
            |p| p.replacements[0].1 = vec![0xd800],
            "replacement 0 has the code point 0xd800",
        ),
        (
            |p| p.replacements.swap(0, 1),
            "replacement 1 is out of order",
        ),
        (
            |p| p.tensor("l0.q.w").1 = 0,
            "tensor 'l0.q.w' has the type 0; expected 1, blocks of 4 bits",
        ),
        (
            |p| p.tensor("l0.q.b").1 = 1,
            "tensor 'l0.q.b' has the type 1; expected 0, f32",
        ),
        (
            |p| p.tensor("l0.k.w").3.truncate(100),
            "tensor 'l0.k.w' has 100 bytes; 1024 values of its type take 576",
        ),
        (
            |p| p.tensor("l0.v.w").3[18..20].copy_from_slice(&[0, 0x7c]),
            "tensor 'l0.v.w' holds a NaN or an infinity in block 1",
        ),
        (
            // 60,000 is an f16, eight times it is none.
            |p| p.tensor("l0.ao.w").3[..2].copy_from_slice(&f16::from_f32(6e4).to_le_bytes()),
            "tensor 'l0.ao.w' holds a NaN or an infinity in block 0",
        ),
        (
            |p| p.tensor("l0.oln.w").3[8..12].copy_from_slice(&f32::NAN.to_le_bytes()),
            "tensor 'l0.oln.w' holds a NaN or an infinity in value 2",
        ),
        (
            |p| p.tensor("l0.q.b").0 = "l0.k.b".into(),
            "tensor 'l0.k.b' is there twice",
        ),
        (
            |p| p.shift = u64::MAX - 2_000,
            "tensor 'emb.word' takes 288 bytes from",
        ),
    ];
    for (change, want) in cases {
        let mut parts = parts();
        change(&mut parts);
        let error = converted(&parts.file()).unwrap_err();
        assert!(error.starts_with(want), "{error}\nexpected {want}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = parts().file();
    // Every cut in the header and the directory of tensors, and one in the last tensor.
    let values: usize = parts().tensors.iter().map(|t| t.3.len()).sum();
    for length in (0..=file.len() - values).chain([file.len() - 1]) {
        assert!(Container::parse(&file[..length]).is_err(), "{length} bytes");
    }
    assert!(Container::parse(&file).is_ok());
    let error = Container::parse(b"GGUF, not this").unwrap_err();
    assert_eq!(error, "it does not begin with E5S1");
    let error = Container::parse(&file[..64]).unwrap_err();
    assert_eq!(
        error,
        "the length of the pieces' text takes 8 bytes where 0 are left; the file is truncated or \
         damaged"
    );
}

#[test]
fn lengths_that_lie_cost_an_error_and_no_memory() {
    let file = parts().file();
    // Where the header's counts are: pieces, bytes of their text.
    for (at, want) in [
        (
            44,
            "the number of pieces is 4294967295; expected 1 to 16777216",
        ),
        (64, "the text of the pieces takes "),
    ] {
        let mut file = file.clone();
        file[at..at + 4].fill(0xff);
        let error = Container::parse(&file).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
    // Any single byte changed is either refused or harmless, but never a panic.
    for at in 0..parts().header().len() {
        for value in [0, 0x7f, 0xff] {
            let mut file = file.clone();
            file[at] = value;
            let _ = Container::parse(&file);
        }
    }
}
