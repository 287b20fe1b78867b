//! The user tower: a context's vectors pooled into one of unit length.
//!
//! With `v_k` the vectors of a context and `age_k` the number of newer ones,
//!
//! ```text
//! s = Σ_k a_k v_k,   u = s / ‖s‖
//! mean:       a_k = 1
//! recency:    a_k = (1 + age_k) ^ -r            (the rule of the model `content`)
//! attention:  a = softmax_k( c (q·v_k + b[age_k]) )
//! ```
//!
//! `q` and `b` are learned; at first `q = 0` and `c b = -r ln(1 + age)`, which is recency. The
//! constant `c` ([`HASTE`]) lets them move faster than an encoder's learning rate would.

use crate::FinetuneError;
use semrec_train::Parameters;
use serde::{Deserialize, Serialize};

/// What a scalar next to an encoder is multiplied by, so that steps that are right for the encoder
/// move it: Adam's steps do not depend on the size of a gradient.
pub(crate) const HASTE: f32 = 20.0;
/// The exponent of recency where nothing else is said: of the two that the model `content` chooses
/// from, the better one for vectors that are tuned. Free vectors on Amazon Beauty have a validation
/// ndcg@10 of .0700 with it, .0681 with 0.6 (whitened titles as they are: .0442 and .0436).
pub const RECENCY: f32 = 1.0;

/// How a context becomes a person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum UserTower {
    /// All alike.
    Mean,
    /// Newer ones weigh more.
    Recency {
        /// `r`.
        exponent: f32,
    },
    /// Learned weights.
    Attention,
    /// The person's own text, read by the same encoder.
    Text,
}

impl UserTower {
    /// How much less older items count by a tower without parameters.
    pub(crate) fn recency(self) -> Option<f32> {
        match self {
            Self::Mean => Some(0.0),
            Self::Recency { exponent } => Some(exponent),
            Self::Attention | Self::Text => None,
        }
    }
}

impl Default for UserTower {
    fn default() -> Self {
        Self::Recency { exponent: RECENCY }
    }
}

/// The tower, and where its parameters lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    kind: UserTower,
    dim: usize,
    /// Places of `q` and `b` among the parameters.
    places: Option<(usize, usize)>,
}

/// Contexts that went through the tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pooled {
    /// `u`, `[rows, dim]`; zero for an empty context, or one that cancels out.
    pub(crate) users: Vec<f32>,
    /// `‖s‖` of each row.
    lengths: Vec<f32>,
    /// `a` of each row.
    weights: Vec<Vec<f32>>,
}

impl Pooling {
    /// The tower for contexts of at most `longest`; adds its parameters.
    pub(crate) fn new(
        kind: UserTower,
        dim: usize,
        longest: usize,
        parameters: &mut Parameters,
    ) -> Result<Self, FinetuneError> {
        if let UserTower::Recency { exponent } = kind
            && !(exponent >= 0.0 && exponent.is_finite())
        {
            return Err(FinetuneError::Setting {
                name: "recency of the user tower",
                problem: format!("is {exponent}; expected a number of at least 0"),
            });
        }
        let places = if kind == UserTower::Attention {
            let ages = (0..longest).map(|age| -RECENCY * (1.0 + age as f32).ln() / HASTE);
            let query = parameters.add("user_tower.query", &[dim], vec![0.0; dim], false)?;
            let bias = parameters.add("user_tower.age", &[longest], ages.collect(), false)?;
            Some((query, bias))
        } else {
            None
        };
        Ok(Self { kind, dim, places })
    }

