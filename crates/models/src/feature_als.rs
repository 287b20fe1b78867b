//! Feature-aware ALS: implicit matrix factorisation whose item factors lean on the texts.
//!
//! The loss of [`crate::Als`] with item factors `y_i = W f_i + v_i`: a linear map of the text and a
//! free part (Agarwal and Chen 2009, "Regression-based latent factor models"):
//!
//! ```text
//! L = Σ_S (x_u·y_i - 1)² + α Σ_{u,i} (x_u·y_i)² + Σ_u λ_u |x_u|² + Σ_i λ_i |y_i - W f_i|² + λ_w |W|²
//! λ_u = λ (|S_u| + α |I|)^ν,   λ_i = λ (|S_i| + α |U|)^ν,   λ_w = map · mean_i λ_i
//! ```
//!
//! `f_i` is the whitened text (and facts) of unit length and a constant 1. A sweep solves, each exactly, for
//! every `x_u`, for every `y_i` (`(αX'X + λ_i I + Σ x_u x_u') y_i = Σ x_u + λ_i W f_i`) and for `W`, a
//! ridge regression of the item factors on the texts. An item with many events goes where they
//! pull it; one with few stays near `W f_i`, which is all that a never-clicked item has. So one model
//! serves warm, rare and new items, and a person who touched new items alone is known by them.
//!
//! The rest is `als`: people are solved for from their history. Memory: 4 d bytes per item; fitting
//! holds 4 d bytes per user and the whitened texts besides.

use crate::als::{Als, AlsConfig, alpha_for, half_sweep, start};
use crate::history::{RECENCY, recency_for};
use crate::kernels::narrow;
use crate::sparse::Sparse;
use crate::texts::{Manner, SHARE, has_text, read, share_problem};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Added to each eigenvalue of the texts' covariance, relative to their mean; as in `content`.
const EPS: f32 = 0.001;

/// How [`FeatureAls`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureAlsConfig {
    /// Number of factors, `d`.
    pub factors: usize,
    /// Number of sweeps over users, items and the map.
    pub iterations: usize,
    /// `λ`.
    pub lambda: f32,
    /// Weight of a pair that did not happen; 0 takes the rule of `als`.
    pub alpha: f32,
    /// `ν`: how far the regularisation grows with the number of events.
    pub exponent: f32,
    /// Penalty on the map from texts to factors, relative to the mean `λ_i`.
    pub map: f32,
    /// Share of the facts in the cosine between two items that have both texts and facts, where
    /// facts are read: 0 reads texts alone, 1 facts alone.
    pub facts: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for FeatureAlsConfig {
    fn default() -> Self {
        Self {
            factors: 128,
            iterations: 16,
            lambda: 0.01,
            alpha: 0.0,
            exponent: 1.0,
            map: 1.0,
            facts: SHARE,
            recency: RECENCY,
        }
    }
}

impl FeatureAlsConfig {
    fn check(&self) -> Result<(), ModelError> {
        let fail = |problem: String| {
            Err(ModelError::Parameter {
                model: FeatureAls::NAME,
                problem,
            })
        };
        if !(self.map > 0.0 && self.map.is_finite()) {
            return fail(format!("map is {}; expected above 0", self.map));
        }
        if let Some(problem) = share_problem(self.facts) {
            return fail(problem);
        }
        match self.als(self.alpha, self.recency).check() {
            Err(ModelError::Parameter { problem, .. }) => fail(problem),
            other => other,
        }
    }

