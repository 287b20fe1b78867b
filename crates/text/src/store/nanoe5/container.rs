//! The container of a 4-bit model, `E5S1`, read without believing what it says.
//!
//! ```text
//! "E5S1", version
//! hidden, layers, heads, intermediate, vocabulary, positions, types; epsilon; weights a block
//! pieces: how many; bos, eos, pad, unk; bytes of text; offsets[n + 1], scores[n], text
//! replacements: how many, bytes; for each: code point, u8 length, code points
//! tensors: how many; for each: u16 length, name, u8 type, u32 values, u64 offset, u64 bytes
//! ```
//!
//! Integers are little-endian u32 and scores f32, unless said otherwise. Every length is held
//! against the bytes that are left before anything is allocated by it.

use std::collections::BTreeMap;

/// Weights in a 4-bit block.
pub(crate) const BLOCK: usize = 32;
/// Bytes of a block: an f16 scale, and two weights a byte.
pub(crate) const BLOCK_BYTES: usize = 2 + BLOCK / 2;

/// The most of anything that is counted; sizes multiply without overflow below it.
const MOST: u32 = 1 << 24;
/// The most replacements; the table of a real normaliser has some thousands.
const MOST_REPLACEMENTS: u32 = 1 << 16;

/// The sizes of the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) types: usize,
    pub(crate) eps: f32,
}

/// The numbers of the special pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Special {
    pub(crate) bos: usize,
    pub(crate) eos: usize,
    pub(crate) pad: usize,
    pub(crate) unk: usize,
}

/// How the values of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Little-endian f32.
    Single,
    /// Blocks of [`BLOCK`] weights of 4 bits with a common scale.
    Blocks,
}

impl Values {
    /// Bytes of this many values.
    fn bytes(self, values: usize) -> usize {
        match self {
            Self::Single => values * 4,
            Self::Blocks => values / BLOCK * BLOCK_BYTES,
        }
    }
}

/// A piece and its score, the logarithm of its probability.
pub(crate) type Piece<'a> = (&'a str, f32);

#[derive(Debug)]
struct Entry<'a> {
    kind: u8,
    values: u32,
    bytes: &'a [u8],
}

/// A container whose parts have been found and checked; the text and the values stay where they are.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    pub(crate) shape: Shape,
    pub(crate) special: Special,
    /// The pieces of the unigram model with their scores, by number.
    pub(crate) pieces: Vec<Piece<'a>>,
    /// What single characters are replaced by, in ascending order.
    pub(crate) replacements: Vec<(char, String)>,
    tensors: BTreeMap<&'a str, Entry<'a>>,
}

impl<'a> Container<'a> {
    /// Finds the parts of a file.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, String> {
        let mut cursor = Cursor { rest: file };
        if cursor.take(4, "the mark E5S1")? != b"E5S1" {
            return Err("it does not begin with E5S1".into());
        }
        cursor.u32("the version")?;
        let shape = shape(&mut cursor)?;
        let (special, pieces) = pieces(&mut cursor, shape.vocabulary)?;
        let replacements = replacements(&mut cursor)?;
        let tensors = tensors(&mut cursor, file)?;
        Ok(Self {
            shape,
            special,
            pieces,
            replacements,
            tensors,
        })
    }

    /// The stored bytes of a tensor, which must have this shape and type.
    pub(crate) fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        stored: Values,
    ) -> Result<&'a [u8], String> {
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| format!("tensor '{name}' is missing"))?;
        let (kind, what) = match stored {
            Values::Single => (0, "f32"),
            Values::Blocks => (1, "blocks of 4 bits"),
        };
        if entry.kind != kind {
            return Err(format!(
                "tensor '{name}' has the type {}; expected {kind}, {what}",
                entry.kind
            ));
        }
        let values = shape.iter().product::<usize>();
        if entry.values as usize != values {
            return Err(format!(
                "tensor '{name}' has {} values; the sizes of the model make it {values}",
                entry.values
            ));
        }
        if entry.bytes.len() != stored.bytes(values) {
            return Err(format!(
                "tensor '{name}' has {} bytes; {values} values of its type take {}",
                entry.bytes.len(),
                stored.bytes(values)
            ));
        }
        Ok(entry.bytes)
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize, what: &str) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or_else(|| {
            format!(
                "{what} takes {bytes} bytes where {} are left; the file is truncated or damaged",
                self.rest.len()
            )
        })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, String> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn f32(&mut self, what: &str) -> Result<f32, String> {
        self.array(what).map(f32::from_le_bytes)
    }

    /// A number of things, from `least` to `most`.
    fn count(&mut self, what: &str, least: u32, most: u32) -> Result<usize, String> {
        let count = self.u32(what)?;
        if !(least..=most).contains(&count) {
            return Err(format!("{what} is {count}; expected {least} to {most}"));
        }
        Ok(count as usize)
    }
}