    /// Pools contexts, each a list of rows of `vectors`, `[n, dim]`, newest last.
    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        vectors: &[f32],
        contexts: &[&[u32]],
    ) -> Pooled {
        let d = self.dim;
        let mut out = Pooled {
            users: vec![0.0; contexts.len() * d],
            lengths: Vec::with_capacity(contexts.len()),
            weights: Vec::with_capacity(contexts.len()),
        };
        for (user, context) in out.users.chunks_exact_mut(d).zip(contexts) {
            let weights = self.weights(parameters, vectors, context);
            for (&row, &weight) in context.iter().zip(&weights) {
                add(user, row_of(vectors, row, d), weight);
            }
            let length = dot(user, user).sqrt();
            if length > 0.0 {
                user.iter_mut().for_each(|x| *x /= length);
            }
            out.lengths.push(length);
            out.weights.push(weights);
        }
        out
    }

    fn weights(&self, parameters: &Parameters, vectors: &[f32], context: &[u32]) -> Vec<f32> {
        let ages = (0..context.len()).rev();
        match (self.kind, self.places) {
            (UserTower::Recency { exponent }, _) => {
                ages.map(|age| (1.0 + age as f32).powf(-exponent)).collect()
            }
            (UserTower::Attention, Some((query, bias))) => {
                let query = &parameters.arrays()[query].values;
                let bias = &parameters.arrays()[bias].values;
                let scores = context.iter().zip(ages).map(|(&row, age)| {
                    let bias = bias[age.min(bias.len() - 1)];
                    HASTE * (dot(query, row_of(vectors, row, self.dim)) + bias)
                });
                softmax(scores.collect())
            }
            _ => vec![1.0; context.len()],
        }
    }

    /// Adds the gradients by the vectors, `[n, dim]`, and by the tower's parameters, from those by
    /// the users, `[rows, dim]`.
    pub(crate) fn backward(
        &self,
        parameters: &Parameters,
        (vectors, contexts): (&[f32], &[&[u32]]),
        (pooled, slopes): (&Pooled, &[f32]),
        (by_vectors, by_parameters): (&mut [f32], &mut [Vec<f32>]),
    ) {
        let d = self.dim;
        let rows = pooled.users.chunks_exact(d).zip(slopes.chunks_exact(d));
        let kept = pooled.lengths.iter().zip(&pooled.weights);
        for (((user, slope), (&length, weights)), context) in rows.zip(kept).zip(contexts) {
            if length == 0.0 {
                continue;
            }
            // ∂L/∂s: what is left of the slope across u, over the length.
            let along = dot(user, slope);
            let by_sum = user
                .iter()
                .zip(slope)
                .map(|(u, g)| (g - u * along) / length);
            let by_sum: Vec<f32> = by_sum.collect();
            for (&row, &weight) in context.iter().zip(weights) {
                add(&mut by_vectors[row as usize * d..][..d], &by_sum, weight);
            }
            let Some((query, bias)) = self.places else {
                continue;
            };
            let by_weight: Vec<f32> = context
                .iter()
                .map(|&row| dot(&by_sum, row_of(vectors, row, d)))
                .collect();
            let mean = dot(&by_weight, weights);
            for (k, &row) in context.iter().enumerate() {
                let by_score = HASTE * weights[k] * (by_weight[k] - mean);
                let vector = row_of(vectors, row, d);
                let own = &parameters.arrays()[query].values;
                add(&mut by_vectors[row as usize * d..][..d], own, by_score);
                add(filled(&mut by_parameters[query], d), vector, by_score);
                let ages = parameters.arrays()[bias].values.len();
                let age = (context.len() - 1 - k).min(ages - 1);
                filled(&mut by_parameters[bias], ages)[age] += by_score;
            }
        }
    }
}

/// An array of gradients; zeros where nothing has flowed to it yet.
pub(crate) fn filled(gradient: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if gradient.is_empty() {
        gradient.resize(n, 0.0);
    }
    gradient
}

fn softmax(mut scores: Vec<f32>) -> Vec<f32> {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|s| *s = (*s - highest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|s| *s /= sum);
    scores
}

