//! A text as an encoder reads it: the numbers of its tokens.

/// The tokens of a text, or of a pair of texts, special ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// Numbers of the tokens.
    pub tokens: Vec<u32>,
    /// The type of each token, 1 for those of the second text of a pair; empty where all are 0.
    pub types: Vec<u8>,
}

impl Sequence {
    /// A single text.
    #[must_use]
    pub fn single(tokens: Vec<u32>) -> Self {
        Self {
            tokens,
            types: Vec::new(),
        }
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
