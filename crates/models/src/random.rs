//! Random: the floor every figure stands on.
//!
//! `score(i) = hash(seed, newest item and length of the history, i)`, uniform in [0, 1): a ranking without
//! any knowledge, the same for the same seed and history. Its expected recall@k is `k / n_items`.

use crate::{Cause, Contribution, Model, ModelError, Query, Recommender, Tensors, Training};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Random has no parameters; its seed is that of the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomConfig {}

/// The "fitted" model: a seed.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    seed: i64,
    n_items: usize,
}

impl Model for Random {
    const NAME: &'static str = "random";
    const NEEDS_EVENTS: bool = false;
    type Config = RandomConfig;

    fn fit(training: &Training<'_>, _config: &RandomConfig) -> Result<Self, ModelError> {
        Ok(Self {
            seed: training.seed.cast_signed(),
            n_items: training.interactions.n_items(),
        })
    }

    fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let values = tensors.i64("seed_and_items")?.1;
        match values {
            &[seed, n] => Ok(Self {
                seed,
                n_items: usize::try_from(n).map_err(|_| damaged(values))?,
            }),
            _ => Err(damaged(values)),
        }
    }
}

fn damaged(values: &[i64]) -> ModelError {
    ModelError::Tensor {
        name: "seed_and_items".to_owned(),
        problem: format!("holds {values:?}; expected a seed and a number of items"),
    }
}

impl Random {
    fn value(&self, query: &Query<'_>, item: u32) -> f32 {
        let newest = query.history.last().map_or(u64::MAX, |e| u64::from(e.item));
        let length = (query.history.len() as u64) << 32;
        let person = mix(self.seed.cast_unsigned() ^ mix(newest ^ length));
        // The upper 16 bits of a well-mixed word, and the next 8: exact in an f32.
        let word = mix(person ^ u64::from(item));
        f32::from(u16::try_from(word >> 48).unwrap_or(0)) / 65_536.0
            + f32::from(u8::try_from((word >> 40) & 0xff).unwrap_or(0)) / 16_777_216.0
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Recommender for Random {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, queries: &[Query<'_>], out: &mut [f32]) {
        assert_eq!(
            out.len(),
            queries.len() * self.n_items,
            "[queries, n_items]"
        );
        out.par_chunks_mut(self.n_items.max(1))
            .zip(queries)
            .for_each(|(row, query)| {
                for (score, item) in row.iter_mut().zip(0u32..) {
                    *score = self.value(query, item);
                }
            });
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Vec<Contribution> {
        vec![Contribution {
            source: Self::NAME.to_owned(),
            cause: Cause::Item,
            amount: self.value(query, item),
        }]
    }

    fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        into.put_model(Self::NAME, &RandomConfig {})?;
        let n = i64::try_from(self.n_items).unwrap_or(i64::MAX);
        into.put_i64("seed_and_items", &[2], vec![self.seed, n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::Event;

    #[test]
    fn values_are_spread_evenly_and_depend_on_the_history() {
        let model = Random {
            seed: 1,
            n_items: 10_000,
        };
        let history = [Event {
            item: 3,
            value: 1.0,
            time: 0,
        }];
        let queries = [
            Query::default(),
            Query {
                history: &history,
                text: None,
            },
        ];
        let mut out = vec![0.0; 20_000];
        model.score(&queries, &mut out);
        let (a, b) = out.split_at(10_000);
        assert_ne!(a, b);
        // A uniform mean of 10,000 draws is within 0.5 ± 5 · sqrt(1 / 12 / 10,000) = ± 0.0144.
        let mean = a.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.0144, "{mean}");
        assert!(a.iter().all(|x| (0.0..1.0).contains(x)));
    }
}
