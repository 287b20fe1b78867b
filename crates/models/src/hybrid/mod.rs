//! Hybrid: what people do and what items say, weighed by how much is known of either.
//!
//! ```text
//! score(u, i) = Σ_s z_s(u, i) · (a_s + b_s · ln(1 + n_i) + c_s · ln(1 + n_u))
//!             + e · ln(1 + n_i) + g · [n_i = 0] + f · ln(1 + n_i(t_u)) + h · q_i
//! ```
//!
//! where `z_s` is the score of source `s` (compressed to `sign(x) √|x|` for collaborative sources,
//! whose scores have long tails; 0 where a source knows nothing), `n_i` the number of people who
//! touched the item in training, `n_i(t_u)` those who had when the person was last here, `q_i` how
//! highly they valued it (`standing.rs`), and `n_u` the length of the person's history. There are two
//! sets of weights, for people with a history and for people without. The weights are those of a
//! conditional logit fitted on hidden events of the training data, for which a share of the items is
//! made never-clicked (`rehearsal.rs`); the sources are then fitted again on everything. A
//! never-clicked item is thus ranked by its text, on the scale of the others. Where few people could
//! be asked, the weights are drawn to the best source alone (`weights.rs`).
//!
//! Where people have texts of their own, some are also asked about with their history hidden, so
//! that the weights of people without a history know what such a text is worth.
//!
//! Memory: that of the sources, and at most 72 bytes per item. Fitting holds besides, for each of at
//! most `max_cases` people, the features of about 200 items per source and 300 others.

mod listwise;
mod question;
mod rehearsal;
mod standing;
mod weights;

use crate::kernels::narrow;
use crate::{
    Cause, Contribution, Model, ModelError, Query, Recommender, Tensors, Training, registry, renew,
};
use question::{Question, questions, standardise};
use rayon::prelude::*;
use rehearsal::{Rehearsal, rehearse};
use semrec_data::Case;
use semrec_text::Vectors;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use standing::{OWN, Standing};
use std::sync::Arc;

/// Fewer questions than this cannot fit weights; the sources then count alike.
const ENOUGH_CASES: usize = 20;
/// Weights per source: constant, by item, by person.
const PER_SOURCE: usize = 3;
/// Of so many people with a text and a history, one is asked about by the text alone.
const DESCRIBED: usize = 3;

/// Parameters of [`Hybrid`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HybridConfig {
    /// The models to fuse; those that need texts are left out where there are none.
    pub sources: Vec<String>,
    /// Parameters of each source, by its name.
    pub params: toml::Table,
    /// `ease` holds a matrix of items × items and is left out above this many items.
    pub max_dense_items: usize,
    /// Most people whose hidden events are asked for.
    pub max_cases: usize,
    /// Share of the items made never-clicked while the weights are fitted.
    pub cold_share: f64,
    /// Penalty on the weights, in units of one standard deviation of what they weigh.
    pub l2: f64,
}

impl Default for HybridConfig {
    fn default() -> Self {
        Self {
            sources: ["item-knn", "ease", "content", "recent-popularity"]
                .map(str::to_owned)
                .to_vec(),
            params: toml::Table::new(),
            max_dense_items: 20_000,
            max_cases: 2_000,
            cold_share: 0.1,
            l2: 1e-3,
        }
    }
}

/// The fitted fusion.
#[derive(Debug)]
pub struct Hybrid {
    config: HybridConfig,
    sources: Vec<Arc<dyn Recommender>>,
    /// For people with a history and for people without: `[3 * sources + 4]` each, in the order of
    /// the formula.
    weights: [Vec<f32>; 2],
    standing: Standing,
}

impl Model for Hybrid {
    const NAME: &'static str = "hybrid";
    type Config = HybridConfig;

    fn space() -> Space {
        Space::default()
            .even("cold_share", 0.0, 0.5)
            .by_powers("l2", 1e-5, 1.0)
    }

