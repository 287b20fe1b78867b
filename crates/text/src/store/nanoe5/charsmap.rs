//! A table of replacements in SentencePiece's precompiled form, for `tokenizers`' `Precompiled`.
//!
//! The form is the length of a trie in bytes, the trie as 32-bit units, and the replacements one
//! after the other, each closed by a zero byte. The trie is a double array as darts-clone lays it
//! out (Aoe 1989; Yata's darts-clone): the children of the unit at *p*, whose offset is *o*, lie at
//! `p ^ o ^ byte`, and where a key ends, its value lies at `p ^ o`. A unit is
//!
//! ```text
//! bits 0–7 the byte that leads here, bit 8 whether a key ends here, bits 10–30 the offset
//! or, of a value: bit 31 set, bits 0–30 where the replacement begins
//! ```
//!
//! Sets of children are placed first-fit, which is quick enough for some thousand keys. The longer
//! offsets of the format (bit 9) are left out: a table that needs them is refused.

use std::collections::BTreeMap;

/// Offsets have 21 bits.
const MOST_UNITS: usize = 1 << 21;

/// A place, or a set of places, of the double array.
#[derive(Default)]
struct Node {
    children: BTreeMap<u8, Node>,
    value: Option<u32>,
}

#[derive(Default)]
struct DoubleArray {
    units: Vec<u32>,
    taken: Vec<bool>,
    /// Where some node's children begin; each base serves one node, so that a child is never
    /// mistaken for another's.
    bases: Vec<bool>,
}

/// The table as `Precompiled` reads it.
pub(crate) fn charsmap(replacements: &[(char, String)]) -> Result<Vec<u8>, String> {
    let (mut root, mut texts) = (Node::default(), Vec::new());
    for (from, to) in replacements {
        let begin = u32::try_from(texts.len()).ok().filter(|&b| b < 1 << 31);
        let mut node = &mut root;
        for &byte in from.encode_utf8(&mut [0; 4]).as_bytes() {
            node = node.children.entry(byte).or_default();
        }
        node.value = Some(begin.ok_or("the replacements are too long")?);
        texts.extend_from_slice(to.as_bytes());
        texts.push(0);
    }
    let mut array = DoubleArray::default();
    array.grow(0);
    array.taken[0] = true;
    array.place(&root, 0)?;
    let length = u32::try_from(array.units.len() * 4).map_err(|e| e.to_string())?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(array.units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend(texts);
    Ok(bytes)
}

impl DoubleArray {
    /// Makes room for every byte below `base`: a search may look at any of them.
    fn grow(&mut self, base: usize) {
        let size = (base | 0xff) + 1;
        if size > self.units.len() {
            self.units.resize(size, 0);
            self.taken.resize(size, false);
            self.bases.resize(size, false);
        }
    }

    /// Places what follows the node at `place`, and completes its unit.
    fn place(&mut self, node: &Node, place: usize) -> Result<(), String> {
        let base = self.base(node)?;
        let offset = u32::try_from(place ^ base).map_err(|e| e.to_string())?;
        self.bases[base] = true;
        self.units[place] |= offset << 10;
        if let Some(value) = node.value {
            self.taken[base] = true;
            self.units[base] = value | 1 << 31;
            self.units[place] |= 1 << 8;
        }
        for &byte in node.children.keys() {
            let child = base ^ usize::from(byte);
            self.taken[child] = true;
            self.units[child] = byte.into();
        }
        for (&byte, child) in &node.children {
            self.place(child, base ^ usize::from(byte))?;
        }
        Ok(())
    }

    /// The first base that leaves room for a node's value and children.
    fn base(&mut self, node: &Node) -> Result<usize, String> {
        let value = node.value.map(|_| 0);
        for base in 0..MOST_UNITS {
            self.grow(base);
            let mut places = node.children.keys().copied().chain(value);
            if !self.bases[base] && places.all(|byte| !self.taken[base ^ usize::from(byte)]) {
                return Ok(base);
            }
        }
        Err("the replacements need more than 2²¹ places".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::normalizers::Precompiled;

    fn table(replacements: &[(char, &str)]) -> Precompiled {
        let owned: Vec<(char, String)> = replacements
            .iter()
            .map(|&(from, to)| (from, to.to_owned()))
            .collect();
        Precompiled::from(&charsmap(&owned).unwrap()).unwrap()
    }

    #[test]
    fn characters_are_replaced_and_others_left() {
        // One, two, three and four bytes; sharing prefixes; to nothing, to one and to several.
        let table = table(&[
            ('\u{1}', ""),
            ('\t', " "),
            ('ª', "a"),
            ('½', "1⁄2"),
            ('\u{200b}', " "),
            ('ﬁ', "fi"),
            ('Ａ', "A"),
            ('𝐀', "A"),
        ]);
        let cases = [
            ("Ａ½ ﬁn", "A1⁄2 fin"),
            ("\u{1}a\tb\u{200b}c𝐀", "a b cA"),
            ("plain, º¾ﬂＢ𝐁 护发素 🙂", "plain, º¾ﬂＢ𝐁 护发素 🙂"),
            ("", ""),
        ];
        for (text, want) in cases {
            assert_eq!(table.normalize_string(text), want, "{text}");
        }
    }

    #[test]
    fn every_character_of_a_dense_table_is_found_and_no_other() {
        let odd = |c: &char| u32::from(*c) % 2 == 1;
        let replacements: Vec<(char, String)> = ('\u{1}'..='\u{1000}')
            .filter(odd)
            .map(|c| (c, format!("{:x}", u32::from(c))))
            .collect();
        let table = Precompiled::from(&charsmap(&replacements).unwrap()).unwrap();
        for c in '\u{1}'..='\u{2000}' {
            let want = (odd(&c) && c <= '\u{1000}').then(|| format!("{:x}", u32::from(c)));
            assert_eq!(table.transform(&c.to_string()), want.as_deref(), "{c}");
        }
    }

    #[test]
    fn an_empty_table_replaces_nothing() {
        assert_eq!(table(&[]).normalize_string("ﬁ \t"), "ﬁ \t");
    }
}
