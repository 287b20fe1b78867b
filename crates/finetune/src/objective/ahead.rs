//! Vectors that go ahead of their encoder (auxiliary coordinates, Carreira-Perpiñán and Wang 2014).
//!
//! A step of the encoder takes a hundred times what a step of the vectors alone takes, and the loss
//! of who chose what is a loss of the vectors. So it is brought down in two parts:
//!
//! ```text
//! z ← v(θ), then Adam on L(z), ‖z_i‖ = 1; the pass that validates best is kept
//! θ ← Adam on 1/n Σ (1 - v_i(θ)·z_i)
//! ```
//!
//! `L` is [`crate::loss::info_nce`] over the whole catalogue, `v_i(θ)` the encoder's vector of text
//! `i`. As `z` begins where the encoder is, it says what the examples want of the encoder beyond
//! what it has.

use crate::FinetuneError;
use crate::sample::Example;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use semrec_train::{Method, Optimiser, Parameters, TrainError, draws};
use serde::{Deserialize, Serialize};

/// Examples of a step.
const BATCH: usize = 1024;

/// How the vectors go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ahead {
    /// Most passes over the examples.
    pub passes: u32,
    /// Highest learning rate of the vectors' numbers; it goes down to 0 in a straight line.
    pub learning_rate: f32,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            passes: 3,
            learning_rate: 1e-3,
        }
    }
}

impl Ahead {
    pub(crate) fn check(self) -> Result<(), FinetuneError> {
        if self.passes > 0 && self.learning_rate > 0.0 && self.learning_rate.is_finite() {
            return Ok(());
        }
        Err(FinetuneError::Setting {
            name: "ahead",
            problem: format!(
                "is {} passes at a rate of {}; expected numbers above 0",
                self.passes, self.learning_rate
            ),
        })
    }

    /// Where the vectors `[n, dim]`, each of unit length, should be. `examples` draws those of a
    /// pass, `slopes` gives loss and slopes of some of them by the vectors, `judge` what vectors are
    /// worth: more is better.
    pub(crate) fn goals(
        self,
        (vectors, dim): (Vec<f32>, usize),
        (seed, keep_last): (u64, bool),
        (examples, slopes): (
            impl Fn(u64) -> Vec<Example>,
            impl Fn(&[f32], &[&Example]) -> (f32, Vec<f32>),
        ),
        mut judge: impl FnMut(Pass, &[f32]) -> Result<f64, TrainError>,
    ) -> Result<Vec<f32>, TrainError> {
        let optimiser = Optimiser {
            method: Method::ADAMW,
            weight_decay: 0.0,
            clip: 0.0,
        };
        let shape = [vectors.len() / dim, dim];
        let start = Pass {
            number: 0,
            loss: f64::NAN,
        };
        let mut best = (judge(start, &vectors)?, vectors.clone());
        let mut free = Parameters::default();
        let place = free.add("vectors", &shape, vectors, false)?;
        let mut step = 0;
        for pass in 1..=u64::from(self.passes) {
            let examples = examples(pass);
            let mut order: Vec<&Example> = examples.iter().collect();
            order.shuffle(&mut draws(seed, 1, pass));
            let batches = order.chunks(BATCH);
            // As if all that are left were as long as this one.
            let left = u64::from(self.passes) + 1 - pass;
            let all = step + left * batches.len() as u64;
            let mut sum = 0.0;
            for batch in batches {
                step += 1;
                let table = &free.arrays()[place].values;
                let (loss, mut by_vectors) = slopes(table, batch);
                sum += f64::from(loss) * batch.len() as f64;
                along_the_sphere(table, &mut by_vectors, dim);
                let rate = self.learning_rate * (all + 1 - step) as f32 / all as f32;
                optimiser.step(&mut free, &[by_vectors], rate, step)?;
                back_to_the_sphere(free.values_mut(place), dim);
            }
            let table = &free.arrays()[place].values;
            let of = Pass {
                number: pass,
                loss: sum / order.len().max(1) as f64,
            };
            let value = judge(of, table)?;
            if keep_last || value > best.0 {
                best = (value, table.clone());
            }
        }
        Ok(best.1)
    }
}

/// A pass that is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// From 1; 0 is the start.
    pub(crate) number: u64,
    /// The mean of an example.
    pub(crate) loss: f64,
}

