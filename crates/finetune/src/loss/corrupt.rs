//! Texts spoilt on purpose, for an encoder to put right.
//!
//! - Masked words (Devlin et al. 2019): 15% of the tokens that are not special, one at least, are to
//!   be guessed; 80% of these become `[MASK]`, 10% any token, 10% stay.
//! - Deletion (TSDAE, Wang et al. 2021): each token that is not special goes with 60%; one at least
//!   is left.
//!
//! What happens to a text depends on the seed, the epoch and the text alone, not on the batch it is
//! in.

use crate::Sequence;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What the tokens of an encoder mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alphabet<'a> {
    /// The special tokens, ascending.
    pub(crate) special: &'a [u32],
    /// `[MASK]`.
    pub(crate) mask: u32,
    /// Number of tokens, at least 1.
    pub(crate) size: u32,
}

/// Where the draws come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// Seed of the run.
    pub(crate) seed: u64,
    /// The epoch; each spoils a text anew.
    pub(crate) epoch: u64,
}

/// A text some of whose tokens are to be guessed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Masked {
    /// What the encoder reads, as long as the text.
    pub(crate) sequence: Sequence,
    /// Places of the tokens to be guessed, ascending.
    pub(crate) places: Vec<u32>,
    /// What they were.
    pub(crate) targets: Vec<u32>,
}

/// A text with `share` of its tokens to be guessed; none, in a text of special tokens alone.
pub(crate) fn mask(text: &Sequence, share: f32, alphabet: &Alphabet<'_>, draw: Draw) -> Masked {
    let mut rng = draw.of(b"mask", text);
    let mut open = plain_places(text, alphabet.special);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the tokens"
    )]
    let chosen = ((share * open.len() as f32).round() as usize).clamp(1, open.len().max(1));
    let some = open.len().min(chosen);
    let (places, _) = open.partial_shuffle(&mut rng, some);
    places.sort_unstable();
    let mut out = Masked {
        sequence: text.clone(),
        places: Vec::with_capacity(some),
        targets: Vec::with_capacity(some),
    };
    for &place in &*places {
        let token = &mut out.sequence.tokens[place];
        out.targets.push(*token);
        out.places.push(u32::try_from(place).unwrap_or(u32::MAX));
        let fate: f32 = rng.random();
        if fate < 0.8 {
            *token = alphabet.mask;
        } else if fate < 0.9 {
            *token = rng.random_range(0..alphabet.size);
        }
    }
    out
}

/// A text without about `share` of its tokens.
pub(crate) fn delete(text: &Sequence, share: f32, special: &[u32], draw: Draw) -> Sequence {
    let mut rng = draw.of(b"drop", text);
    let open = plain_places(text, special);
    let mut kept = vec![true; text.len()];
    for &place in &open {
        kept[place] = rng.random::<f32>() >= share;
    }
    if !open.is_empty() && !open.iter().any(|&place| kept[place]) {
        kept[open[rng.random_range(0..open.len())]] = true;
    }
    let left = |place: &usize| kept[*place];
    Sequence {
        tokens: (0..text.len())
            .filter(left)
            .map(|k| text.tokens[k])
            .collect(),
        types: (0..text.types.len())
            .filter(left)
            .map(|k| text.types[k])
            .collect(),
    }
}

/// Places of the tokens that are not special.
fn plain_places(text: &Sequence, special: &[u32]) -> Vec<usize> {
    let places = text.tokens.iter().enumerate();
    places
        .filter(|(_, token)| special.binary_search(token).is_err())
        .map(|(place, _)| place)
        .collect()
}

impl Draw {
    fn of(self, purpose: &[u8; 4], text: &Sequence) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        seed[16..24].copy_from_slice(&digest(text).to_le_bytes());
        seed[24..28].copy_from_slice(purpose);
        ChaCha8Rng::from_seed(seed)
    }
}

/// FNV-1a over the tokens.
fn digest(text: &Sequence) -> u64 {
    let bytes = text.tokens.iter().flat_map(|token| token.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: Alphabet<'_> = Alphabet {
        special: &[0, 1, 2, 3],
        mask: 3,
        size: 5_000,
    };

    /// `[CLS]`, so many words, `[SEP]`.
    fn text(number: u32, words: u32) -> Sequence {
        let middle = (0..words).map(|k| 4 + (number * 131 + k * 17) % 4_990);
        Sequence::single(std::iter::once(1).chain(middle).chain([2]).collect())
    }

    const DRAW: Draw = Draw { seed: 9, epoch: 1 };

    #[test]
    fn masking_takes_its_shares() {
        // 200 texts of 20 words: 3 of each, 600 in all.
        let (mut masked, mut kept) = (0, 0);
        for number in 0..200 {
            let text = text(number, 20);
            let got = mask(&text, 0.15, &ALPHABET, DRAW);
            assert_eq!((got.places.len(), got.sequence.len()), (3, 22));
            assert!(got.places.is_sorted() && !got.places.contains(&0));
            assert!(!got.places.contains(&21));
            for (&place, &target) in got.places.iter().zip(&got.targets) {
                let now = got.sequence.tokens[place as usize];
                assert_eq!(target, text.tokens[place as usize]);
                masked += u32::from(now == 3);
                kept += u32::from(now == target);
            }
            let changed = text.tokens.iter().zip(&got.sequence.tokens);
            assert!(changed.filter(|(a, b)| a != b).count() <= 3);
        }
        // 480 and 60 expected; four standard deviations are 39 and 29.
        assert!((441..=519).contains(&masked), "{masked}");
        assert!((31..=89).contains(&kept), "{kept}");
    }

    #[test]
    fn deletion_takes_its_share_and_leaves_one() {
        let mut left = 0;
        for number in 0..200 {
            let got = delete(&text(number, 20), 0.6, ALPHABET.special, DRAW);
            assert_eq!((got.tokens[0], got.tokens.last()), (1, Some(&2)));
            left += got.len() - 2;
            assert_eq!(
                delete(&text(number, 3), 1.0, ALPHABET.special, DRAW).len(),
                3
            );
        }
        // 1600 of 4000 expected; four standard deviations are 124.
        assert!((1476..=1724).contains(&left), "{left}");
        let pair = Sequence {
            tokens: vec![1, 50, 2, 60, 2],
            types: vec![0, 0, 0, 1, 1],
        };
        let got = delete(&pair, 1.0, ALPHABET.special, DRAW);
        assert_eq!((got.len(), got.types.len()), (4, 4));
    }

    #[test]
    fn a_text_is_spoilt_by_seed_epoch_and_itself_alone() {
        let text = text(4, 60);
        let of = |seed, epoch| mask(&text, 0.15, &ALPHABET, Draw { seed, epoch });
        assert_eq!(of(1, 1), of(1, 1));
        assert_ne!(of(1, 1).places, of(1, 2).places);
        assert_ne!(of(1, 1).places, of(2, 1).places);
        let left = |epoch| delete(&text, 0.6, ALPHABET.special, Draw { seed: 1, epoch });
        assert_eq!(left(1), left(1));
        assert_ne!(left(1), left(2));
    }

    #[test]
    fn short_and_empty_texts() {
        let one = mask(&text(0, 1), 0.15, &ALPHABET, DRAW);
        assert_eq!((one.places, one.targets), (vec![1], vec![4]));
        for empty in [text(0, 0), Sequence::default()] {
            let got = mask(&empty, 0.15, &ALPHABET, DRAW);
            assert_eq!((got.places.len(), &got.sequence), (0, &empty));
            assert_eq!(delete(&empty, 0.6, ALPHABET.special, DRAW), empty);
        }
    }
}
