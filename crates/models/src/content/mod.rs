//! Content: items whose text is near to what the person touched, or wrote.
//!
//! Text vectors are whitened (centred and decorrelated on the training items, see
//! [`semrec_text::Whitening`]) and of unit length, `y_i`. The person is the recency-weighted sum
//! `p = Σ_h w_h · y_h + text_weight · y_text` with `w_h = (1 + age of h) ^ -recency`, and
//!
//! ```text
//! score(i) = cos(p, y_i) + ⟨b, y_i⟩
//!          = Σ_h w_h · ⟨y_h, y_i⟩ / ‖p‖ + text_weight · ⟨y_text, y_i⟩ / ‖p‖ + ⟨b, y_i⟩
//! ```
//!
//! so that what each item of the history adds is exact; `b` is zero but beside an encoder that was
//! tuned to say what everybody touches. Where facts are read, `y_i` is of texts and
//! facts (`texts.rs`), and a sentence goes beside the texts. An item or a person without any of both
//! gets minus infinity. Nothing is learned from clicks but the whitening and two numbers: a new item is
//! scored as well as an old one. The vectors of a pretrained encoder have to be whitened, those of one
//! that was tuned for this very cosine lose by it, and of people's histories the newest item says more
//! here than there; so both are taken as they find people's own training events (`probe.rs`). An
//! encoder that was tuned as one of two towers says itself what the other one was.

mod reading;
#[cfg(test)]
mod tests;

use crate::history::{Touched, recency_for, recency_problem, recent};
use crate::kernels::{products, row_dot};
use crate::texts::{SHARE, has_text, load_whitening, save_whitening};
use crate::{
    Cause, Contribution, Model, ModelError, Query, Recommender, Setting, Tensors, Training,
};
use rayon::prelude::*;
use reading::{chosen, prior};
use semrec_text::{Vectors, Whitening};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most queries multiplied at once: bounds the scratch to `CHUNK * dim` values per thread.
const CHUNK: usize = 64;
/// Items multiplied at once: their vectors stay near the core while people pass by.
const BLOCK: usize = 512;

/// Parameters of [`Content`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentConfig {
    /// How much less older items of the history count, 0 where the data have no order. By itself
    /// 0.6, or 1 where that is clearly better.
    pub recency: Setting,
    /// Weight of the person's own text relative to the newest item they touched.
    pub text_weight: f32,
    /// How far to whiten: 1 fully, 0 only centring. By itself 1, or 0 where that is clearly better.
    pub power: Setting,
    /// Added to each eigenvalue of the covariance, relative to their mean.
    pub eps: f32,
    /// Share of the facts in the cosine between two items that have both texts and facts, where
    /// facts are read: 0 reads texts alone, 1 facts alone.
    pub facts: f32,
}

impl Default for ContentConfig {
    fn default() -> Self {
        Self {
            recency: Setting::Auto,
            text_weight: 1.0,
            power: Setting::Auto,
            eps: 0.001,
            facts: SHARE,
        }
    }
}

/// The fitted model: `4 * dim` bytes per item, and a whitening.
#[derive(Clone, Debug)]
pub struct Content {
    config: ContentConfig,
    recency: f32,
    /// What every person has in common, `[dim]`; empty for nothing.
    prior: Vec<f32>,
    /// Of the texts; absent where facts alone are read.
    whitening: Option<Arc<Whitening>>,
    /// Mean of the items' vectors less that of the people's texts, `[dim_in]`: people write in
    /// another voice than catalogues do. Zero where people have no texts.
    voice: Vec<f32>,
    /// Values of a vector: of the text, then of the facts.
    dim: usize,
    /// `[n_fitted, dim]`, unit rows, zero for an item that says nothing.
    items: Arc<Vec<f32>>,
    /// The rows of items that are new, or read otherwise, since.
    changed: BTreeMap<u32, Arc<[f32]>>,
    has_text: Vec<bool>,
}

impl Model for Content {
    const NAME: &'static str = "content";
    const NEEDS_TEXT: bool = true;
    const NEEDS_EVENTS: bool = false;
    type Config = ContentConfig;

    fn space() -> Space {
        Space::default()
            .even("recency", 0.0, 1.5)
            .by_powers("text_weight", 0.1, 10.0)
            .even("power", 0.0, 1.0)
            .by_powers("eps", 1e-5, 1.0)
    }

