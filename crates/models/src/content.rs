//! Content: items whose text is near to what the person touched, or wrote.
//!
//! Text vectors are whitened (centred and decorrelated on the training items, see
//! [`semrec_text::Whitening`]) and of unit length, `y_i`. The person is the recency-weighted sum
//! `p = Σ_h w_h · y_h + text_weight · y_text` with `w_h = (1 + age of h) ^ -recency`, and
//!
//! ```text
//! score(i) = cos(p, y_i) = Σ_h w_h · ⟨y_h, y_i⟩ / ‖p‖ + text_weight · ⟨y_text, y_i⟩ / ‖p‖
//! ```
//!
//! so that what each item of the history adds is exact. Where facts are read, `y_i` is of texts and
//! facts (`texts.rs`), and a sentence goes beside the texts. An item or a person without any of both
//! gets minus infinity. Nothing is learned from clicks but the whitening and two numbers: a new item is
//! scored as well as an old one. The vectors of a pretrained encoder have to be whitened, those of one
//! that was tuned for this very cosine lose by it, and of people's histories the newest item says more
//! here than there; so both are taken as they find people's own training events (`probe.rs`). An
//! encoder that was tuned as one of two towers says itself what the other one was.

use crate::history::{RECENCY, Touched, recency_for, recency_problem, recent};
use crate::kernels::{products, row_dot};
use crate::probe::{Probe, clearly_better};
use crate::texts::{Manner, SHARE, Said, has_text, load_whitening, read, save_whitening};
use crate::{
    Cause, Contribution, Horizon, Model, ModelError, Query, Recommender, Setting, Tensors, Training,
};
use rayon::prelude::*;
use semrec_data::Clock;
use semrec_text::{Tower, Vectors, Whitening};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most queries multiplied at once: bounds the scratch to `CHUNK * dim` values per thread.
const CHUNK: usize = 64;
/// Items multiplied at once: their vectors stay near the core while people pass by.
const BLOCK: usize = 512;
/// How far to whiten, and how much less older items count, where that is left open.
const POWERS: [f32; 2] = [1.0, 0.0];
const RECENCIES: [f32; 2] = [RECENCY, 1.0];

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
        let mean = said.whitening.as_ref().map(Whitening::mean);
        let voice = mean.map_or_else(Vec::new, |mean| voice(training, mean));
        let dim = said.vectors.dim();
        Ok(Self::of(
            *config,
            (recency, voice),
            said.whitening,
            (dim, Arc::new(said.vectors.into_vec())),
        ))
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: ContentConfig = tensors.config()?;
        let [n, dim] = tensors.shape("items")?;
        let recency = tensors.shared_f32("recency", &[1])?[0];
        let items = tensors.shared_f32("items", &[n, dim])?;
        let [has_texts] = tensors.dimensions("has_texts")?;
        let (whitening, voice) = if has_texts == 0 {
            (None, Vec::new())
        } else {
            let whitening = load_whitening(tensors, dim)?;
            let voice = tensors.shared_f32("voice", &[whitening.dim_in()])?.to_vec();
            (Some(whitening), voice)
        };
        Ok(Self::of(config, (recency, voice), whitening, (dim, items)))
    }
}

