//! All items at once, for those who look at the catalogue as a whole.

use crate::{Engine, EngineError};
use semrec_text::Vectors;

/// What items say.
#[derive(Debug)]
pub struct Survey {
    /// Their numbers.
    pub items: Vec<u32>,
    /// Their texts.
    pub texts: Vec<String>,
    /// The encoder's vectors of them, `[n, dim]`; zero for one without a text.
    pub vectors: Vectors,
}

impl Engine {
    /// What the items say that are there now, in the order of their numbers: of `most` of them,
    /// evenly spread, where there are more.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the bundle has no encoder.
    pub fn survey(&self, most: usize) -> Result<Survey, EngineError> {
        let index = &self.texts()?.index;
        let there = (0u32..).take(self.items.len());
        let there: Vec<u32> = there.filter(|&item| !self.items.is_gone(item)).collect();
        let step = there.len().div_ceil(most.max(1)).max(1);
        let items: Vec<u32> = there.into_iter().step_by(step).collect();
        let mut vectors = Vectors::zeros(items.len(), index.dim());
        for (row, &item) in items.iter().enumerate() {
            if let Some(vector) = index.vector(item) {
                vectors.row_mut(row).copy_from_slice(&vector);
            }
        }
        let texts = items.iter().map(|&item| self.items.text(item));
        Ok(Survey {
            texts: texts.collect(),
            items,
            vectors,
        })
    }

    /// Numbers that were given to items so far: those of a survey are below, later ones are not.
    #[must_use]
    pub fn numbered(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }

    /// Id and title of an item by its number, if it is there.
    #[must_use]
    pub fn named(&self, item: u32) -> Option<(&str, &str)> {
        let there = item < self.numbered() && !self.items.is_gone(item);
        there.then(|| (self.items.id(item), self.items.title(item)))
    }

    /// The item with the nearest text among those that are meant; none for an item without a text.
    ///
    /// # Errors
    /// [`EngineError`] if the index is damaged.
    pub fn nearest_to(
        &self,
        item: u32,
        among: impl Fn(u32) -> bool + Sync,
    ) -> Result<Option<u32>, EngineError> {
        let Some(index) = self.texts.as_ref().map(|texts| &texts.index) else {
            return Ok(None);
        };
        let Some(vector) = index.vector(item) else {
            return Ok(None);
        };
        let found = index.nearest(&vector, 1, |other| other != item && among(other))?;
        Ok(found.first().map(|ranked| ranked.item))
    }

    /// The names of all fields that an item has, each once.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        self.items.fields()
    }
}
