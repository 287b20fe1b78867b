//! GF-CF and ChebyCF: a history is a signal on the graph of items, and recommending is smoothing it
//! (Shen et al. 2021, "How Powerful is Graph Convolution for Recommendation?"; Kim et al. 2025,
//! "Graph Spectral Filtering with Chebyshev Interpolation for Recommendation").
//!
//! With `P` the walk over the graph (`../graph.rs`, `A` there), `U` its `rank` leading eigenvectors and `D` the
//! items' numbers of users:
//!
//! ```text
//! score = D^power (Σ_k c_k T_k(I − 2P) + ideal · U U') D^−power r,     r_i = w_i for the history
//! ```
//!
//! `c_k` interpolate ChebyCF's plateau (`chebyshev.rs`), a low pass that keeps half of everything
//! between the smoothest and the roughest. `order = 1` is GF-CF: one step, and the ideal low pass.
//!
//! No matrix of items × items is formed, so it fits catalogues that `ease` does not. Its price is the
//! scoring: `order` steps over all pairs, `2 · order · pairs` multiplications a query, shared by
//! queries that are asked together.
//!
//! A score is linear in the history, and the filter is symmetric: what each item of the history adds
//! to one item's score is read off that item's own filtered signal, exactly.
//!
//! **It keeps the graph**: the stored model holds which items were touched by the same person (4
//! bytes a pair, in memory 8), though not by whom, and nobody is looked up in it. Besides, 4 `rank`
//! bytes an item. Items without training events score minus infinity, as does everything for a
//! history without any known item.

mod chebyshev;

use crate::graph::{Graph, Walk};
use crate::history::{RECENCY, Touched, contributions, recency_for, recency_problem, recent};
use crate::sparse::Sparse;
use crate::spectrum::{Map, leading};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Queries filtered at once; a block takes `16 · WIDTH` bytes an item and `4 · WIDTH` a user.
const WIDTH: usize = 64;

/// How [`GfCf`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GfCfConfig {
    /// Degree of the polynomial: steps over the graph.
    pub order: usize,
    /// How wide the plateau is.
    pub flatness: f64,
    /// Number of eigenvectors in the ideal low pass; 0 leaves it out.
    pub rank: usize,
    /// Weight of the ideal low pass.
    pub ideal: f32,
    /// How far scores grow with an item's users, and items of the history count less for theirs.
    pub power: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for GfCfConfig {
    fn default() -> Self {
        Self {
            order: 8,
            flatness: 10.0,
            rank: 256,
            ideal: 0.5,
            power: 0.2,
            recency: RECENCY,
        }
    }
}

impl GfCfConfig {
    fn check(&self) -> Result<(), ModelError> {
        let at_least_0 = |name: &str, got: f64| {
            (!(got >= 0.0 && got.is_finite()))
                .then(|| format!("{name} is {got}; expected a number of at least 0"))
        };
        let order = || format!("order is {}; expected 1 to 64", self.order);
        let problem = (!(1..=64).contains(&self.order))
            .then(order)
            .or_else(|| {
                (!(self.flatness > 0.0 && self.flatness.is_finite()))
                    .then(|| format!("flatness is {}; expected above 0", self.flatness))
            })
            .or_else(|| at_least_0("ideal", f64::from(self.ideal)))
            .or_else(|| at_least_0("power", f64::from(self.power)))
            .or_else(|| recency_problem(self.recency));
        match problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: GfCf::NAME,
                problem,
            }),
        }
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct GfCf {
    config: GfCfConfig,
    graph: Graph,
    walk: Walk,
    coefficients: Vec<f32>,
    /// `D^power`, `[n_items]`; 0 for an item without users.
    scales: Vec<f32>,
    /// `U`, `[n_items, rank]`.
    basis: Arc<Vec<f32>>,
    rank: usize,
}

impl Model for GfCf {
    const NAME: &'static str = "gf-cf";
    type Config = GfCfConfig;

