//! Implicit matrix factorisation by alternating least squares (Hu, Koren and Volinsky 2008), with
//! the regularisation scaled by frequency of Rendle et al. 2021 ("Revisiting the performance of
//! iALS on item recommendation benchmarks").
//!
//! With user and item factors `x_u`, `y_i` of `d` values, over the pairs `S` that happened:
//!
//! ```text
//! L = Σ_{(u,i) in S} (x_u·y_i - 1)² + α₀ Σ_{u,i} (x_u·y_i)² + Σ_u λ_u |x_u|² + Σ_i λ_i |y_i|²
//! λ_u = λ (|S_u| + α₀ |I|)^ν     λ_i = λ (|S_i| + α₀ |U|)^ν
//! ```
//!
//! A sweep solves for every user, then for every item; `α₀ Y'Y` is computed once per half sweep.
//! Rows are solved by a few conjugate-gradient steps from where they were, by blocks of factors
//! (iALS++, `subspace.rs`), or exactly. On MovieLens 1M, eight sweeps bring the same quality either way
//! (validation ndcg@20, steps and blocks of 64: .2091 and .2090 at `d = 128`, .2093 and .2088 at 256,
//! .2097 and .2099 at 512), and three steps take a half to a third of the time of a sweep by blocks,
//! so steps are the default at every `d`.
//!
//! By default `α₀` is five times the density of the matrix, `5 |S| / (|U| |I|)` over users and items
//! that have events: all that did not happen then weighs five times what did, whatever the size of
//! the catalogue. On validation data, with `λ = 0.01`, the best `α₀` was five times the density on
//! MovieLens 1M (0.2), eight on MovieLens 100K (0.5), and anything from six to twenty within 2% on
//! Amazon Beauty (0.003 to 0.01): a fixed value that suits one of them is useless on another.
//!
//! No user row is kept: a query's factors are solved for, exactly, from its history (weighted by
//! recency), with `A = α₀ Y'Y + λ_u I + Σ_k w_k y_k y_k'`:
//!
//! ```text
//! score(j) = y_j' A⁻¹ Σ_k w_k y_k,   of which history item k adds   w_k y_j' A⁻¹ y_k
//! ```
//!
//! Memory: 4 d bytes per item, and while fitting per user; 8 bytes per pair. Items without training
//! event score minus infinity, as does everything for a history without any known item.

use crate::history::{RECENCY, contributions, recency_for, recency_problem, recent};
use crate::ridge::{Scratch, System, gramian};
use crate::sparse::Sparse;
use crate::subspace::Room;
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How [`Als`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlsConfig {
    /// Number of factors, `d`.
    pub factors: usize,
    /// Number of sweeps over users and items.
    pub iterations: usize,
    /// `λ`.
    pub lambda: f32,
    /// `α₀`: weight of a pair that did not happen (one that did weighs 1); 0 takes the rule above.
    pub alpha: f32,
    /// `ν`: how far the regularisation grows with the number of events.
    pub exponent: f32,
    /// Factors solved for at once, by blocks (iALS++); 0 takes conjugate gradients, or the exact
    /// solution, as `steps` says.
    pub block: usize,
    /// Conjugate-gradient steps per row and sweep; 0 solves exactly.
    pub steps: usize,
    /// Length of the factors at the start, in expectation.
    pub start: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for AlsConfig {
    fn default() -> Self {
        Self {
            factors: 128,
            iterations: 16,
            lambda: 0.01,
            alpha: 0.0,
            exponent: 1.0,
            block: 0,
            steps: 3,
            start: 0.1,
            recency: RECENCY,
        }
    }
}

impl AlsConfig {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let positive = |name: &str, got: f32| {
            (!(got > 0.0 && got.is_finite())).then(|| format!("{name} is {got}; expected above 0"))
        };
        let problem = if self.factors == 0 {
            Some("factors is 0; expected at least 1".to_owned())
        } else if let Some(problem) = recency_problem(self.recency) {
            Some(problem)
        } else if !(self.exponent >= 0.0 && self.exponent.is_finite()) {
            Some(format!(
                "exponent is {}; expected at least 0",
                self.exponent
            ))
        } else {
            positive("lambda", self.lambda)
                .or_else(|| {
                    (!(self.alpha >= 0.0 && self.alpha.is_finite()))
                        .then(|| format!("alpha is {}; expected at least 0", self.alpha))
                })
                .or_else(|| positive("start", self.start))
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: Als::NAME,
                problem,
            }),
        }
    }

    /// `λ (n + α₀ others)^ν`, for a row of weight `n` over `others` columns.
    pub(crate) fn regularisation(&self, n: f32, others: f32) -> f32 {
        self.lambda * (n + self.alpha * others).powf(self.exponent)
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct Als {
    config: AlsConfig,
    /// Users of each item in training.
    counts: Arc<Vec<u32>>,
    /// `[n_items, d]`; zero for an item without users.
    factors: Arc<Vec<f32>>,
    /// `α₀ Y'Y`, `[d, d]`.
    gram: Vec<f32>,
}

impl Model for Als {
    const NAME: &'static str = "als";
    type Config = AlsConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("factors", 32, 256)
            .whole_by_powers("iterations", 4, 32)
            .by_powers("lambda", 1e-4, 0.1)
            .by_powers("alpha", 1e-4, 1.0)
            .even("exponent", 0.0, 1.5)
            .even("recency", 0.0, 1.5)
            .with_rounds("iterations")
    }

    fn fit(training: &Training<'_>, config: &AlsConfig) -> Result<Self, ModelError> {
        config.check()?;
        let by_user = Sparse::of(training.interactions);
        let by_item = by_user.transposed();
        let config = &AlsConfig {
            recency: recency_for(training.interactions.clock(), config.recency),
            alpha: alpha_for(config.alpha, &by_user),
            ..config.clone()
        };
        let mut items = start(&by_item, config, training.seed);
        let mut users = vec![0.0; by_user.n_rows() * config.factors];
        for sweep in 0..config.iterations {
            (training.progress)("als: sweeps", sweep, config.iterations);
            half_sweep(&mut users, &items, &by_user, (config, None))?;
            half_sweep(&mut items, &users, &by_item, (config, None))?;
        }
        let counts = training.interactions.item_counts();
        Ok(Self::with(
            config.clone(),
            Arc::new(counts),
            Arc::new(items),
        ))
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: AlsConfig = tensors.config()?;
        config.check()?;
        let [n] = tensors.shape("counts")?;
        let counts = tensors.shared_u32("counts", &[n])?;
        let factors = tensors.shared_f32("factors", &[n, config.factors])?;
        Ok(Self::with(config, counts, factors))
    }
}