    fn fit(training: &Training<'_>, config: &HybridConfig) -> Result<Self, ModelError> {
        check(config)?;
        let names = chosen_sources(training, config)?;
        let rehearsals = rehearse(
            (training.interactions, training.horizon),
            config.max_cases,
            config.cold_share,
            training.seed,
        );
        let asked: usize = rehearsals.iter().map(|r| r.cases.len()).sum();
        let weights = if asked < ENOUGH_CASES {
            let mut equal = vec![0.0; PER_SOURCE * names.len() + OWN];
            equal.iter_mut().step_by(PER_SOURCE).for_each(|w| *w = 1.0);
            [equal.clone(), equal]
        } else {
            let asked = rehearsals
                .iter()
                .map(|rehearsal| ask(rehearsal, &names, training, config))
                .collect::<Result<Vec<_>, ModelError>>()?;
            fit_weights(
                asked.into_iter().flatten().collect(),
                names.len(),
                training,
                config,
            )
        };
        Ok(Self {
            config: config.clone(),
            sources: fit_sources(&names, config, training)?
                .into_iter()
                .map(Arc::from)
                .collect(),
            weights,
            standing: Standing::fit(training),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: HybridConfig = tensors.config()?;
        let standing = Standing::load(tensors)?;
        let n_items = standing.logs.len();
        let [_, n_weights] = tensors.shape("weights")?;
        let n_sources = n_weights.saturating_sub(OWN) / PER_SOURCE;
        let n_weights = PER_SOURCE * n_sources + OWN;
        let weights = tensors.shared_f32("weights", &[2, n_weights])?;
        let sources = (0..n_sources)
            .map(|s| Ok(Arc::from(registry::load(&tensors.with_prefix(&prefix(s)))?)))
            .collect::<Result<Vec<Arc<dyn Recommender>>, ModelError>>()?;
        if let Some(other) = sources.iter().find(|s| s.n_items() != n_items) {
            return Err(ModelError::Tensor {
                name: "item_logs".to_owned(),
                problem: format!(
                    "speaks of {n_items} items, its source {} of {}",
                    other.name(),
                    other.n_items()
                ),
            });
        }
        Ok(Self {
            config,
            sources,
            weights: [&weights[..n_weights], &weights[n_weights..]].map(<[f32]>::to_vec),
            standing,
        })
    }
}

fn check(config: &HybridConfig) -> Result<(), ModelError> {
    let fail = |problem: String| {
        Err(ModelError::Parameter {
            model: Hybrid::NAME,
            problem,
        })
    };
    if !(0.0..=0.5).contains(&config.cold_share) {
        return fail(format!(
            "cold_share is {}; expected 0 to 0.5",
            config.cold_share
        ));
    }
    if config.l2.is_nan() || config.l2 < 0.0 {
        return fail(format!("l2 is {}; expected 0 or more", config.l2));
    }
    if config.sources.iter().any(|s| s == Hybrid::NAME) {
        return fail("a hybrid cannot be a source of itself".to_owned());
    }
    if let Some(key) = config.params.keys().find(|k| !config.sources.contains(k)) {
        return fail(format!(
            "params names '{key}', which is not among the sources {}",
            config.sources.join(", ")
        ));
    }
    Ok(())
}

fn chosen_sources(
    training: &Training<'_>,
    config: &HybridConfig,
) -> Result<Vec<String>, ModelError> {
    let mut names = Vec::new();
    for name in &config.sources {
        let too_big = name == "ease" && training.interactions.n_items() > config.max_dense_items;
        let no_text = registry::needs_text(name)? && !training.can_be_read();
        if !too_big && !no_text && !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Err(ModelError::Training {
            model: Hybrid::NAME,
            problem: format!(
                "none of its sources can be fitted: [{}] with {} items {} texts",
                config.sources.join(", "),
                training.interactions.n_items(),
                if training.can_be_read() {
                    "and"
                } else {
                    "without"
                },
            ),
        });
    }
    Ok(names)
}

fn fit_sources(
    names: &[String],
    config: &HybridConfig,
    training: &Training<'_>,
) -> Result<Vec<Box<dyn Recommender>>, ModelError> {
    names
        .iter()
        .map(|name| {
            let params = match config.params.get(name) {
                Some(toml::Value::Table(table)) => table.clone(),
                None => toml::Table::new(),
                Some(other) => {
                    return Err(ModelError::Parameter {
                        model: Hybrid::NAME,
                        problem: format!(
                            "params.{name} is a {}; expected a table",
                            other.type_str()
                        ),
                    });
                }
            };
            registry::fit(name, &params, training)
        })
        .collect()
}

/// What was asked, and whether of somebody without a history.
type Asked = (Question, bool);

/// Fits the sources to what a rehearsal leaves, and asks them about what it hides.
fn ask(
    rehearsal: &Rehearsal,
    names: &[String],
    training: &Training<'_>,
    config: &HybridConfig,
) -> Result<Vec<Asked>, ModelError> {
    let inner = Training {
        interactions: &rehearsal.train,
        ..*training
    };
    let sources = fit_sources(names, config, &inner)?;
    let mut cases: Vec<(Case<'_>, Query<'_>)> = rehearsal
        .cases
        .iter()
        .map(|case| {
            let text = training
                .user_vectors
                .map(|v| v.row(case.user as usize))
                .filter(|v| v.iter().any(|&x| x != 0.0));
            let history = case.history;
            (case, Query { history, text })
        })
        .collect();
    let described: Vec<(Case<'_>, Query<'_>)> = cases
        .iter()
        .filter(|(_, query)| query.text.is_some() && !query.history.is_empty())
        .step_by(DESCRIBED)
        .map(|&(case, query)| {
            (
                case,
                Query {
                    history: &[],
                    ..query
                },
            )
        })
        .collect();
    cases.extend(described);
    let progress = training.progress;
    let questions = questions(
        &sources,
        &cases,
        &Standing::fit(&inner),
        training.seed,
        &|done, total| progress("hybrid: asking the sources", done, total),
    );
    let new = cases.iter().map(|(_, query)| query.history.is_empty());
    Ok(questions.into_iter().zip(new).collect())
}

/// The weights that fit what was asked, of people with a history and of people without.
fn fit_weights(
    asked: Vec<Asked>,
    n_sources: usize,
    training: &Training<'_>,
    config: &HybridConfig,
) -> [Vec<f32>; 2] {
    let (mut questions, news): (Vec<Question>, Vec<bool>) = asked.into_iter().unzip();
    let scales = standardise(&mut questions, PER_SOURCE * n_sources + OWN);
    let progress = training.progress;
    progress("hybrid: weights", 0, 1);
    let of = |new: bool| -> Vec<&Question> {
        let both = questions.iter().zip(&news);
        both.filter(|(_, is_new)| **is_new == new)
            .map(|(question, _)| question)
            .collect()
    };
    let groups = [of(false), of(true)];
    let fitted = groups.map(|group| {
        if group.len() < ENOUGH_CASES {
            let all: Vec<&Question> = questions.iter().collect();
            weights::fit(&all, n_sources, config.l2)
        } else {
            weights::fit(&group, n_sources, config.l2)
        }
    });
    progress("hybrid: weights", 1, 1);
    fitted.map(|weights| {
        let pairs = weights.iter().zip(&scales);
        pairs.map(|(&w, scale)| narrow(w) / scale).collect()
    })
}

/// `ln(1 + n)`.
#[expect(clippy::cast_precision_loss, reason = "logarithms of counts")]
fn log(n: usize) -> f32 {
    (n as f32).ln_1p()
}

/// What the weights depend on of a person.
#[derive(Clone, Copy, Debug)]
struct Person {
    /// `ln(1 + length of the history)`.
    log: f32,
    /// Which set of weights: 1 if there is no history, else 0.
    set: usize,
}

impl Person {
    fn of(query: &Query<'_>) -> Self {
        let n = query.history.len();
        Self {
            log: log(n),
            set: usize::from(n == 0),
        }
    }

    /// The features of a source's compressed score.
    fn of_source(self, z: f32, item_log: f32) -> [f32; PER_SOURCE] {
        [z, z * item_log, z * self.log]
    }
}

fn weighted<const N: usize>(features: [f32; N], weights: &[f32]) -> f32 {
    features.iter().zip(weights).map(|(f, w)| f * w).sum()
}

/// Whether the scores of a source have long tails, and the root of them is taken.
fn is_rooted(source: &str) -> bool {
    !matches!(source, "content" | "popularity" | "recent-popularity")
}

/// A score on a scale on which they add up; minus infinity becomes 0, "knows nothing".
#[inline(always)]
fn rooted_score(x: f32) -> f32 {
    if x.is_finite() {
        x.abs().sqrt().copysign(x)
    } else {
        0.0
    }
}

/// The same of a source whose scores have no long tails.
#[inline(always)]
fn plain_score(x: f32) -> f32 {
    if x.is_finite() { x } else { 0.0 }
}

fn compression(source: &str) -> fn(f32) -> f32 {
    if is_rooted(source) {
        rooted_score
    } else {
        plain_score
    }
}

/// Adds the scores of a source, brought to scale by `compress`, times what they weigh: `start + slope
/// · ln(1 + n_i)`. Compiled for the widest vectors the processor has.
fn add_weighed(
    scores: &mut [f32],
    part: &[f32],
    item_logs: &[f32],
    (start, slope): (f32, f32),
    compress: impl Fn(f32) -> f32,
) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((score, &x), &a) in scores.iter_mut().zip(part).zip(item_logs) {
                *score += compress(x) * (start + slope * a);
            }
        },
    );
}