    fn fit(training: &Training<'_>, config: &ContentConfig) -> Result<Self, ModelError> {
        let recency_problem = match config.recency {
            Setting::Is(recency) => recency_problem(recency),
            Setting::Auto => None,
        };
        let text_weight = config.text_weight;
        let text_problem = (!(text_weight >= 0.0 && text_weight.is_finite()))
            .then(|| format!("text_weight is {text_weight}; expected a number of at least 0"));
        if let Some(problem) = recency_problem.or(text_problem) {
            return Err(ModelError::Parameter {
                model: Self::NAME,
                problem,
            });
        }
        let (said, recency) = chosen(training, config)?;
        let recency = recency_for(training.interactions.clock(), recency);
        let prior = prior(training, config, &said)?;
        let mean = said.whitening.as_ref().map(Whitening::mean);
        let voice = mean.map_or_else(Vec::new, |mean| voice(training, mean));
        let dim = said.vectors.dim();
        Ok(Self::of(
            *config,
            (recency, prior, voice),
            said.whitening,
            (dim, Arc::new(said.vectors.into_vec())),
        ))
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: ContentConfig = tensors.config()?;
        let [n, dim] = tensors.shape("items")?;
        let recency = tensors.shared_f32("recency", &[1])?[0];
        let items = tensors.shared_f32("items", &[n, dim])?;
        let prior = if tensors.holds("prior") {
            tensors.shared_f32("prior", &[dim])?.to_vec()
        } else {
            Vec::new()
        };
        let [has_texts] = tensors.dimensions("has_texts")?;
        let (whitening, voice) = if has_texts == 0 {
            (None, Vec::new())
        } else {
            let whitening = load_whitening(tensors, dim)?;
            let voice = tensors.shared_f32("voice", &[whitening.dim_in()])?.to_vec();
            (Some(whitening), voice)
        };
        let people = (recency, prior, voice);
        Ok(Self::of(config, people, whitening, (dim, items)))
    }
}

/// What has to be added to a person's text for it to lie among the items' texts on average; of
/// people with training events alone.
fn voice(training: &Training<'_>, item_mean: &[f32]) -> Vec<f32> {
    let mut sum = vec![0.0f32; item_mean.len()];
    let mut count = 0.0f32;
    if let Some(vectors) = training.user_vectors {
        for (user, vector) in (0u32..).zip(vectors.rows()) {
            let active = !training.interactions.of_user(user).is_empty();
            if active && vector.iter().any(|&x| x != 0.0) {
                sum.iter_mut().zip(vector).for_each(|(s, x)| *s += x);
                count += 1.0;
            }
        }
    }
    if count == 0.0 {
        return sum;
    }
    item_mean
        .iter()
        .zip(&sum)
        .map(|(m, s)| m - s / count)
        .collect()
}

impl Content {
    fn of(
        config: ContentConfig,
        (recency, prior, voice): (f32, Vec<f32>, Vec<f32>),
        whitening: Option<Whitening>,
        (dim, items): (usize, Arc<Vec<f32>>),
    ) -> Self {
        let has_text = items.chunks_exact(dim.max(1)).map(has_text).collect();
        Self {
            config,
            recency,
            prior,
            whitening: whitening.map(Arc::new),
            voice,
            dim,
            items,
            changed: BTreeMap::new(),
            has_text,
        }
    }

    fn item(&self, item: u32) -> &[f32] {
        match self.changed.get(&item) {
            Some(row) => row,
            None => &self.items[item as usize * self.dim..][..self.dim],
        }
    }

    /// Cosines of people's vectors, `[people, dim]`, to all items, `[people, n_items]`.
    fn cosines(&self, people: &[f32], out: &mut [f32]) {
        let (n, dim) = (self.n_items(), self.dim);
        // Few people are many items nevertheless: these are shared among the threads.
        let blocks: Vec<Vec<f32>> = self
            .items
            .par_chunks(BLOCK * dim.max(1))
            .map(|items| {
                let wide = items.len() / dim;
                let mut block = vec![0.0; people.len() / dim * wide];
                products((people, items), dim, (&mut block, wide));
                block
            })
            .collect();
        for (block, first) in blocks.iter().zip((0..).step_by(BLOCK)) {
            let wide = BLOCK.min(self.items.len() / dim - first);
            let rows = out.chunks_exact_mut(n.max(1));
            for (row, cosines) in rows.zip(block.chunks_exact(wide)) {
                row[first..first + wide].copy_from_slice(cosines);
            }
        }
        let people = people.chunks_exact(dim.max(1));
        for (person, row) in people.zip(out.chunks_exact_mut(n.max(1))) {
            for (&item, vector) in &self.changed {
                row[item as usize] = row_dot(person, vector);
            }
        }
    }

    fn touched(&self, query: &Query<'_>) -> Vec<Touched> {
        recent(query.history, self.recency, |i| {
            self.has_text.get(i as usize).copied().unwrap_or(false)
        })
    }

    /// The whitened text of the query times its weight, if there is any.
    fn text(&self, query: &Query<'_>) -> Option<Vec<f32>> {
        let (text, whitening) = (query.text?, self.whitening.as_ref()?);
        let shifted: Vec<f32> = text.iter().zip(&self.voice).map(|(x, v)| x + v).collect();
        let mut white = whitening.apply_one(&shifted);
        white.iter_mut().for_each(|x| *x *= self.config.text_weight);
        white.iter().any(|&x| x != 0.0).then_some(white)
    }