/// Small random factors for the rows that have events, zero for the others.
pub(crate) fn start(rows: &Sparse, config: &AlsConfig, seed: u64) -> Vec<f32> {
    let d = config.factors;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Uniform values in ±√3 s have the deviation s.
    let bound = config.start * (3.0 / d as f32).sqrt();
    let mut factors = vec![0.0; rows.n_rows() * d];
    for (row, out) in rows.rows().zip(factors.chunks_exact_mut(d)) {
        if !row.is_empty() {
            out.fill_with(|| rng.random_range(-bound..bound));
        }
    }
    factors
}

/// `α`, or where it is 0 what the rule takes: five times the share of all pairs that happened.
pub(crate) fn alpha_for(alpha: f32, by_user: &Sparse) -> f32 {
    if alpha > 0.0 {
        alpha
    } else {
        5.0 * by_user.density()
    }
}

/// Solves for every row of `targets`, `[rows, d]`, given the factors of the other side. With
/// `means`, `[rows, d]`, each row is drawn to its own and not to 0; it is solved exactly then.
pub(crate) fn half_sweep(
    targets: &mut [f32],
    fixed: &[f32],
    rows: &Sparse,
    (config, means): (&AlsConfig, Option<&[f32]>),
) -> Result<(), ModelError> {
    let d = config.factors;
    let exact = means.is_some() || (config.block == 0 && config.steps == 0);
    let gram = gramian(fixed, d, config.alpha);
    let ones = vec![1.0; rows.longest()];
    let others = rows.used_columns().len() as f32;
    let failed = AtomicBool::new(false);
    targets
        .par_chunks_mut(d)
        .enumerate()
        .with_max_len(64)
        .for_each_init(
            || (Scratch::new(d), Room::default()),
            |(scratch, room), (r, target)| {
                let touched = rows.row(r);
                if touched.is_empty() {
                    return;
                }
                let system = System {
                    factors: fixed,
                    gram: &gram,
                    lambda: config.regularisation(touched.len() as f32, others),
                    touched,
                    weights: &ones[..touched.len()],
                };
                if exact {
                    let Some(factorised) = system.factorised(d) else {
                        failed.store(true, Ordering::Relaxed);
                        return;
                    };
                    target.copy_from_slice(&system.right(d));
                    if let Some(means) = means {
                        let mean = &means[r * d..(r + 1) * d];
                        for (y, m) in target.iter_mut().zip(mean) {
                            *y += system.lambda * m;
                        }
                    }
                    factorised.solve(target);
                } else if config.block > 0 {
                    if !system.sweep(target, config.block, room) {
                        failed.store(true, Ordering::Relaxed);
                    }
                } else {
                    system.improve(target, config.steps, scratch);
                }
            },
        );
    if failed.into_inner() || !targets.iter().all(|x| x.is_finite()) {
        return Err(ModelError::Training {
            model: Als::NAME,
            problem: "the factors grew beyond what f32 holds; raise lambda".to_owned(),
        });
    }
    Ok(())
}

