//! The encoder of a bundle, read when the first text has to be encoded, and the vectors of texts
//! that asked lately.

use crate::EngineError;
use crate::words::leave_one_out;
use lru::LruCache;
use semrec_text::{Encoder, Vectors};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Words of a text whose part is looked at.
const WORDS: usize = 24;
/// Texts whose vectors are kept: with 384 values, at most 4 MiB.
const KEPT: NonZeroUsize = NonZeroUsize::new(2048).expect("not zero");
/// Longest text that is kept, in bytes: what many people look for is short.
const SHORT: usize = 256;

/// The encoder, once it was needed.
#[derive(Debug)]
pub(crate) struct Encoding {
    path: PathBuf,
    /// Length of the items' vectors.
    dim: usize,
    encoder: OnceLock<Encoder>,
    loading: Mutex<()>,
    /// Vectors of texts that asked, those of the longest ago leave first.
    asked: Mutex<LruCache<String, Vec<f32>>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Encoding {
    pub(crate) fn new(path: PathBuf, dim: usize) -> Self {
        Self {
            path,
            dim,
            encoder: OnceLock::new(),
            loading: Mutex::new(()),
            asked: Mutex::new(LruCache::new(KEPT)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
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

    /// Vectors of texts that ask. A text has one vector, whatever is encoded with it, so one that
    /// is kept is the one that would be made.
    ///
    /// # Errors
    /// As [`Encoding::prepare`].
    pub(crate) fn queries(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut found = self.kept(texts);
        let missing = texts
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none());
        let missing: Vec<&str> = missing.map(|(&text, _)| text).collect();
        let misses = missing.len() as u64;
        self.misses.fetch_add(misses, Ordering::Relaxed);
        let hits = texts.len() as u64 - misses;
        self.hits.fetch_add(hits, Ordering::Relaxed);
        if !missing.is_empty() {
            let made = self.encode(&missing)?;
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let places = found.iter_mut().filter(|found| found.is_none());
            for ((place, text), vector) in places.zip(missing).zip(made) {
                if text.len() <= SHORT {
                    asked.put(text.to_owned(), vector.clone());
                }
                *place = Some(vector);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn kept(&self, texts: &[&str]) -> Vec<Option<Vec<f32>>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = texts.iter().map(|&text| asked.get(text).cloned());
        kept.collect()
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EngineError> {
        let vectors = self.encoder()?.encode_queries(texts, &|_, _| {})?;
        Ok(vectors.rows().map(<[f32]>::to_vec).collect())
    }

    /// Texts that asked whose vectors were kept, and others.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hits), count(&self.misses))
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
        let without = self.encode(&texts)?;
        let parts = parts.into_iter().zip(without);
        let part = |rest: Vec<f32>| whole.iter().zip(&rest).map(|(a, b)| a - b).collect();
        Ok(parts.map(|((word, _), rest)| (word, part(rest))).collect())
    }
}
