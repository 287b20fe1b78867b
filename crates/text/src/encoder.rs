//! A pretrained encoder: texts in, one unit vector each out.
//!
//! A model is a directory as `transformers` and `sentence-transformers` write it: `config.json`,
//! `tokenizer.json`, `model.safetensors`, and where present `modules.json` with the folders it
//! names, `config_sentence_transformers.json` and `sentence_bert_config.json`. Texts are tokenised
//! [`WINDOW`] at a time, sorted by length, cut into batches by their tokens and laid end to end, so
//! that no work goes into padding; batches run in parallel, each on one thread, beside the
//! tokenising of the next window. The weights are mapped, not read.
//!
//! ```no_run
//! use semrec_text::Encoder;
//! let encoder = Encoder::load("models/minilm".as_ref())?;
//! let vectors = encoder.encode(&["noise-cancelling headphones"], &|_, _| {})?;
//! assert_eq!(vectors.row(0).len(), encoder.dim());
//! # Ok::<(), semrec_text::TextError>(())
//! ```

use crate::compute::Kernels;
use crate::fingerprint::{Fingerprint, of_file, of_reading, of_settings};
use crate::head::Head;
use crate::model_files::ADAPTER;
use crate::settings::{Reading, Settings};
use crate::static_tokens::{MODEL_TYPE, StaticTokens};
use crate::transformer::{Scratch, Transformer};
use crate::weights::Weights;
use crate::{TextError, Vectors, changes, tokenizer};
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tokenizers::{Encoding, Tokenizer};

/// Texts tokenised and sorted together: bounds what is held beside the vectors.
const WINDOW: usize = 8192;
/// Tokens of one batch, unless a single text has more: bounds the scratch memory of a thread to
/// about 5 MiB for 384 dimensions. With fewer the weights, which lie further away, are read more
/// often; with more the activations leave the second-level cache.
const BATCH_TOKENS: usize = 512;

/// Texts that a thread takes at once where no transformer runs.
const STATIC_BATCH: usize = 256;

/// A loaded encoder; cheap to share between threads by reference.
#[derive(Debug)]
pub struct Encoder {
    name: String,
    fingerprint: Fingerprint,
    tokenizer: Tokenizer,
    reading: Reading,
    model: Model,
}

/// What makes vectors of tokens.
#[derive(Debug)]
enum Model {
    Transformer(Box<Whole>),
    Static(StaticTokens),
}

/// A transformer with what follows it.
#[derive(Debug)]
struct Whole {
    architecture: &'static str,
    vocabulary: usize,
    body: Transformer,
    head: Head,
    /// Buffers of the threads that are not encoding just now; never more than there are threads.
    scratch: Mutex<Vec<Scratch>>,
}

impl Encoder {
    /// Loads a model directory.
    ///
    /// # Errors
    /// [`TextError`] naming the file, and for weights the tensor, that is missing, damaged or not
    /// supported.
    pub fn load(dir: &Path) -> Result<Self, TextError> {
        Self::load_with(dir, Kernels::default())
    }