/// A history's system in owned parts.
struct FoldIn {
    items: Vec<u32>,
    weights: Vec<f32>,
}

impl Als {
    pub(crate) fn counts(&self) -> Arc<Vec<u32>> {
        Arc::clone(&self.counts)
    }

    pub(crate) fn factors(&self) -> Arc<Vec<f32>> {
        Arc::clone(&self.factors)
    }

    /// Of item factors, `[counts.len(), d]`; items whose count is 0 are unknown.
    pub(crate) fn with(config: AlsConfig, counts: Arc<Vec<u32>>, factors: Arc<Vec<f32>>) -> Self {
        let gram = gramian(&factors, config.factors, config.alpha);
        Self {
            config,
            counts,
            factors,
            gram,
        }
    }

    fn fold_in(&self, query: &Query<'_>) -> FoldIn {
        let known = |item: u32| self.counts.get(item as usize).is_some_and(|&n| n > 0);
        let history = recent(query.history, self.config.recency, known);
        FoldIn {
            items: history.iter().map(|t| t.item).collect(),
            weights: history.iter().map(|t| t.weight).collect(),
        }
    }

    fn system<'a>(&'a self, fold_in: &'a FoldIn) -> System<'a> {
        let known = self.counts.iter().filter(|&&n| n > 0).count();
        let events: f32 = fold_in.weights.iter().sum();
        System {
            factors: &self.factors,
            gram: &self.gram,
            lambda: self.config.regularisation(events, known as f32),
            touched: &fold_in.items,
            weights: &fold_in.weights,
        }
    }

    /// The factors of the person asked about; `None` if nothing is known of them.
    fn person(&self, query: &Query<'_>) -> Option<Vec<f32>> {
        let d = self.config.factors;
        let fold_in = self.fold_in(query);
        if fold_in.items.is_empty() {
            return None;
        }
        let system = self.system(&fold_in);
        let mut x = system.right(d);
        system.factorised(d)?.solve(&mut x);
        Some(x)
    }

    fn factors_of(&self, item: u32) -> &[f32] {
        let d = self.config.factors;
        &self.factors[item as usize * d..(item as usize + 1) * d]
    }
}

