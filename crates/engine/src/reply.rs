//! What comes back: items, scores, and where they came from.

use serde::Serialize;

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reply {
    /// Best first.
    pub items: Vec<Recommendation>,
    /// What the reader should know of this answer: unknown ids, fallbacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One item of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recommendation {
    /// Its id.
    pub item: String,
    /// What people call it.
    pub title: String,
    /// The model's score; comparable within one answer.
    pub score: f32,
    /// The model that brought it here: the source through which most of the score goes back to
    /// the person, or else the one with the largest part.
    pub source: String,
    /// Why, in words; empty unless asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Why, in numbers; empty unless asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// A part of a score, traced to its origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The model it came through.
    pub source: String,
    /// `history`, `text` or `item`.
    pub cause: &'static str,
    /// The item of the history, if that is the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its share of the score.
    pub amount: f32,
    /// The words that carried it, where it came through texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordShare>,
    /// Facts that both items have, the rarest first, where the model has read facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<String>,
}

/// A word and what it adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WordShare {
    /// The word.
    pub word: String,
    /// By how much the similarity (cosine) to the item falls when the word is left out; `None`
    /// for a word that both texts merely share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f32>,
}