/// Takes from each slope what would change the length of its unit vector.
fn along_the_sphere(vectors: &[f32], slopes: &mut [f32], dim: usize) {
    let rows = slopes.par_chunks_exact_mut(dim);
    rows.zip(vectors.par_chunks_exact(dim))
        .for_each(|(slope, v)| {
            let along: f32 = slope.iter().zip(v).map(|(g, x)| g * x).sum();
            slope.iter_mut().zip(v).for_each(|(g, x)| *g -= along * x);
        });
}

/// Scales each vector of `dim` values to length 1; one of zeros stays.
pub(super) fn back_to_the_sphere(vectors: &mut [f32], dim: usize) {
    vectors.par_chunks_exact_mut(dim).for_each(|v| {
        let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            v.iter_mut().for_each(|x| *x /= length);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::info_nce::{Contest, info_nce};
    use std::cell::RefCell;

    /// Texts 0 and 1 are touched one after the other, 2 and 3 too; each begins beside the wrong one.
    fn examples() -> Vec<Example> {
        let pairs = [(0, 1), (1, 0), (2, 3), (3, 2)].into_iter().cycle();
        let examples = pairs.take(64).map(|(from, target)| Example {
            context: vec![from],
            target,
            source: 0,
        });
        examples.collect()
    }

    fn start() -> Vec<f32> {
        vec![
            0.8, 0.6, 0.0, -0.6, 0.8, 0.0, 0.8, -0.6, 0.0, -0.8, -0.6, 0.0,
        ]
    }

    fn slopes(table: &[f32], rows: &[&Example]) -> (f32, Vec<f32>) {
        let users = rows.iter().flat_map(|e| row(table, e.context[0]));
        let users: Vec<f32> = users.copied().collect();
        let targets: Vec<u32> = rows.iter().map(|e| e.target).collect();
        let mut found = info_nce(&Contest::plain((&users, table), 3, &targets, 0.2));
        for (example, slope) in rows.iter().zip(found.users.chunks_exact(3)) {
            let at = example.context[0] as usize * 3;
            let own = &mut found.candidates[at..at + 3];
            own.iter_mut().zip(slope).for_each(|(a, b)| *a += b);
        }
        (found.loss, found.candidates)
    }

    fn row(table: &[f32], place: u32) -> &[f32] {
        &table[place as usize * 3..][..3]
    }

    fn cosine(table: &[f32], a: u32, b: u32) -> f32 {
        let both = row(table, a).iter().zip(row(table, b));
        both.map(|(a, b)| a * b).sum()
    }

    const FAR: Ahead = Ahead {
        passes: 200,
        learning_rate: 0.05,
    };

    #[test]
    fn what_is_touched_together_comes_together() {
        let losses = RefCell::new(Vec::new());
        let judge = |pass: Pass, table: &[f32]| {
            losses.borrow_mut().push(pass.loss);
            for v in table.chunks_exact(3) {
                let length: f32 = v.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-5, "{v:?}");
            }
            Ok(f64::from(cosine(table, 0, 1) - cosine(table, 0, 2)))
        };
        assert!(cosine(&start(), 0, 1) < cosine(&start(), 0, 2));
        let of = (start(), 3);
        let goals = FAR.goals(of, (1, false), (|_| examples(), slopes), judge);
        let goals = goals.unwrap();
        assert!(
            cosine(&goals, 0, 1) > 0.9 && cosine(&goals, 2, 3) > 0.9,
            "{goals:?}"
        );
        assert!(cosine(&goals, 0, 2) < 0.0, "{goals:?}");
        let losses = losses.into_inner();
        assert_eq!(losses.len(), 201);
        assert!(losses[200] < 0.5 * losses[1], "{losses:?}");
    }

    /// Where each pass is worth less than the one before, the start is kept, or the last.
    #[test]
    fn the_best_pass_is_kept_or_the_last() {
        let worse = |pass: Pass, _: &[f32]| Ok(-(pass.number as f64));
        let of = || (start(), 3);
        let kept = FAR.goals(of(), (1, false), (|_| examples(), slopes), worse);
        assert_eq!(kept.unwrap(), start());
        let last = FAR.goals(of(), (1, true), (|_| examples(), slopes), worse);
        assert!(cosine(&last.unwrap(), 0, 1) > 0.9);
    }
}