impl Recommender for Als {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let (n, d) = (self.n_items(), self.config.factors);
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        let people: Vec<Option<Vec<f32>>> = queries.par_iter().map(|q| self.person(q)).collect();
        let mut x = vec![0.0; queries.len() * d];
        for (row, person) in x.chunks_exact_mut(d).zip(&people) {
            if let Some(person) = person {
                row.copy_from_slice(person);
            }
        }
        matmul(
            MatMut::from_row_major_slice_mut(out, queries.len(), n),
            Accum::Replace,
            MatRef::from_row_major_slice(&x, queries.len(), d),
            MatRef::from_row_major_slice(&self.factors, n, d).transpose(),
            1.0,
            Par::rayon(0),
        );
        for (row, person) in out.chunks_exact_mut(n.max(1)).zip(&people) {
            for (score, &count) in row.iter_mut().zip(self.counts.iter()) {
                if count == 0 || person.is_none() {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let d = self.config.factors;
        let fold_in = self.fold_in(query);
        if self.counts.get(item as usize).is_none_or(|&n| n == 0) || fold_in.items.is_empty() {
            return Vec::new();
        }
        let Some(factorised) = self.system(&fold_in).factorised(d) else {
            return Vec::new();
        };
        let mut z = self.factors_of(item).to_vec();
        factorised.solve(&mut z);
        let parts = fold_in.items.iter().zip(&fold_in.weights).map(|(&k, w)| {
            let product: f32 = z.iter().zip(self.factors_of(k)).map(|(a, b)| a * b).sum();
            (k, w * product)
        });
        contributions(Self::NAME, parts)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let (n, d) = (self.n_items(), self.config.factors);
        into.put_model(Self::NAME, &self.config)?;
        into.put_u32("counts", &[n], Arc::clone(&self.counts))?;
        into.put_f32("factors", &[n, d], Arc::clone(&self.factors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Event, Interactions, Part, Row};

    #[derive(Deserialize)]
    struct Reference {
        n_users: usize,
        n_items: usize,
        pairs: Vec<(u32, u32)>,
        history: Vec<u32>,
        als: Sweep,
    }

    #[derive(Deserialize)]
    struct Linear {
        n_users: usize,
        n_items: usize,
        pairs: Vec<(u32, u32)>,
        subspace: Vec<Blocks>,
    }

    #[derive(Deserialize)]
    struct Blocks {
        factors: usize,
        block: usize,
        lambda: f32,
        alpha: f32,
        exponent: f32,
        fixed: Vec<f32>,
        start: Vec<f32>,
        swept: Vec<f32>,
    }

    #[derive(Deserialize)]
    struct Sweep {
        factors: usize,
        lambda: f32,
        alpha: f32,
        exponent: f32,
        start: Vec<f32>,
        user_factors: Vec<f32>,
        item_factors: Vec<f32>,
        scores: Vec<f32>,
    }

    fn event(item: u32) -> Event {
        Event {
            item,
            value: 1.0,
            time: 0,
        }
    }

    fn assert_close(got: &[f32], expected: &[f32]) {
        for (i, (g, e)) in got.iter().zip(expected).enumerate() {
            assert!(
                (g - e).abs() < 1e-4 * e.abs().max(0.1),
                "{i}: got {g}, expected {e}"
            );
        }
    }

    fn matrix(pairs: &[(u32, u32)], n_users: usize, n_items: usize) -> Interactions {
        let row = |&(user, item): &(u32, u32)| Row {
            user,
            event: event(item),
            kind: 0,
            part: Part::Train,
        };
        let rows: Vec<Row> = pairs.iter().map(row).collect();
        Interactions::from_rows(&rows, n_users, n_items, Clock::None)
    }

    /// `tests/reference/linear.py` does the same in double precision.
    #[test]
    fn a_sweep_by_blocks_agrees_with_numpy_and_one_block_is_exact() {
        let r: Linear =
            serde_json::from_str(include_str!("../tests/reference/linear.json")).unwrap();
        let by_user = Sparse::of(&matrix(&r.pairs, r.n_users, r.n_items));
        for case in &r.subspace {
            let config = AlsConfig {
                factors: case.factors,
                block: case.block,
                lambda: case.lambda,
                alpha: case.alpha,
                exponent: case.exponent,
                ..AlsConfig::default()
            };
            let mut users = case.start.clone();
            half_sweep(&mut users, &case.fixed, &by_user, (&config, None)).unwrap();
            assert_close(&users, &case.swept);
            if case.block == case.factors {
                let config = AlsConfig {
                    block: 0,
                    steps: 0,
                    ..config
                };
                let mut exact = vec![0.0; users.len()];
                half_sweep(&mut exact, &case.fixed, &by_user, (&config, None)).unwrap();
                assert_close(&users, &exact);
            }
        }
    }

    /// `tests/reference/generate.py` does the same in double precision.
    #[test]
    fn a_sweep_and_a_fold_in_agree_with_numpy() {
        let r: Reference =
            serde_json::from_str(include_str!("../tests/reference/collaborative.json")).unwrap();
        let log = matrix(&r.pairs, r.n_users, r.n_items);
        let config = AlsConfig {
            factors: r.als.factors,
            lambda: r.als.lambda,
            alpha: r.als.alpha,
            exponent: r.als.exponent,
            recency: 0.0,
            ..AlsConfig::default()
        };
        let by_user = Sparse::of(&log);
        for steps in [0, 12] {
            let config = AlsConfig {
                steps,
                ..config.clone()
            };
            let mut users = vec![0.0; r.n_users * r.als.factors];
            half_sweep(&mut users, &r.als.start, &by_user, (&config, None)).unwrap();
            assert_close(&users, &r.als.user_factors);
            let mut items = r.als.start.clone();
            half_sweep(&mut items, &users, &by_user.transposed(), (&config, None)).unwrap();
            assert_close(&items, &r.als.item_factors);
            let model = Als::with(config, Arc::new(log.item_counts()), Arc::new(items));
            let history: Vec<Event> = r.history.iter().map(|&i| event(i)).collect();
            let mut scores = vec![0.0; r.n_items];
            let query = Query {
                history: &history,
                text: None,
            };
            model.score(&[query], &mut scores);
            assert_close(&scores[..r.n_items - 1], &r.als.scores[..r.n_items - 1]);
        }
    }
}