    /// Loads a model directory, and says what its matrix products may use of the CPU.
    ///
    /// # Errors
    /// As [`Encoder::load`].
    pub fn load_with(dir: &Path, kernels: Kernels) -> Result<Self, TextError> {
        let name = dir.file_name().map_or_else(
            || dir.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let config = dir.join("config.json");
        let open = || changes::open(dir);
        if StaticTokens::is_here(dir) {
            let reading = Reading::of_static(dir)?;
            let weights = open()?;
            let model = StaticTokens::load(&weights, reading.truncate)?;
            let (tokenizer, hash) = tokenizer::load(dir, model.rows(), reading.max_tokens)?;
            let said = of_reading(MODEL_TYPE, &[], &reading);
            return Ok(Self {
                name,
                fingerprint: Fingerprint::new(&config, hash, &weights, said)?,
                tokenizer,
                reading,
                model: Model::Static(model),
            });
        }
        let settings = Settings::read(dir)?;
        let (shape, max_tokens) = (&settings.shape, settings.reading.max_tokens);
        let (tokenizer, hash) = tokenizer::load(dir, shape.vocabulary, max_tokens)?;
        let weights = open()?;
        let beside = dir.join(ADAPTER);
        let bottlenecks = if beside.is_file() {
            Some(Weights::open(&beside)?)
        } else {
            None
        };
        let mut said = of_settings(&settings)?;
        if changes::are_here(dir) {
            for file in [changes::CHANGES, changes::CONFIG] {
                said.extend(of_file(&dir.join(file))?);
            }
        }
        if bottlenecks.is_some() {
            said.extend(of_file(&beside)?);
        }
        Ok(Self {
            name,
            fingerprint: Fingerprint::new(&config, hash, &weights, said)?,
            tokenizer,
            model: Model::Transformer(Box::new(Whole {
                architecture: shape.family.name(),
                vocabulary: shape.vocabulary,
                body: Transformer::load(
                    (&weights, bottlenecks.as_ref()),
                    shape,
                    max_tokens,
                    kernels,
                )?,
                head: Head::load(&settings, kernels)?,
                scratch: Mutex::default(),
            })),
            reading: settings.reading,
        })
    }

    /// Name of the directory it was loaded from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        match &self.model {
            Model::Transformer(whole) => whole.head.dim(),
            Model::Static(model) => model.dim(),
        }
    }

    /// The architecture, as `config.json` calls it: `bert`, `qwen3`, `model2vec` and so on.
    #[must_use]
    pub fn architecture(&self) -> &str {
        match &self.model {
            Model::Transformer(whole) => whole.architecture,
            Model::Static(_) => MODEL_TYPE,
        }
    }

    /// Number of transformer layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        match &self.model {
            Model::Transformer(whole) => whole.body.layers(),
            Model::Static(_) => 0,
        }
    }

    /// Runs only these layers from now on, in this order.
    pub(crate) fn keep_layers(&mut self, layers: Vec<usize>) {
        if let Model::Transformer(whole) = &mut self.model {
            whole.body.keep_layers(layers);
        }
    }

    /// Number of weights that were read.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match &self.model {
            Model::Transformer(whole) => whole.body.parameters() + whole.head.parameters(),
            Model::Static(model) => model.parameters(),
        }
    }

    /// Number of tokens there are vectors for.
    pub(crate) fn vocabulary(&self) -> usize {
        match &self.model {
            Model::Transformer(whole) => whole.vocabulary,
            Model::Static(model) => model.rows(),
        }
    }

    /// The tokens before a text, with the prompt for items, and behind it.
    pub(crate) fn ends(&self) -> Result<(Vec<u32>, Vec<u32>), TextError> {
        let text = self.tokens("", "a", false)?;
        let mut before = self.tokens("", "a", true)?;
        let at = before.windows(text.len().max(1)).position(|w| w == text);
        let mut after = before.split_off(at.unwrap_or(0));
        after.drain(..text.len().min(after.len()));
        before.extend(self.tokens(&self.reading.prompts.passage, "", false)?);
        Ok((before, after))
    }

    /// The tokens of a text, without those at its ends and without prompt.
    pub(crate) fn plain_tokens(&self, text: &str) -> Result<Vec<u32>, TextError> {
        self.tokens("", text, false)
    }

    /// The unit vectors of sequences of tokens, `[n, dim]`.
    pub(crate) fn encode_tokens(
        &self,
        sequences: &[Vec<u32>],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vectors {
        let mut vectors = Vectors::zeros(sequences.len(), self.dim());
        let done = AtomicUsize::new(0);
        if let Model::Transformer(whole) = &self.model {
            whole.encode_window(sequences, 0, &mut vectors, &|n| {
                let before = done.fetch_add(n, Ordering::Relaxed);
                progress(before + n, sequences.len());
            });
        }
        vectors
    }

    /// What [`Encoder::encode`] puts before a text; empty for nothing.
    #[must_use]
    pub fn passage_prompt(&self) -> &str {
        &self.reading.prompts.passage
    }

    /// What [`Encoder::encode_queries`] puts before a text; empty for nothing.
    #[must_use]
    pub fn query_prompt(&self) -> &str {
        &self.reading.prompts.query
    }

    /// Tokens a text is cut at, the special ones included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.reading.max_tokens
    }

    /// SHA-256 over configuration, tokenizer, weights, pooling, what follows it, prompts and length
    /// limit, hexadecimal: equal fingerprints, equal vectors, to the precision of the weights.
    /// Computed when it is first asked for, as it reads the whole of the weights.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.get()
    }

    /// The unit vectors of texts that are searched (items, documents), `[n, dim]`, in their order.
    /// An empty text is encoded like any other, by its special tokens; where the tokenizer adds
    /// none, its vector is zero.
    ///
    /// `progress` is called with (texts done, texts in all) after each batch, from any thread.
    /// The result does not depend on the number of threads, nor on which texts come together.
    ///
    /// # Errors
    /// [`TextError::Tokenize`] if the tokenizer refuses a text.
    pub fn encode<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vectors, TextError> {
        self.encode_after(&self.reading.prompts.passage, texts, progress)
    }

    /// The same of texts that are searched for (queries, what a person wrote): they differ from
    /// [`Encoder::encode`] where the model has a prompt of its own for queries.
    ///
    /// # Errors
    /// [`TextError::Tokenize`] if the tokenizer refuses a text.
    pub fn encode_queries<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vectors, TextError> {
        self.encode_after(&self.reading.prompts.query, texts, progress)
    }

    /// Whether each text, read as one that is searched, is longer than [`Encoder::max_tokens`], so
    /// that its end is not read.
    ///
    /// # Errors
    /// [`TextError::Tokenize`] if the tokenizer refuses a text.
    pub fn cuts<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<bool>, TextError> {
        let prompt = &self.reading.prompts.passage;
        let cut = |text: &S| {
            let encoding = self.encoding(prompt, text.as_ref(), true)?;
            Ok(!encoding.get_overflowing().is_empty())
        };
        texts.par_iter().map(cut).collect()
    }

    fn encode_after<S: AsRef<str> + Sync>(
        &self,
        prompt: &str,
        texts: &[S],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vectors, TextError> {
        let mut vectors = Vectors::zeros(texts.len(), self.dim());
        let done = AtomicUsize::new(0);
        let report = |texts_done: usize| {
            let before = done.fetch_add(texts_done, Ordering::Relaxed);
            progress(before + texts_done, texts.len());
        };
        match &self.model {
            Model::Transformer(whole) => {
                let tokenise = |window: &[S]| self.tokenise(prompt, window);
                whole.encode(texts, tokenise, &mut vectors, &report)?;
            }
            Model::Static(model) => {
                let dim = self.dim();
                texts
                    .par_chunks(STATIC_BATCH)
                    .zip(vectors.as_mut_slice().par_chunks_mut(STATIC_BATCH * dim))
                    .try_for_each(|(texts, rows)| {
                        let mut row = Vec::new();
                        for (text, out) in texts.iter().zip(rows.chunks_exact_mut(dim)) {
                            let tokens = self.tokens(prompt, text.as_ref(), false)?;
                            model.pool(&tokens, &mut row, out);
                        }
                        report(texts.len());
                        Ok::<_, TextError>(())
                    })?;
            }
        }
        Ok(vectors)
    }

    fn tokenise<S: AsRef<str> + Sync>(
        &self,
        prompt: &str,
        texts: &[S],
    ) -> Result<Vec<Vec<u32>>, TextError> {
        let tokens = texts
            .par_iter()
            .map(|text| self.tokens(prompt, text.as_ref(), true));
        tokens.collect()
    }

    fn tokens(&self, prompt: &str, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        Ok(self.encoding(prompt, text, special)?.get_ids().to_vec())
    }

    fn encoding(&self, prompt: &str, text: &str, special: bool) -> Result<Encoding, TextError> {
        let mut text = Cow::Borrowed(text);
        if !prompt.is_empty() {
            text = Cow::Owned(format!("{prompt}{text}"));
        }
        if self.reading.lowercase {
            text = Cow::Owned(text.to_lowercase());
        }
        let encoding = self.tokenizer.encode_fast(text, special);
        encoding.map_err(|e| TextError::Tokenize {
            model: self.name.clone(),
            problem: e.to_string(),
        })
    }
}