    fn als(&self, alpha: f32, recency: f32) -> AlsConfig {
        AlsConfig {
            factors: self.factors,
            iterations: self.iterations,
            lambda: self.lambda,
            alpha,
            exponent: self.exponent,
            steps: 0,
            recency,
            ..AlsConfig::default()
        }
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct FeatureAls {
    config: FeatureAlsConfig,
    /// Its items without events or text count as unknown, all others as known.
    inner: Als,
}

impl Model for FeatureAls {
    const NAME: &'static str = "feature-als";
    const NEEDS_TEXT: bool = true;
    type Config = FeatureAlsConfig;

    fn space() -> Space {
        Als::space().by_powers("map", 0.03, 30.0)
    }

    fn fit(training: &Training<'_>, config: &FeatureAlsConfig) -> Result<Self, ModelError> {
        config.check()?;
        let by_user = Sparse::of(training.interactions);
        let by_item = by_user.transposed();
        let alpha = alpha_for(config.alpha, &by_user);
        let recency = recency_for(training.interactions.clock(), config.recency);
        let als = config.als(alpha, recency);
        let texts = texts(training, config.facts)?;
        let users = by_item.used_columns().len() as f32;
        let strengths: Vec<f32> = by_item
            .rows()
            .map(|row| als.regularisation(row.len() as f32, users))
            .collect();
        let map = Map::new(&texts, &by_item, &strengths, config.map)?;
        let d = config.factors;
        let mut items = start(&by_item, &als, training.seed);
        let mut people = vec![0.0; by_user.n_rows() * d];
        let mut means = vec![0.0; items.len()];
        for sweep in 0..config.iterations {
            (training.progress)("feature-als: sweeps", sweep, config.iterations);
            half_sweep(&mut people, &items, &by_user, (&als, None))?;
            half_sweep(&mut items, &people, &by_item, (&als, Some(&means)))?;
            means = map.means(&items, d);
        }
        let known = |i: usize| !by_item.row(i).is_empty() || texts.has_text[i];
        let counts: Vec<u32> = (0..by_item.n_rows()).map(|i| u32::from(known(i))).collect();
        for (i, (item, mean)) in items.chunks_exact_mut(d).zip(means.chunks(d)).enumerate() {
            if by_item.row(i).is_empty() && texts.has_text[i] {
                item.copy_from_slice(mean);
            }
        }
        Ok(Self {
            config: FeatureAlsConfig {
                alpha,
                recency,
                ..config.clone()
            },
            inner: Als::with(als, Arc::new(counts), Arc::new(items)),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: FeatureAlsConfig = tensors.config()?;
        config.check()?;
        let [n] = tensors.shape("known")?;
        let known = tensors.shared_u32("known", &[n])?;
        let factors = tensors.shared_f32("factors", &[n, config.factors])?;
        let als = config.als(config.alpha, config.recency);
        Ok(Self {
            config,
            inner: Als::with(als, known, factors),
        })
    }
}

fn fail(problem: &str) -> ModelError {
    ModelError::Training {
        model: FeatureAls::NAME,
        problem: problem.to_owned(),
    }
}

/// What the items say.
struct Texts {
    /// `[n_items, width]`: the whitened vector and a constant 1; zero for an item without text.
    features: Mat<f64>,
    has_text: Vec<bool>,
}

fn texts(training: &Training<'_>, share: f32) -> Result<Texts, ModelError> {
    let manner = Manner {
        power: 1.0,
        eps: EPS,
        share,
    };
    let white = read(training, FeatureAls::NAME, manner)?.vectors;
    let n = white.len();
    let has_text: Vec<bool> = white.rows().map(has_text).collect();
    let features = Mat::from_fn(n, white.dim() + 1, |i, j| {
        if j < white.dim() {
            f64::from(white.row(i)[j])
        } else if has_text[i] {
            1.0
        } else {
            0.0
        }
    });
    Ok(Texts { features, has_text })
}

/// The regression of item factors on texts, factorised once: its weights do not change.
struct Map<'a> {
    features: &'a Mat<f64>,
    /// `λ_i f_i` of the items with events, zero for others.
    weighted: Mat<f64>,
    left: Llt<f64>,
}

impl<'a> Map<'a> {
    fn new(
        texts: &'a Texts,
        by_item: &Sparse,
        strengths: &[f32],
        penalty: f32,
    ) -> Result<Self, ModelError> {
        let features = &texts.features;
        let (n, width) = (features.nrows(), features.ncols());
        let used = |i: usize| !by_item.row(i).is_empty() && texts.has_text[i];
        let strength = |i: usize| {
            if used(i) {
                f64::from(strengths[i])
            } else {
                0.0
            }
        };
        let weighted = Mat::from_fn(n, width, |i, j| strength(i) * features[(i, j)]);
        let total: f64 = (0..n).map(strength).sum();
        let count = (0..n).filter(|&i| used(i)).count().max(1) as f64;
        let mut left = weighted.transpose() * features;
        for k in 0..width {
            left[(k, k)] += f64::from(penalty) * (total / count).max(f64::MIN_POSITIVE);
        }
        let left = Llt::new(left.as_ref(), Side::Lower)
            .map_err(|_| fail("the texts cannot be regressed on; raise map"))?;
        Ok(Self {
            features,
            weighted,
            left,
        })
    }

    /// `W f_i` of every item, `[n_items, d]`, for the `W` that fits these factors best.
    fn means(&self, items: &[f32], d: usize) -> Vec<f32> {
        let n = self.features.nrows();
        let factors = Mat::from_fn(n, d, |i, k| f64::from(items[i * d + k]));
        let map = self.left.solve(self.weighted.transpose() * &factors);
        let means = self.features * &map;
        (0..n * d)
            .map(|at| narrow(means[(at / d, at % d)]))
            .collect()
    }
}

impl Recommender for FeatureAls {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.inner.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.inner.score(queries, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let mut parts = self.inner.explain(query, item);
        for part in &mut parts {
            part.source = Self::NAME.to_owned();
        }
        parts
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, d) = (self.n_items(), self.config.factors);
        into.put_model(Self::NAME, &self.config)?;
        into.put_u32("known", &[n], self.inner.counts())?;
        into.put_f32("factors", &[n, d], self.inner.factors())
    }
}
