//! L3AE: EASE, drawn towards what the texts say ("LLM-enhanced Linear Autoencoders for
//! Recommendation", 2025), with the dropout of EDLAE (Steck 2020).
//!
//! Of all item-item matrices `B` with a zero diagonal, the one that minimises
//!
//! ```text
//! Σ_j [n_j > 0] |x_j - X b_j|² + |Λ^½ B|² + λ_e |B - C|²,   Λ = λ I + p/(1-p) diag(X'X)
//! ```
//!
//! over the binary users × items matrix `X` with columns `x_j`, `C` being weights out of the texts
//! alone (`nearest.rs`). With `P = (X'X + Λ + λ_e I)⁻¹` and the diagonal held at zero by a multiplier
//! `γ_j`, `b_j = P (x_j'X + λ_e c_j - γ_j e_j)`, which is
//!
//! ```text
//! B_ij = λ_e (PC)_ij - P_ij (1 + λ_e (PC)_jj) / P_jj   (i ≠ j, n_j > 0)
//! B_ij = ρ C_ij + ρ η Σ_{k: n_k > 0} B_ik C_kj,   ρ = λ_e / (λ + λ_e)   (n_j = 0)
//! score(j) = Σ_{i in history} w_i B_ij
//! ```
//!
//! Three things differ from the paper. There `C` is the closed form of EASE on the text vectors; here
//! it is a sharpened cosine between whitened vectors: on the validation items of `cold-items:0.1` it
//! orders never-clicked items better than the paper's (.161 against .149 at best, without expansion).
//! There the loss of a never-clicked item says that nobody wants it; here it is left out, for
//! nobody could, and the texts alone speak for it: the minimum is then `ρ C`. And to that is added,
//! with `η = expansion`, that it reads like items which go with the history: `B C`.
//!
//! The defaults were chosen on the validation items of `cold-items:0.1` of Amazon Industrial, ndcg@10
//! (`content`: .148 among never-clicked items, .081 among all):
//!
//! | sharpness | λ_e / λ | η | never-clicked items | all items |
//! |---|---|---|---|---|
//! | 1.5 | 0.3, 1, 3 | 2 | .153, .145, .142 | .132, .136, .136 |
//! | 2 | 0.3, 1, 3 | 2 | .157, .152, .148 | .126, .133, .131 |
//! | 3 | 0.3, 1, 3 | 2 | .159, .155, .155 | .105, .120, .124 |
//! | 2 | 0.3 | 0, 0.5 | .161, .161 | .105, .115 |
//!
//! `P C` is made row by row in the place of `P`, so that fitting holds two `n × n` f32 matrices
//! as `ease` does (8 n² bytes; 1.2 GB at 12,101 items), and 8 bytes a neighbour; the model keeps one.
//! `n` counts the items that have training events or a text; others score minus infinity.

mod nearest;

use crate::ease::lambda_for;
use crate::history::{RECENCY, recency_for, recency_problem};
use crate::inverse::invert_positive_definite;
use crate::item_matrix::ItemMatrix;
use crate::kernels::narrow;
use crate::sparse::Sparse;
use crate::texts::{Manner, SHARE, has_text, read, share_problem};
use crate::{Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use nearest::{Columns, Kernel, nearest};
use rayon::prelude::*;
use semrec_text::Vectors;
use semrec_tune::Space;
use serde::{Deserialize, Serialize};

/// How [`L3ae`] is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct L3aeConfig {
    /// Strength `λ` of the regularisation towards zero, on the scale of item counts; 0 takes the
    /// rule of `ease`.
    pub lambda: f64,
    /// Strength of the regularisation towards the texts: `λ_e` as a multiple of `λ`.
    pub text: f64,
    /// Weight of two items with the same text, before it is learned better.
    pub scale: f32,
    /// Exponent of the cosine between texts: how far the nearest are ahead of the near.
    pub sharpness: f32,
    /// Weight, for a never-clicked item, of reading like what goes with an item of the history,
    /// relative to reading like that item: `η`.
    pub expansion: f32,
    /// Items with the nearest texts that each item is drawn to.
    pub neighbours: usize,
    /// Share of a user's items that is dropped at random while learning, in expectation.
    pub dropout: f64,
    /// How far to whiten the text vectors: 1 fully, 0 only centring.
    pub power: f32,
    /// Share of the facts in the cosine between two items that have both texts and facts, where
    /// facts are read: 0 reads texts alone, 1 facts alone.
    pub facts: f32,
    /// How much more newer items of a history count: weight `(1 + newer items) ^ -recency`; 0
    /// where the data have no order.
    pub recency: f32,
}