fn row_of(vectors: &[f32], row: u32, dim: usize) -> &[f32] {
    &vectors[row as usize * dim..][..dim]
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f32], v: &[f32], times: f32) {
    sum.iter_mut().zip(v).for_each(|(s, x)| *s += times * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [f32; 6] = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0];

    fn pooling(kind: UserTower) -> (Pooling, Parameters) {
        let mut parameters = Parameters::default();
        let pooling = Pooling::new(kind, 2, 3, &mut parameters).unwrap();
        (pooling, parameters)
    }

    fn near(got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len());
        for (g, e) in got.iter().zip(expected) {
            assert!((g - e).abs() < 1e-5, "{got:?} {expected:?}");
        }
    }

    /// Newest is (0, 1), before it (1, 0): with r = log₂(4/3), weights 1 and 0.75, of length 1.25.
    #[test]
    fn pooled_by_hand() {
        let exponent = (4.0f32 / 3.0).log2();
        let (pooling, parameters) = pooling(UserTower::Recency { exponent });
        let pooled = pooling.forward(&parameters, &VECTORS, &[&[0, 1], &[], &[0, 2]]);
        // The last: 0.75 (1, 0) - (1, 0).
        near(&pooled.users, &[0.6, 0.8, 0.0, 0.0, -1.0, 0.0]);
        let (mean, parameters) = self::pooling(UserTower::Mean);
        let pooled = mean.forward(&parameters, &VECTORS, &[&[0, 1], &[0, 2]]);
        let root = 0.5f32.sqrt();
        near(&pooled.users, &[root, root, 0.0, 0.0]);
    }

    #[test]
    fn attention_begins_as_recency() {
        let (attention, parameters) = pooling(UserTower::Attention);
        let (recency, none) = pooling(UserTower::default());
        let contexts: [&[u32]; 2] = [&[0, 1, 1], &[2, 1]];
        near(
            &attention.forward(&parameters, &VECTORS, &contexts).users,
            &recency.forward(&none, &VECTORS, &contexts).users,
        );
    }

    /// Every gradient against differences of the loss Σ g·u.
    #[test]
    fn gradients_are_differences() {
        let vectors = [0.6f32, 0.8, -0.28, 0.96, 1.0, 0.0];
        let contexts: [&[u32]; 2] = [&[0, 1, 2], &[2, 1]];
        let slopes = [0.3f32, -0.7, 0.2, 0.9];
        for kind in [UserTower::Mean, UserTower::default(), UserTower::Attention] {
            let (pooling, mut parameters) = pooling(kind);
            if kind == UserTower::Attention {
                parameters.values_mut(0).copy_from_slice(&[0.02, -0.03]);
            }
            let loss = |parameters: &Parameters, vectors: &[f32]| {
                dot(
                    &pooling.forward(parameters, vectors, &contexts).users,
                    &slopes,
                )
            };
            let pooled = pooling.forward(&parameters, &vectors, &contexts);
            let mut by_vectors = vec![0.0; 6];
            let mut by_parameters = vec![Vec::new(); parameters.arrays().len()];
            pooling.backward(
                &parameters,
                (&vectors, &contexts),
                (&pooled, &slopes),
                (&mut by_vectors, &mut by_parameters),
            );
            let h = 1e-2;
            for (k, &got) in by_vectors.iter().enumerate() {
                let moved = |by: f32| {
                    let mut v = vectors;
                    v[k] += by;
                    loss(&parameters, &v)
                };
                let expected = (moved(h) - moved(-h)) / (2.0 * h);
                assert!(
                    (got - expected).abs() < 2e-3,
                    "{kind:?} {k} {got} {expected}"
                );
            }
            for (place, gradient) in by_parameters.iter().enumerate() {
                for (k, &got) in gradient.iter().enumerate() {
                    let moved = |by: f32| {
                        let mut p = parameters.clone();
                        p.values_mut(place)[k] += by;
                        loss(&p, &vectors)
                    };
                    let h = h / HASTE;
                    let expected = (moved(h) - moved(-h)) / (2.0 * h);
                    let away = (got - expected).abs();
                    assert!(away < 2e-2, "{place} {k} {got} {expected}");
                }
            }
        }
    }
}
