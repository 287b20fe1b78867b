//! What texts are to an encoder: many models read what is searched and what is searched for
//! differently, by a prompt before each.

use crate::{Encoder, TextError, Vectors};

/// What the texts of a call are to the encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// They are searched: items, documents.
    #[default]
    Passage,
    /// They are searched for: queries, what a person wrote.
    Query,
}

impl Role {
    /// `passage` or `query`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passage => "passage",
            Self::Query => "query",
        }
    }

    /// The vectors of texts in this role.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub(crate) fn encode<S: AsRef<str> + Sync>(
        self,
        encoder: &Encoder,
        texts: &[S],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vectors, TextError> {
        match self {
            Self::Passage => encoder.encode(texts, progress),
            Self::Query => encoder.encode_queries(texts, progress),
        }
    }
}