impl Whole {
    /// Encodes texts window by window; the next one is tokenised beside the arithmetic.
    fn encode<S: Sync>(
        &self,
        texts: &[S],
        tokenise: impl Fn(&[S]) -> Result<Vec<Vec<u32>>, TextError> + Sync,
        vectors: &mut Vectors,
        report: &(impl Fn(usize) + Sync),
    ) -> Result<(), TextError> {
        let mut windows = texts.chunks(WINDOW);
        let mut next = windows.next().map(&tokenise).transpose()?;
        let mut first_row = 0;
        while let Some(tokens) = next {
            let mut encode = || self.encode_window(&tokens, first_row, vectors, report);
            ((), next) = match windows.next() {
                Some(window) => {
                    let (done, tokens) = rayon::join(encode, || tokenise(window));
                    (done, Some(tokens?))
                }
                None => (encode(), None),
            };
            first_row += tokens.len();
        }
        Ok(())
    }

    fn encode_window(
        &self,
        tokens: &[Vec<u32>],
        first_row: usize,
        vectors: &mut Vectors,
        report: &(impl Fn(usize) + Sync),
    ) {
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(tokens[i].len()));
        let batches: Vec<&[usize]> = batches(&order, tokens);
        let rows: Vec<Vec<f32>> = batches
            .par_iter()
            .map(|batch| {
                let sequences: Vec<&[u32]> = batch.iter().map(|&i| &tokens[i][..]).collect();
                let rows = self.encode_batch(&sequences);
                report(batch.len());
                rows
            })
            .collect();
        for (batch, rows) in batches.iter().zip(&rows) {
            for (&i, row) in batch.iter().zip(rows.chunks_exact(self.head.dim())) {
                vectors.row_mut(first_row + i).copy_from_slice(row);
            }
        }
    }

    /// The unit vectors of some sequences, `[n, dim]`; zero for a sequence without tokens.
    fn encode_batch(&self, sequences: &[&[u32]]) -> Vec<f32> {
        let mut scratch = self.take_scratch();
        let states = self.body.forward(sequences, &mut scratch);
        let rows = self.head.apply(sequences, states);
        self.scratch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
        rows
    }

    fn take_scratch(&self) -> Scratch {
        let mut pool = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        pool.pop().unwrap_or_default()
    }
}

/// Cuts texts sorted by length into batches of at most [`BATCH_TOKENS`] tokens, fewer where there
/// would be no batch for some thread.
fn batches<'a>(order: &'a [usize], tokens: &[Vec<u32>]) -> Vec<&'a [usize]> {
    let total: usize = tokens.iter().map(Vec::len).sum();
    let share = total.div_ceil(2 * rayon::current_num_threads());
    let limit = share.clamp(64, BATCH_TOKENS);
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (end, &i) in order.iter().enumerate() {
        if end > start && sum + tokens[i].len() > limit {
            batches.push(&order[start..end]);
            (start, sum) = (end, 0);
        }
        sum += tokens[i].len();
    }
    if start < order.len() {
        batches.push(&order[start..]);
    }
    batches
}
