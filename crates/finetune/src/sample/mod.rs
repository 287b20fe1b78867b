//! What is learned from: examples drawn anew for each epoch, and the batches made of them.
//!
//! Everything is counted in *distinct texts* ([`Distinct`]): items that read the same have the same
//! vector, so they are one candidate and never negatives of each other. [`Histories`] gives a
//! person's context and what they touched next, [`Couples`] items that are touched near each other,
//! [`Questions`] pairs of texts with a label. Nothing here knows of an encoder; what is drawn
//! depends on the seed and the epoch alone.

mod batch;
mod couples;
mod distinct;
mod hard;
mod histories;
mod questions;

pub(crate) use batch::pack;
pub(crate) use couples::Couples;
pub use couples::CouplesConfig;
pub(crate) use distinct::Distinct;
pub use hard::Hardness;
pub(crate) use hard::hard_negatives;
pub(crate) use histories::Histories;
pub use histories::HistoriesConfig;
pub use questions::{Labels, QuestionsConfig};
pub(crate) use questions::{Question, Questions};

/// What a person or an item says of a text: given these, newest last, expect that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Example {
    /// Whose it is: a person of [`Histories`], a text of [`Couples`].
    pub(crate) source: u32,
    /// Texts, newest last; never the target.
    pub(crate) context: Vec<u32>,
    /// The text to be found.
    pub(crate) target: u32,
}

/// Where examples come from.
pub(crate) trait Source: Sync {
    /// The examples of an epoch, in an order of its own.
    fn examples(&self, seed: u64, epoch: u64) -> Vec<Example>;

    /// The texts, ascending, that are no negatives for this source's examples.
    fn positives(&self, source: u32) -> &[u32];

    /// The probability that a draw holds each text, `[texts]`; 0 for one that is never drawn.
    fn shares(&self) -> &[f64];

    /// How many draws these examples are.
    fn draws(&self, examples: &[Example]) -> usize;
}