    /// Writes the person's vector, and returns its length before it was scaled to 1 (0 for a
    /// person without any text) and what everybody has in common was added.
    fn person(&self, query: &Query<'_>, into: &mut [f32]) -> f32 {
        into.fill(0.0);
        for Touched { item, weight } in self.touched(query) {
            for (p, y) in into.iter_mut().zip(self.item(item)) {
                *p += weight * y;
            }
        }
        if let Some(text) = self.text(query) {
            for (p, y) in into.iter_mut().zip(&text) {
                *p += y;
            }
        }
        let norm = into.iter().map(|x| x * x).sum::<f32>().sqrt();
        if norm > 0.0 {
            into.iter_mut().for_each(|x| *x /= norm);
        }
        into.iter_mut().zip(&self.prior).for_each(|(x, b)| *x += b);
        norm
    }

    /// Whether there is anything to score by, of a person with a vector of this length.
    fn knows(&self, norm: f32) -> bool {
        norm > 0.0 || !self.prior.is_empty()
    }
}

impl Recommender for Content {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.has_text.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let (n, dim) = (self.n_items(), self.dim);
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        out.par_chunks_mut(CHUNK * n.max(1))
            .zip(queries.par_chunks(CHUNK))
            .for_each(|(out, queries)| {
                let mut people = vec![0.0f32; queries.len() * dim];
                let known: Vec<bool> = people
                    .chunks_exact_mut(dim)
                    .zip(queries)
                    .map(|(person, query)| self.knows(self.person(query, person)))
                    .collect();
                self.cosines(&people, out);
                for (row, known) in out.chunks_exact_mut(n.max(1)).zip(known) {
                    for (score, &has_text) in row.iter_mut().zip(&self.has_text) {
                        if !(known && has_text) {
                            *score = f32::NEG_INFINITY;
                        }
                    }
                }
            });
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        if !self.has_text.get(item as usize).copied().unwrap_or(false) {
            return Vec::new();
        }
        let mut person = vec![0.0; self.dim];
        let norm = self.person(query, &mut person);
        let target = self.item(item);
        let part = |cause: Cause, weight: f32, vector: &[f32]| Contribution {
            source: Self::NAME.to_owned(),
            cause,
            amount: weight * row_dot(vector, target),
        };
        let mut parts = Vec::new();
        if norm > 0.0 {
            let touched = self.touched(query).into_iter();
            let of = |t: Touched| part(Cause::History(t.item), t.weight / norm, self.item(t.item));
            parts.extend(touched.map(of));
            let text = self.text(query);
            parts.extend(text.map(|text| part(Cause::Text, 1.0 / norm, &text)));
        }
        if !self.prior.is_empty() {
            parts.push(part(Cause::Item, 1.0, &self.prior));
        }
        parts.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        parts
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, dim) = (self.n_items(), self.dim);
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("recency", &[1], vec![self.recency])?;
        if !self.prior.is_empty() {
            into.put_f32("prior", &[dim], self.prior.clone())?;
        }
        let items = if self.changed.is_empty() {
            Arc::clone(&self.items)
        } else {
            let rows = (0u32..).take(n).map(|item| self.item(item));
            Arc::new(rows.flatten().copied().collect())
        };
        into.put_f32("items", &[n, dim], items)?;
        into.put_dimensions("has_texts", &[usize::from(self.whitening.is_some())])?;
        let Some(whitening) = &self.whitening else {
            return Ok(());
        };
        into.put_f32("voice", &[whitening.dim_in()], self.voice.clone())?;
        save_whitening(whitening, into)
    }

    /// Facts of new items are not known: their texts stand alone, as those of an item without facts.
    fn renewed(
        &self,
        n_items: usize,
        items: &[u32],
        vectors: &Vectors,
    ) -> Option<Arc<dyn Recommender>> {
        let mut renewed = self.clone();
        let n_items = n_items.max(self.n_items());
        let silent: Arc<[f32]> = vec![0.0; self.dim].into();
        for item in (0u32..).take(n_items).skip(self.n_items()) {
            renewed.changed.insert(item, Arc::clone(&silent));
        }
        renewed.has_text.resize(n_items, false);
        for (&item, vector) in items.iter().zip(vectors.rows()) {
            let mut row = vec![0.0; self.dim];
            if let Some(whitening) = self.whitening.as_ref().filter(|_| has_text(vector)) {
                let white = whitening.apply_one(vector);
                row[..white.len()].copy_from_slice(&white);
            }
            renewed.has_text[item as usize] = has_text(&row);
            renewed.changed.insert(item, row.into());
        }
        Some(Arc::new(renewed))
    }
}
