//! The tensors of a 4-bit model as `model.safetensors`, under the names of a Hugging Face BERT.
//!
//! A block holds 32 weights with a common scale *d* (f16), and in byte *j* the weights *j* (low
//! half) and *j* + 16 (high half) as numbers *q*: a weight is `d · (q − 8)`. The products are exact
//! in f32 and rounded once, to f16, whose relative error of 2⁻¹¹ is far below that of 4 bits. What
//! the package stores as f32 (biases, layer norms, positions) stays f32.

use super::container::{BLOCK, BLOCK_BYTES, Container, Shape, Values};
use half::f16;
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::path::Path;

/// A tensor on its way: the bytes as they are stored, made f16 when it is written.
struct Tensor<'a> {
    shape: Vec<usize>,
    stored: Values,
    bytes: &'a [u8],
}

/// Writes the tensors of a container, one at a time.
pub(crate) fn write(container: &Container<'_>, path: &Path) -> Result<(), String> {
    let tensors = names(&container.shape)
        .into_iter()
        .map(|(packed, name, shape)| {
            let stored = stored(&packed);
            let bytes = container.tensor(&packed, &shape, stored)?;
            finite(&packed, stored, bytes)?;
            let tensor = Tensor {
                shape,
                stored,
                bytes,
            };
            Ok((name, tensor))
        })
        .collect::<Result<Vec<_>, String>>()?;
    // transformers wants to know which library laid the tensors out.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize_to_file(tensors, Some(metadata), path)
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// The name of each tensor in the container and in the result, and its shape.
fn names(shape: &Shape) -> Vec<(String, String, Vec<usize>)> {
    let (hidden, wide) = (shape.hidden, shape.intermediate);
    let mut names: Vec<(String, String, Vec<usize>)> = [
        (
            "emb.word",
            "word_embeddings.weight",
            vec![shape.vocabulary, hidden],
        ),
        (
            "emb.pos",
            "position_embeddings.weight",
            vec![shape.positions, hidden],
        ),
        (
            "emb.type",
            "token_type_embeddings.weight",
            vec![shape.types, hidden],
        ),
        ("emb.ln.w", "LayerNorm.weight", vec![hidden]),
        ("emb.ln.b", "LayerNorm.bias", vec![hidden]),
    ]
    .into_iter()
    .map(|(packed, name, shape)| (packed.to_owned(), format!("embeddings.{name}"), shape))
    .collect();
    let parts = [
        ("q", "attention.self.query", vec![hidden, hidden]),
        ("k", "attention.self.key", vec![hidden, hidden]),
        ("v", "attention.self.value", vec![hidden, hidden]),
        ("ao", "attention.output.dense", vec![hidden, hidden]),
        ("aln", "attention.output.LayerNorm", vec![hidden]),
        ("fi", "intermediate.dense", vec![wide, hidden]),
        ("fo", "output.dense", vec![hidden, wide]),
        ("oln", "output.LayerNorm", vec![hidden]),
    ];
    for layer in 0..shape.layers {
        for (packed, name, weight) in &parts {
            let name = format!("encoder.layer.{layer}.{name}");
            let bias = vec![weight[0]];
            names.push((
                format!("l{layer}.{packed}.w"),
                format!("{name}.weight"),
                weight.clone(),
            ));
            names.push((format!("l{layer}.{packed}.b"), format!("{name}.bias"), bias));
        }
    }
    names
}

/// How a tensor is stored, which follows from its name.
fn stored(packed: &str) -> Values {
    let matrix = packed == "emb.word"
        || packed.strip_suffix(".w").is_some_and(|name| {
            let part = name.rsplit('.').next();
            part.is_some_and(|part| !part.ends_with("ln"))
        });
    if matrix {
        Values::Blocks
    } else {
        Values::Single
    }
}

/// Refuses a tensor with a value that is no number, or too large for f16.
fn finite(name: &str, stored: Values, bytes: &[u8]) -> Result<(), String> {
    let bad = match stored {
        Values::Single => bytes
            .as_chunks()
            .0
            .iter()
            .position(|&b| !f32::from_le_bytes(b).is_finite()),
        Values::Blocks => bytes
            .as_chunks::<BLOCK_BYTES>()
            .0
            .iter()
            // −8 is the number that is largest in size.
            .position(|block| !weight(block, 0).is_finite()),
    };
    bad.map_or(Ok(()), |i| {
        let what = match stored {
            Values::Single => "value",
            Values::Blocks => "block",
        };
        Err(format!(
            "tensor '{name}' holds a NaN or an infinity in {what} {i}"
        ))
    })
}

/// The weight of a block that is stored as `number`.
fn weight(block: &[u8; BLOCK_BYTES], number: u8) -> f16 {
    let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
    f16::from_f32(scale * (f32::from(number) - 8.0))
}

/// Appends the weights of a block in little-endian f16.
fn extend(block: &[u8; BLOCK_BYTES], out: &mut Vec<u8>) {
    let mut weights = [[0; 2]; 16];
    for (number, bytes) in (0u8..).zip(&mut weights) {
        *bytes = weight(block, number).to_le_bytes();
    }
    let pairs = &block[2..];
    out.extend(
        pairs
            .iter()
            .flat_map(|pair| weights[usize::from(pair & 15)]),
    );
    out.extend(
        pairs
            .iter()
            .flat_map(|pair| weights[usize::from(pair >> 4)]),
    );
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.stored {
            Values::Single => Dtype::F32,
            Values::Blocks => Dtype::F16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.stored {
            Values::Single => self.bytes.into(),
            Values::Blocks => {
                let mut out = Vec::with_capacity(self.data_len());
                for block in self.bytes.as_chunks().0 {
                    extend(block, &mut out);
                }
                out.into()
            }
        }
    }

    fn data_len(&self) -> usize {
        match self.stored {
            Values::Single => self.bytes.len(),
            Values::Blocks => self.bytes.len() / BLOCK_BYTES * BLOCK * 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_its_scale_times_its_numbers_less_eight() {
        let mut block = [0x98; BLOCK_BYTES];
        block[..2].copy_from_slice(&f16::from_f32(0.75).to_le_bytes());
        block[2] = 0x0f;
        block[17] = 0xd8;
        let mut out = Vec::new();
        extend(&block, &mut out);
        let got: Vec<f32> = out
            .as_chunks()
            .0
            .iter()
            .map(|&b| f16::from_le_bytes(b).to_f32())
            .collect();
        // Low halves are weights 0 to 15, high halves 16 to 31.
        let mut want = [0.0; 32];
        want[0] = 0.75 * 7.0; // 15 − 8
        want[16] = 0.75 * -8.0; // 0 − 8
        want[17..31].fill(0.75); // 9 − 8
        want[31] = 0.75 * 5.0; // 13 − 8
        assert_eq!(got, want);
    }

    #[test]
    fn matrices_are_blocks_and_the_rest_is_single() {
        let kinds = [
            "emb.word", "l0.q.w", "l11.fo.w", "emb.pos", "emb.ln.w", "l0.aln.w", "l0.q.b",
        ];
        let blocks: Vec<bool> = kinds.iter().map(|n| stored(n) == Values::Blocks).collect();
        assert_eq!(blocks, [true, true, true, false, false, false, false]);
    }
}