    fn space() -> Space {
        Space::default()
            .whole_by_powers("order", 1, 32)
            .by_powers("flatness", 1.0, 100.0)
            .whole_by_powers("rank", 16, 512)
            .even("ideal", 0.0, 1.0)
            .even("power", 0.0, 0.6)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &GfCfConfig) -> Result<Self, ModelError> {
        config.check()?;
        (training.progress)("gf-cf: eigenvectors", 0, 1);
        let graph = Graph::of(Sparse::of(training.interactions).without_empty_rows());
        let wanted = if config.ideal > 0.0 { config.rank } else { 0 };
        let walk = graph.whole();
        let step = |block: &[f32], width: usize| graph.spread(&walk, block, width);
        let map = Map {
            model: Self::NAME,
            size: graph.n_items(),
            apply: &step,
        };
        let found = leading(map, wanted, training.seed)?;
        let (basis, rank) = (found.vectors, found.values.len());
        let config = GfCfConfig {
            recency: recency_for(training.interactions.clock(), config.recency),
            ..config.clone()
        };
        Ok(Self::with(config, graph, Arc::new(basis), rank))
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let config: GfCfConfig = tensors.config()?;
        config.check()?;
        let graph = Graph::of(Sparse::load(tensors)?);
        let [n, rank] = tensors.shape("basis")?;
        if n != graph.n_items() {
            return Err(ModelError::Tensor {
                name: "basis".to_owned(),
                problem: format!("has {n} rows; expected {}", graph.n_items()),
            });
        }
        let basis = tensors.shared_f32("basis", &[n, rank])?;
        Ok(Self::with(config, graph, basis, rank))
    }
}

impl GfCf {
    fn with(config: GfCfConfig, graph: Graph, basis: Arc<Vec<f32>>, rank: usize) -> Self {
        let scales = (0..graph.n_items())
            .map(|item| match graph.degree(item) {
                0 => 0.0,
                users => (users as f32).powf(config.power),
            })
            .collect();
        let plateau = |x| chebyshev::plateau(x, config.flatness);
        Self {
            coefficients: chebyshev::coefficients(config.order, plateau),
            config,
            walk: graph.whole(),
            graph,
            scales,
            basis,
            rank,
        }
    }

    fn known(&self, item: u32) -> bool {
        self.graph.degree(item as usize) > 0
    }

    fn history(&self, query: &Query<'_>) -> Vec<Touched> {
        recent(query.history, self.config.recency, |i| self.known(i))
    }

    /// Both filters on a block of signals, `[n_items, width]`.
    fn filtered(&self, x: &[f32], width: usize) -> Vec<f32> {
        let n = self.graph.n_items();
        let mut out = chebyshev::filter((&self.graph, &self.walk), &self.coefficients, x, width);
        if self.rank > 0 {
            let u = MatRef::from_row_major_slice(&self.basis, n, self.rank);
            let mut within = vec![0.0; self.rank * width];
            matmul(
                MatMut::from_row_major_slice_mut(&mut within, self.rank, width),
                Accum::Replace,
                u.transpose(),
                MatRef::from_row_major_slice(x, n, width),
                self.config.ideal,
                Par::Seq,
            );
            matmul(
                MatMut::from_row_major_slice_mut(&mut out, n, width),
                Accum::Add,
                u,
                MatRef::from_row_major_slice(&within, self.rank, width),
                1.0,
                Par::rayon(0),
            );
        }
        out
    }

    /// Scores of a block of queries, one row each.
    fn score_block(&self, histories: &[Vec<Touched>], out: &mut [f32]) {
        let (n, width) = (self.graph.n_items(), histories.len());
        let mut x = vec![0.0; n * width];
        for (column, history) in histories.iter().enumerate() {
            for t in history {
                x[t.item as usize * width + column] = t.weight / self.scales[t.item as usize];
            }
        }
        let filtered = self.filtered(&x, width);
        out.par_chunks_mut(n.max(1))
            .enumerate()
            .for_each(|(column, row)| {
                for (item, (score, &scale)) in row.iter_mut().zip(&self.scales).enumerate() {
                    *score = if scale > 0.0 && !histories[column].is_empty() {
                        scale * filtered[item * width + column]
                    } else {
                        f32::NEG_INFINITY
                    };
                }
            });
    }
}

impl Recommender for GfCf {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.graph.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        let n = self.n_items();
        assert_eq!(out.len(), queries.len() * n, "[queries, n_items]");
        if n == 0 {
            return;
        }
        for (queries, out) in queries.chunks(WIDTH).zip(out.chunks_mut(WIDTH * n)) {
            let histories: Vec<Vec<Touched>> = queries.iter().map(|q| self.history(q)).collect();
            self.score_block(&histories, out);
        }
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        let history = self.history(query);
        if history.is_empty() || !self.known(item) {
            return Vec::new();
        }
        let mut x = vec![0.0; self.n_items()];
        x[item as usize] = self.scales[item as usize];
        let filtered = self.filtered(&x, 1);
        let parts = history.into_iter().map(|t| {
            let k = t.item as usize;
            (t.item, t.weight / self.scales[k] * filtered[k])
        });
        contributions(Self::NAME, parts)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        self.graph.by_user().save(into)?;
        let shape = [self.n_items(), self.rank];
        into.put_f32("basis", &shape, Arc::clone(&self.basis))
    }
}
