//! The items that say something, read: whitened vectors, words, languages.

use crate::numbers::index;
use crate::vocabulary::Vocabulary;
use crate::words::{Words, is_han};
use crate::{Config, MineError, config, quality};
use semrec_text::{Vectors, Whitening, WhiteningConfig};

/// The items with a text, as rows, and what is read of them.
pub(crate) struct Said {
    /// The item of each row.
    pub(crate) item: Vec<u32>,
    /// Whitened unit vectors of the rows.
    pub(crate) white: Vectors,
    pub(crate) texts: Vec<String>,
    pub(crate) languages: Vec<&'static str>,
    pub(crate) words: Words,
    pub(crate) vocabulary: Vocabulary,
}

impl Said {
    /// Of items with these texts and vectors, `[n_items, dim]`, those that have both.
    ///
    /// # Errors
    /// [`MineError`] if they are too few, or a setting makes no sense for so many.
    pub(crate) fn of(
        all: Vec<String>,
        vectors: &Vectors,
        config: &Config,
    ) -> Result<Self, MineError> {
        let items = all.len();
        let (mut item, mut texts) = (Vec::new(), Vec::new());
        for (i, text) in (0..index(items)).zip(all) {
            let said = vectors.row(i as usize).iter().any(|&x| x != 0.0);
            if !text.trim().is_empty() && said {
                item.push(i);
                texts.push(text);
            }
        }
        if item.len() < config::LEAST {
            return Err(MineError::TooFew {
                with_text: item.len(),
                items,
                least: config::LEAST,
            });
        }
        config.check(item.len())?;
        let whitening = WhiteningConfig {
            dims: Some(config.dims),
            power: config.power,
            ..WhiteningConfig::default()
        };
        let among = item.iter().map(|&i| i as usize);
        let whitening = Whitening::fit(vectors, among, &whitening)?;
        let all = whitening.apply(vectors);
        let white = item.iter().flat_map(|&i| all.row(i as usize));
        let white = Vectors::new(all.dim(), white.copied().collect());
        let (languages, codes) = quality::languages(&texts);
        let chinese = texts.iter().any(|t| t.chars().any(is_han));
        let mut words = Words::new(&codes, chinese);
        let vocabulary = Vocabulary::new(&mut words, &texts);
        Ok(Self {
            item,
            white,
            texts,
            languages,
            words,
            vocabulary,
        })
    }
}
