//! The encoder of a bundle, read when the first text has to be encoded.

use crate::EngineError;
use crate::words::leave_one_out;
use semrec_text::{Encoder, Vectors};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Words of a text whose part is looked at.
const WORDS: usize = 24;

/// The encoder, once it was needed.
#[derive(Debug)]
pub(crate) struct Encoding {
    path: PathBuf,
    /// Length of the items' vectors.
    dim: usize,
    encoder: OnceLock<Encoder>,
    loading: Mutex<()>,
}

impl Encoding {
    pub(crate) fn new(path: PathBuf, dim: usize) -> Self {
        Self {
            path,
            dim,
            encoder: OnceLock::new(),
            loading: Mutex::new(()),
        }
    }

    fn encoder(&self) -> Result<&Encoder, EngineError> {
        if let Some(encoder) = self.encoder.get() {
            return Ok(encoder);
        }
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.encoder.get().is_none() {
            let encoder = self.load()?;
            return Ok(self.encoder.get_or_init(|| encoder));
        }
        self.encoder()
    }

    fn load(&self) -> Result<Encoder, EngineError> {
        let encoder = Encoder::load(&self.path)?;
        let (got, expected) = (encoder.dim(), self.dim);
        if got == expected {
            return Ok(encoder);
        }
        Err(EngineError::Bundle {
            path: self.path.clone(),
            problem: format!(
                "makes vectors of {got} values, those of the items have {expected}; train again"
            ),
        })
    }

    /// Reads the encoder if it was not read yet.
    ///
    /// # Errors
    /// If it cannot be read, or is not the items'.
    pub(crate) fn prepare(&self) -> Result<(), EngineError> {
        self.encoder().map(|_| ())
    }

    /// Vectors of texts that ask.
    ///
    /// # Errors
    /// As [`Encoding::prepare`].
    pub(crate) fn queries(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EngineError> {
        let vectors = self.encoder()?.encode_queries(texts, &|_, _| {})?;
        Ok(vectors.rows().map(<[f32]>::to_vec).collect())
    }

    /// Vectors of items' texts; zero for an empty one.
    ///
    /// # Errors
    /// As [`Encoding::prepare`].
    pub(crate) fn passages(&self, texts: &[String]) -> Result<Vectors, EngineError> {
        let said = |text: &&String| !text.trim().is_empty();
        let texts_said: Vec<&str> = texts.iter().filter(said).map(String::as_str).collect();
        let mut out = Vectors::zeros(texts.len(), self.dim);
        if texts_said.is_empty() {
            return Ok(out);
        }
        let vectors = self.encoder()?.encode(&texts_said, &|_, _| {})?;
        let places = (0..texts.len()).filter(|&i| said(&&texts[i]));
        for (place, vector) in places.zip(vectors.rows()) {
            out.row_mut(place).copy_from_slice(vector);
        }
        Ok(out)
    }

    /// The vector of the text without each of its words, as the difference to the whole: what the
    /// word adds to the similarity with an item is the inner product with its vector.
    ///
    /// # Errors
    /// As [`Encoding::prepare`].
    pub(crate) fn word_parts(
        &self,
        text: &str,
        whole: &[f32],
    ) -> Result<Vec<(String, Vec<f32>)>, EngineError> {
        let parts = leave_one_out(text, WORDS);
        if parts.len() < 2 {
            return Ok(Vec::new());
        }
        let texts: Vec<&str> = parts.iter().map(|(_, rest)| rest.as_str()).collect();
        let without = self.queries(&texts)?;
        let parts = parts.into_iter().zip(without);
        let part = |rest: Vec<f32>| whole.iter().zip(&rest).map(|(a, b)| a - b).collect();
        Ok(parts.map(|((word, _), rest)| (word, part(rest))).collect())
    }
}
