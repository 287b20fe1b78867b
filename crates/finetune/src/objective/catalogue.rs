//! What an objective is given: events, texts, and the texts as the encoder reads them.

use crate::sample::Distinct;
use crate::{FinetuneError, Network, Sequence};
use semrec_data::{Cases, Interactions};
use semrec_text::Role;

/// What an encoder is tuned on.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Events to learn from.
    pub train: &'a Interactions,
    /// What is held out, by which training is told when to end.
    pub validation: &'a Cases,
    /// What the encoder reads of each item, `[n_items]`; empty for one that says nothing.
    pub items: &'a [String],
    /// What a person calls each item, `[n_items]`.
    pub titles: &'a [String],
    /// The items that are held out entirely, `[n_items]`: nothing is learned from their texts.
    pub hidden: &'a [bool],
    /// What people wrote of themselves, `[n_users]`, if anybody did.
    pub users: Option<&'a [String]>,
    /// The items' vectors by the encoder to learn from, `[n_items, width]`, and their width.
    pub teacher: Option<(&'a [f32], usize)>,
}

#[cfg(test)]
impl<'a> Material<'a> {
    /// Texts that nothing is known of but what they say, called as they are.
    pub(crate) fn of_texts(
        items: &'a [String],
        (train, validation): (&'a Interactions, &'a Cases),
        hidden: &'a [bool],
    ) -> Self {
        Self {
            train,
            validation,
            items,
            titles: items,
            hidden,
            users: None,
            teacher: None,
        }
    }
}

/// The items' texts, each distinct one once.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    pub(crate) distinct: Distinct,
    /// Of each distinct text.
    pub(crate) sequences: Vec<Sequence>,
}

impl Catalogue {
    /// Reads the items' texts, each up to `longest` tokens.
    pub(crate) fn read(
        network: &Network,
        items: &[String],
        longest: usize,
    ) -> Result<Self, FinetuneError> {
        let all = network.tokenise(items, Role::Passage, longest)?;
        let said = all.iter().zip(items);
        let distinct = Distinct::of(said.map(|(s, text)| (!text.trim().is_empty()).then_some(s)));
        if distinct.len() < 2 {
            return Err(FinetuneError::Data {
                problem: format!(
                    "the {} items have {} distinct text(s); an encoder is tuned on texts that \
                     differ",
                    items.len(),
                    distinct.len()
                ),
            });
        }
        let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        let sequences = (0..count).map(|text| all[distinct.row_of(text) as usize].clone());
        Ok(Self {
            sequences: sequences.collect(),
            distinct,
        })
    }

    /// The sequences of some texts.
    pub(crate) fn of(&self, texts: &[u32]) -> Vec<Sequence> {
        let own = texts.iter().map(|&t| self.sequences[t as usize].clone());
        own.collect()
    }

    /// Vectors of items, `[n_items, dim]`, from those of the texts; zero for one that says nothing.
    pub(crate) fn items(&self, texts: &[f32], dim: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.distinct.rows() * dim];
        for (item, row) in (0u32..).zip(out.chunks_exact_mut(dim)) {
            if let Some(text) = self.distinct.of_row(item) {
                row.copy_from_slice(&texts[text as usize * dim..][..dim]);
            }
        }
        out
    }
}