fn shape(cursor: &mut Cursor<'_>) -> Result<Shape, String> {
    let shape = Shape {
        hidden: cursor.count("the hidden size", 1, MOST >> 8)?,
        layers: cursor.count("the number of layers", 1, 1 << 10)?,
        heads: cursor.count("the number of heads", 1, MOST >> 8)?,
        intermediate: cursor.count("the intermediate size", 1, MOST >> 8)?,
        vocabulary: cursor.count("the vocabulary size", 1, MOST)?,
        positions: cursor.count("the number of positions", 1, MOST)?,
        types: cursor.count("the number of token types", 1, MOST)?,
        eps: cursor.f32("the epsilon")?,
    };
    let block = cursor.u32("the weights a block")?;
    if block as usize != BLOCK {
        return Err(format!(
            "its blocks hold {block} weights; expected {BLOCK}, the only size there is a reader for"
        ));
    }
    for (what, size) in [
        ("hidden", shape.hidden),
        ("intermediate", shape.intermediate),
    ] {
        if !size.is_multiple_of(BLOCK) {
            return Err(format!("the {what} size is {size}, no multiple of {BLOCK}"));
        }
    }
    Ok(shape)
}

fn pieces<'a>(
    cursor: &mut Cursor<'a>,
    vocabulary: usize,
) -> Result<(Special, Vec<Piece<'a>>), String> {
    let count = cursor.count("the number of pieces", 1, MOST)?;
    if count > vocabulary {
        return Err(format!(
            "there are {count} pieces for a vocabulary of {vocabulary}"
        ));
    }
    let mut special = |what: &str| {
        let number = cursor.u32(what)? as usize;
        if number >= count {
            return Err(format!("{what} is piece {number} of {count}"));
        }
        Ok(number)
    };
    let special = Special {
        bos: special("the first token of a text")?,
        eos: special("the last token of a text")?,
        pad: special("the padding")?,
        unk: special("the unknown token")?,
    };
    let length = cursor.u64("the length of the pieces' text")?;
    let offsets = cursor.take((count + 1) * 4, "the offsets of the pieces")?;
    let offset = |i: usize| u32::from_le_bytes(offsets.as_chunks().0[i]) as usize;
    let scores = cursor.take(count * 4, "the scores of the pieces")?;
    let text = cursor.take(
        usize::try_from(length).unwrap_or(usize::MAX),
        "the text of the pieces",
    )?;
    let mut pieces = Vec::with_capacity(count);
    for (i, &score) in scores.as_chunks().0.iter().enumerate() {
        let (from, to) = (offset(i), offset(i + 1));
        let piece = text
            .get(from..to)
            .ok_or_else(|| format!("piece {i} lies at bytes {from} to {to} of {length}"))?;
        let piece = std::str::from_utf8(piece).map_err(|e| format!("piece {i}: {e}"))?;
        let score = f32::from_le_bytes(score);
        if !score.is_finite() {
            return Err(format!("piece {i}, '{piece}', has the score {score}"));
        }
        pieces.push((piece, score));
    }
    Ok((special, pieces))
}

fn replacements(cursor: &mut Cursor<'_>) -> Result<Vec<(char, String)>, String> {
    let count = cursor.count("the number of replacements", 0, MOST_REPLACEMENTS)?;
    let length = cursor.u32("the length of the replacements")? as usize;
    let mut cursor = Cursor {
        rest: cursor.take(length, "the table of replacements")?,
    };
    let mut replacements: Vec<(char, String)> = Vec::new();
    for i in 0..count {
        let what = format!("replacement {i}");
        let character = |code: u32| {
            let character = char::from_u32(code).filter(|&c| c != '\0');
            character.ok_or_else(|| format!("{what} has the code point {code:#x}"))
        };
        let from = character(cursor.u32(&what)?)?;
        if replacements.last().is_some_and(|(last, _)| *last >= from) {
            return Err(format!("{what} is out of order"));
        }
        let [length] = cursor.array(&what)?;
        let to = (0..length).map(|_| character(cursor.u32(&what)?));
        replacements.push((from, to.collect::<Result<_, _>>()?));
    }
    if !cursor.rest.is_empty() {
        let left = cursor.rest.len();
        return Err(format!("{left} bytes are left after the replacements"));
    }
    Ok(replacements)
}

fn tensors<'a>(
    cursor: &mut Cursor<'a>,
    file: &'a [u8],
) -> Result<BTreeMap<&'a str, Entry<'a>>, String> {
    let count = cursor.count("the number of tensors", 1, MOST)?;
    let mut tensors = BTreeMap::new();
    for i in 0..count {
        let what = format!("the entry of tensor {i}");
        let length = u16::from_le_bytes(cursor.array(&what)?);
        let name = std::str::from_utf8(cursor.take(length.into(), &what)?)
            .map_err(|e| format!("the name of tensor {i}: {e}"))?;
        let [kind] = cursor.array(&what)?;
        let values = cursor.u32(&what)?;
        let (offset, length) = (cursor.u64(&what)?, cursor.u64(&what)?);
        let bytes = usize::try_from(offset)
            .ok()
            .zip(
                offset
                    .checked_add(length)
                    .and_then(|end| usize::try_from(end).ok()),
            )
            .and_then(|(from, to)| file.get(from..to))
            .ok_or_else(|| {
                format!(
                    "tensor '{name}' takes {length} bytes from {offset}, of {} in the file; it is \
                     truncated or damaged",
                    file.len()
                )
            })?;
        let entry = Entry {
            kind,
            values,
            bytes,
        };
        if tensors.insert(name, entry).is_some() {
            return Err(format!("tensor '{name}' is there twice"));
        }
    }
    Ok(tensors)
}