impl Default for L3aeConfig {
    fn default() -> Self {
        Self {
            lambda: 0.0,
            text: 0.3,
            scale: 1.0,
            sharpness: 2.0,
            expansion: 2.0,
            neighbours: 200,
            dropout: 0.33,
            power: 1.0,
            facts: SHARE,
            recency: RECENCY,
        }
    }
}

impl L3aeConfig {
    fn check(&self) -> Result<(), ModelError> {
        let at_least_0 = |name: &str, got: f64| {
            (!(got >= 0.0 && got.is_finite()))
                .then(|| format!("{name} is {got}; expected a number of at least 0"))
        };
        let problem = at_least_0("lambda", self.lambda)
            .or_else(|| at_least_0("text", self.text))
            .or_else(|| at_least_0("scale", f64::from(self.scale)))
            .or_else(|| at_least_0("sharpness", f64::from(self.sharpness)))
            .or_else(|| at_least_0("expansion", f64::from(self.expansion)))
            .or_else(|| recency_problem(self.recency))
            .or_else(|| share_problem(self.facts))
            .or_else(|| {
                (!(0.0..1.0).contains(&self.dropout)).then(|| {
                    format!(
                        "dropout is {}; expected at least 0 and less than 1",
                        self.dropout
                    )
                })
            })
            .or_else(|| {
                (self.neighbours == 0).then(|| "neighbours is 0; expected at least 1".to_owned())
            });
        match problem {
            None => Ok(()),
            Some(problem) => Err(ModelError::Parameter {
                model: L3ae::NAME,
                problem,
            }),
        }
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub struct L3ae {
    config: L3aeConfig,
    matrix: ItemMatrix,
}

impl Model for L3ae {
    const NAME: &'static str = "l3ae";
    const NEEDS_TEXT: bool = true;
    type Config = L3aeConfig;

    fn space() -> Space {
        Space::default()
            .by_powers("lambda", 5.0, 5_000.0)
            .by_powers("text", 0.03, 10.0)
            .even("sharpness", 0.5, 4.0)
            .even("expansion", 0.0, 4.0)
            .even("dropout", 0.0, 0.8)
            .even("recency", 0.0, 1.5)
    }

    fn fit(training: &Training<'_>, config: &L3aeConfig) -> Result<Self, ModelError> {
        config.check()?;
        let progress = training.progress;
        progress("l3ae: texts", 0, 4);
        let manner = Manner {
            power: config.power,
            eps: EPS,
            share: config.facts,
        };
        let texts = read(training, Self::NAME, manner)?.vectors;
        let counts = training.interactions.item_counts();
        let items: Vec<u32> = (0u32..)
            .zip(&counts)
            .filter(|&(i, &count)| count > 0 || has_text(texts.row(i as usize)))
            .map(|(i, _)| i)
            .collect();
        let n = items.len();
        let columns = nearest(
            &rows_of(&texts, &items),
            Kernel {
                neighbours: config.neighbours,
                sharpness: config.sharpness,
                scale: config.scale,
            },
        );
        progress("l3ae: counting pairs", 1, 4);
        let lambda = if config.lambda > 0.0 {
            config.lambda
        } else {
            lambda_for(counts.iter().map(|&count| f64::from(count)))
        };
        let text = config.text * lambda;
        let mut gram = Sparse::of(training.interactions)
            .with_columns(&items)
            .gram_upper();
        let dropout = config.dropout / (1.0 - config.dropout);
        for k in 0..n {
            let d = f64::from(gram[k * n + k]);
            gram[k * n + k] = narrow(d + lambda + text + dropout * d);
        }
        progress("l3ae: inverting", 2, 4);
        let mut weights =
            invert_positive_definite(gram, n).ok_or_else(|| ModelError::Training {
                model: Self::NAME,
                problem: format!(
                    "X'X + {} I of {n} items is not positive definite in f32; raise lambda",
                    lambda + text
                ),
            })?;
        progress("l3ae: weights", 3, 4);
        let known: Vec<bool> = items.iter().map(|&i| counts[i as usize] > 0).collect();
        let strengths = Strengths {
            text: narrow(text),
            share: narrow(text / (lambda + text)),
            expansion: config.expansion,
        };
        draw_to_texts(&mut weights, &columns, &known, strengths);
        Ok(Self {
            config: L3aeConfig {
                lambda,
                recency: recency_for(training.interactions.clock(), config.recency),
                ..config.clone()
            },
            matrix: ItemMatrix::new(counts.len(), items, weights),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        Ok(Self {
            config: tensors.config()?,
            matrix: ItemMatrix::load(tensors)?,
        })
    }
}

/// Added to each eigenvalue of the texts' covariance, relative to their mean; as in `content`.
const EPS: f32 = 0.001;

fn rows_of(vectors: &Vectors, items: &[u32]) -> Vectors {
    let rows = items.iter().flat_map(|&i| vectors.row(i as usize));
    Vectors::new(vectors.dim(), rows.copied().collect())
}

/// How far the weights are drawn to those of the texts.
#[derive(Clone, Copy, Debug)]
struct Strengths {
    /// `λ_e`.
    text: f32,
    /// `ρ`.
    share: f32,
    /// `η`.
    expansion: f32,
}

/// Makes `B` of `P`, `[n, n]`, in its place. `known` says which items have training events.
fn draw_to_texts(p: &mut [f32], columns: &Columns, known: &[bool], strengths: Strengths) {
    let n = columns.len();
    let Strengths {
        text,
        share,
        expansion,
    } = strengths;
    // Σ_k row_k C_kj
    let product = |row: &[f32], j: usize| -> f32 {
        columns[j].iter().map(|&(k, c)| row[k as usize] * c).sum()
    };
    let multipliers: Vec<f32> = (0..n)
        .into_par_iter()
        .map(|j| {
            let row = &p[j * n..(j + 1) * n];
            (1.0 + text * product(row, j)) / row[j]
        })
        .collect();
    let new: Vec<usize> = (0..n).filter(|&j| !known[j]).collect();
    p.par_chunks_mut(n.max(1)).enumerate().for_each_init(
        || vec![0.0f32; n],
        |made, (i, row)| {
            for (j, out) in made.iter_mut().enumerate() {
                *out = if known[j] && i != j {
                    text * product(row, j) - row[j] * multipliers[j]
                } else {
                    0.0
                };
            }
            row.copy_from_slice(made);
            for &j in &new {
                let near = columns[j].binary_search_by_key(&i, |&(k, _)| k as usize);
                let direct = near.map_or(0.0, |place| columns[j][place].1);
                row[j] = share * (direct + expansion * product(made, j));
            }
            if !known[i] {
                row[i] = 0.0;
            }
        },
    );
}

impl Recommender for L3ae {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.matrix.n_items()
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        self.matrix.score(queries, self.config.recency, out);
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        self.matrix
            .explain(Self::NAME, query, self.config.recency, item)
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &self.config)?;
        self.matrix.save(into)
    }
}