/// What the items say, and the recency: of the ways to read that are left open the first, unless
/// another finds people's training events clearly better.
fn chosen(training: &Training<'_>, config: &ContentConfig) -> Result<(Said, f32), ModelError> {
    let log = training.interactions;
    // A tower was trained for what comes next.
    let tower = training
        .tower
        .filter(|_| training.horizon != Horizon::AnyTime);
    let (powers, recencies) = match tower {
        Some(Tower { recency }) => (&[0.0][..], &[recency][..]),
        None => (&POWERS[..], &RECENCIES[..]),
    };
    let powers = config.power.among(powers);
    let recencies = match log.clock() {
        Clock::None => vec![0.0],
        Clock::Seconds | Clock::Position => config.recency.among(recencies),
    };
    let reading = |done: usize| {
        (training.progress)("content: whitening", done, powers.len());
        let manner = Manner {
            power: powers[done],
            eps: config.eps,
            share: config.facts,
        };
        read(training, Content::NAME, manner)
    };
    let mut said = reading(0)?;
    let mut recency = recencies[0];
    if powers.len() * recencies.len() > 1 {
        let probe = Probe::new(log, &said.vectors, training.horizon);
        let mut above = probe.above(log, &said.vectors, recency);
        let mut better = |said: &Said, recencies: &[f32]| {
            let mut found = None;
            for &recency in recencies {
                let others = probe.above(log, &said.vectors, recency);
                if clearly_better(&others, &above) {
                    above = others;
                    found = Some(recency);
                }
            }
            found
        };
        recency = better(&said, &recencies[1..]).unwrap_or(recency);
        for done in 1..powers.len() {
            let other = reading(done)?;
            if let Some(found) = better(&other, &recencies) {
                (said, recency) = (other, found);
            }
        }
    }
    (training.progress)("content: whitening", powers.len(), powers.len());
    Ok((said, recency))
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
        (recency, voice): (f32, Vec<f32>),
        whitening: Option<Whitening>,
        (dim, items): (usize, Arc<Vec<f32>>),
    ) -> Self {
        let has_text = items.chunks_exact(dim.max(1)).map(has_text).collect();
        Self {
            config,
            recency,
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
    /// person without any text).
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
        norm
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
                    .map(|(person, query)| self.person(query, person) > 0.0)
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
        if norm == 0.0 {
            return Vec::new();
        }
        let target = self.item(item);
        let part = |cause: Cause, weight: f32, vector: &[f32]| Contribution {
            source: Self::NAME.to_owned(),
            cause,
            amount: weight / norm * row_dot(vector, target),
        };
        let mut parts: Vec<Contribution> = self
            .touched(query)
            .into_iter()
            .map(|t| part(Cause::History(t.item), t.weight, self.item(t.item)))
            .collect();
        if let Some(text) = self.text(query) {
            parts.push(part(Cause::Text, 1.0, &text));
        }
        parts.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        parts
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, dim) = (self.n_items(), self.dim);
        into.put_model(Self::NAME, &self.config)?;
        into.put_f32("recency", &[1], vec![self.recency])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Event, Interactions, Part, Row};

    fn event(item: u32, time: i64) -> Event {
        Event {
            item,
            value: 1.0,
            time,
        }
    }

    /// Four items on the axes of the plane, whitened to themselves; item 4 has no text.
    fn model(config: &ContentConfig) -> Content {
        read_beside(None, Horizon::Later, config)
    }

    /// The same, of an encoder that was tuned beside a tower.
    fn read_beside(tower: Option<Tower>, horizon: Horizon, config: &ContentConfig) -> Content {
        let rows: Vec<Row> = (0..5)
            .map(|i| Row {
                user: 0,
                event: event(i, i64::from(i)),
                kind: 0,
                part: Part::Train,
            })
            .collect();
        let log = Interactions::from_rows(&rows, 1, 5, Clock::Position);
        let vectors = Vectors::new(2, vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0]);
        let training = Training {
            interactions: &log,
            item_vectors: Some(&vectors),
            item_facts: None,
            user_vectors: None,
            tower,
            horizon,
            seed: 0,
            run: None,
            progress: &|_, _, _| {},
        };
        Content::fit(&training, config).unwrap()
    }

    #[test]
    fn a_tower_says_how_people_are_read() {
        let tower = Some(Tower { recency: 0.25 });
        let auto = ContentConfig::default();
        // How far the plane is stretched: its variance is 1/2 along each axis.
        let stretch = |model: &Content| {
            let matrix = model.whitening.as_ref().unwrap().matrix();
            matrix.iter().map(|x| x * x).sum::<f32>()
        };
        for horizon in [Horizon::Later, Horizon::Next] {
            let model = read_beside(tower, horizon, &auto);
            assert_eq!(model.recency, 0.25);
            assert!((stretch(&model) - 2.0).abs() < 0.01, "{}", stretch(&model));
        }
        // It was trained for what comes next, and what the user says comes first.
        let model = read_beside(tower, Horizon::AnyTime, &auto);
        assert_eq!(model.recency, RECENCY);
        assert!((stretch(&model) - 4.0).abs() < 0.1, "{}", stretch(&model));
        let own = ContentConfig {
            recency: Setting::Is(0.75),
            ..auto
        };
        assert_eq!(read_beside(tower, Horizon::Later, &own).recency, 0.75);
    }

    #[test]
    fn cosine_to_the_recency_weighted_history() {
        let model = model(&ContentConfig {
            // (1 + 1) ^ -recency = 0.75
            recency: Setting::Is((4.0f32 / 3.0).log2()),
            ..ContentConfig::default()
        });
        // The person is 1 · y_2 + 0.75 · y_0, of length sqrt(1 + 0.5625) = 1.25: cosines are
        // 0.75 / 1.25 = 0.6 along item 0 and 1 / 1.25 = 0.8 along item 2.
        let history = [event(0, 1), event(4, 2), event(2, 3)];
        let query = Query {
            history: &history,
            text: None,
        };
        let mut scores = [0.0; 5];
        model.score(&[query], &mut scores);
        for (got, expected) in scores.iter().zip([0.6, -0.6, 0.8, -0.8]) {
            assert!((got - expected).abs() < 1e-5, "{scores:?}");
        }
        assert_eq!(scores[4], f32::NEG_INFINITY);
        let why = model.explain(&query, 2);
        assert_eq!(why[0].cause, Cause::History(2));
        assert!((why.iter().map(|c| c.amount).sum::<f32>() - 0.8).abs() < 1e-5);
    }

    /// Item 5 is new and reads like item 2, item 0 reads like item 3 now, item 6 says nothing.
    #[test]
    fn what_is_new_or_reads_otherwise_is_scored_by_what_it_says_now() {
        let fitted = model(&ContentConfig::default());
        let changes = Vectors::new(2, vec![0.0, 1.0, 0.0, -1.0]);
        let model = fitted.renewed(7, &[5, 0], &changes).unwrap();
        assert_eq!(model.n_items(), 7);
        let ask = |history: &[Event]| {
            let query = Query {
                history,
                text: None,
            };
            let mut scores = [0.0; 7];
            model.score(&[query], &mut scores);
            scores
        };
        let cold = f32::NEG_INFINITY;
        for (history, expected) in [
            ([event(2, 0)], [-1.0, 0.0, 1.0, -1.0, cold, 1.0, cold]),
            ([event(5, 0)], [-1.0, 0.0, 1.0, -1.0, cold, 1.0, cold]),
            ([event(0, 0)], [1.0, 0.0, -1.0, 1.0, cold, -1.0, cold]),
        ] {
            for (got, expected) in ask(&history).iter().zip(expected) {
                assert!(*got == expected || (got - expected).abs() < 1e-5);
            }
        }
        assert_eq!(ask(&[event(6, 0)]), [cold; 7]);
        let mut tensors = Tensors::default();
        model.save(&mut tensors).unwrap();
        let again = Content::load(&tensors).unwrap();
        let query = Query {
            history: &[event(5, 0)],
            text: None,
        };
        let mut scores = [0.0; 7];
        again.score(&[query], &mut scores);
        assert_eq!(scores, ask(&[event(5, 0)]));
    }

    #[test]
    fn a_sentence_alone_is_enough_and_nothing_is_not() {
        let model = model(&ContentConfig::default());
        let queries = [
            Query {
                history: &[],
                text: Some(&[0.0, 1.0]),
            },
            Query::default(),
        ];
        let mut scores = [0.0; 10];
        model.score(&queries, &mut scores);
        assert!((scores[2] - 1.0).abs() < 1e-5, "{scores:?}");
        assert!(scores[5..].iter().all(|&s| s == f32::NEG_INFINITY));
        assert_eq!(model.explain(&queries[0], 2)[0].cause, Cause::Text);
    }

    #[test]
    fn stored_and_loaded_it_scores_the_same() {
        let model = model(&ContentConfig::default());
        let mut tensors = Tensors::default();
        model.save(&mut tensors).unwrap();
        let again = Content::load(&tensors).unwrap();
        let query = Query {
            history: &[event(1, 0)],
            text: Some(&[0.6, 0.8]),
        };
        let (mut a, mut b) = ([0.0; 5], [0.0; 5]);
        model.score(&[query], &mut a);
        again.score(&[query], &mut b);
        assert_eq!(a, b);
    }
}