fn prefix(source: usize) -> String {
    format!("source{source}.")
}

impl Hybrid {
    /// What a unit of source `s` weighs for an item of this `ln(1 + n_i)`.
    fn weight(&self, s: usize, item_log: f32, person: Person) -> f32 {
        let weights = &self.weights[person.set][PER_SOURCE * s..PER_SOURCE * (s + 1)];
        weighted(person.of_source(1.0, item_log), weights)
    }

    /// What the features of an item by itself weigh.
    fn own(&self, person: Person) -> [f32; OWN] {
        let weights = &self.weights[person.set][PER_SOURCE * self.sources.len()..];
        std::array::from_fn(|i| weights[i])
    }
}

impl Recommender for Hybrid {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.standing.logs.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let n = self.n_items();
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        for (row, query) in out.chunks_exact_mut(n.max(1)).zip(queries) {
            self.standing.score(query, self.own(Person::of(query)), row);
        }
        let mut part = vec![0.0; out.len()];
        for (s, source) in self.sources.iter().enumerate() {
            source.score(queries, &mut part);
            let rooted = is_rooted(source.name());
            out.par_chunks_mut(n.max(1))
                .zip(part.par_chunks(n.max(1)))
                .zip(queries)
                .for_each(|((row, part), query)| {
                    // What it weighs is a straight line in the item's logarithm.
                    let person = Person::of(query);
                    let start = self.weight(s, 0.0, person);
                    let slope = self.weight(s, 1.0, person) - start;
                    let line = (start, slope);
                    if rooted {
                        add_weighed(row, part, &self.standing.logs, line, rooted_score);
                    } else {
                        add_weighed(row, part, &self.standing.logs, line, plain_score);
                    }
                });
        }
    }

    /// The share of each source is divided among its own contributions in proportion, so that all
    /// of them add up to the score.
    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let Some(&item_log) = self.standing.logs.get(item as usize) else {
            return Vec::new();
        };
        let person = Person::of(query);
        let [by_log, if_never, by_passed, by_valued] = self.own(person);
        let told = self.standing.told(query);
        let [count, never, passed, valued] = self.standing.features(told, item);
        let part = |source: &str, amount: f32| Contribution {
            source: source.to_owned(),
            cause: Cause::Item,
            amount,
        };
        let crowd = by_log * count + if_never * never + by_passed * passed;
        let mut parts = vec![
            part("popularity", crowd),
            part("rating", by_valued * valued),
        ];
        for (s, source) in self.sources.iter().enumerate() {
            let inner = source.explain(query, item);
            let raw: f32 = inner.iter().map(|c| c.amount).sum();
            if raw == 0.0 {
                continue;
            }
            let share = compression(source.name())(raw) * self.weight(s, item_log, person) / raw;
            parts.extend(inner.into_iter().map(|c| Contribution {
                amount: c.amount * share,
                ..c
            }));
        }
        parts.retain(|c| c.amount != 0.0);
        parts.sort_by(|a, b| b.amount.total_cmp(&a.amount));
        parts
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        let weights = self.weights.concat();
        into.put_f32("weights", &[2, weights.len() / 2], weights)?;
        self.standing.save(into)?;
        for (s, source) in self.sources.iter().enumerate() {
            let mut part = Tensors::default();
            source.save(&mut part)?;
            into.put_with_prefix(&prefix(s), part);
        }
        Ok(())
    }

    fn renewed(
        &self,
        n_items: usize,
        items: &[u32],
        vectors: &Vectors,
    ) -> Option<Arc<dyn Recommender>> {
        let sources = self.sources.iter();
        let sources = sources.map(|source| renew(source, n_items, items, vectors));
        Some(Arc::new(Self {
            config: self.config.clone(),
            sources: sources.collect(),
            weights: self.weights.clone(),
            standing: self.standing.widened(n_items),
        }))
    }

    fn notes(&self) -> Vec<String> {
        let person = Person {
            log: log(10),
            set: 0,
        };
        let [_, _, by_passed, by_valued] = self.own(person);
        let own = [
            ("popularity when they were last here", by_passed),
            ("rating", by_valued),
        ]
        .into_iter()
        .filter(|(_, weight)| *weight != 0.0)
        .map(|(name, weight)| format!("{name} weighs {weight:.2} (person with 10 items)"));
        self.sources
            .iter()
            .enumerate()
            .map(|(s, source)| {
                let w = |n: usize| self.weight(s, log(n), person);
                let (few, many) = (w(5), w(100));
                let name = source.name();
                if name == "content" {
                    let none = w(0);
                    format!("{name} weighs {none:.2} for an item nobody touched, {few:.2} for one touched by 5 people, {many:.2} by 100 (person with 10 items)")
                } else {
                    format!("{name} weighs {few:.2} for an item touched by 5 people, {many:.2} by 100 (person with 10 items)")
                }
            })
            .chain(own)
            .collect()
    }
}
