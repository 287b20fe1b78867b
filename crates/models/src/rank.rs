//! From scores to rankings: the one place where seen items and other candidates are left out.
//!
//! `evaluate` and the engine both rank here, so that what is measured is what is served.

use crate::{Query, Recommender};
use rayon::prelude::*;
use semrec_data::{Event, Ranked, top_k};

/// What may be ranked.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// Whether items of the history are left out.
    pub exclude_seen: bool,
    /// `[n_items]`, false for items that must not be ranked; `None` for the full catalogue.
    pub allowed: Option<&'a [bool]>,
}

/// The `k` best candidates for each query, best first, equal scores in catalogue order. A ranking
/// is shorter than `k` where the model knows nothing of the other items.
///
/// Holds `queries.len() * n_items` scores; the caller bounds the number of queries.
#[must_use]
pub fn rank(
    model: &dyn Recommender,
    queries: &[Query<'_>],
    candidates: &Candidates<'_>,
    k: usize,
) -> Vec<Vec<Ranked>> {
    let asked: Vec<Asked<'_>> = queries
        .iter()
        .map(|&query| Asked {
            query,
            candidates: *candidates,
            k,
        })
        .collect();
    rank_each(model, &asked)
}

/// One question of several that are asked at once.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Of whom.
    pub query: Query<'a>,
    /// Of what.
    pub candidates: Candidates<'a>,
    /// How many.
    pub k: usize,
}

/// As [`rank`], with candidates and a number for each query.
#[must_use]
pub fn rank_each(model: &dyn Recommender, asked: &[Asked<'_>]) -> Vec<Vec<Ranked>> {
    let n = model.n_items();
    let mut scores = vec![0.0f32; asked.len() * n];
    let queries: Vec<Query<'_>> = asked.iter().map(|asked| asked.query).collect();
    model.score(&queries, &mut scores);
    scores
        .par_chunks_mut(n.max(1))
        .zip(asked)
        .map(|(row, asked)| {
            mask(row, asked.query.history, &asked.candidates);
            top_k(row, asked.k)
        })
        .collect()
}

fn mask(row: &mut [f32], history: &[Event], candidates: &Candidates<'_>) {
    if candidates.exclude_seen {
        for event in history {
            if let Some(score) = row.get_mut(event.item as usize) {
                *score = f32::NEG_INFINITY;
            }
        }
    }
    if let Some(allowed) = candidates.allowed {
        for (score, &allowed) in row.iter_mut().zip(allowed) {
            if !allowed {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelError, Popularity, Tensors};

    #[test]
    fn seen_and_disallowed_items_are_left_out() -> Result<(), ModelError> {
        let mut tensors = Tensors::default();
        tensors.put_model("popularity", &crate::PopularityConfig {})?;
        tensors.put_f32("scores", &[4], vec![1.0, 4.0, 3.0, 2.0])?;
        let model = <Popularity as crate::Model>::load(&tensors)?;
        let history = [Event {
            item: 1,
            value: 1.0,
            time: 0,
        }];
        let query = Query {
            history: &history,
            text: None,
        };
        let items = |candidates: Candidates<'_>| -> Vec<u32> {
            rank(&model, &[query], &candidates, 3)[0]
                .iter()
                .map(|r| r.item)
                .collect()
        };
        let full = Candidates {
            exclude_seen: true,
            allowed: None,
        };
        assert_eq!(items(full), [2, 3, 0]);
        let some = Candidates {
            exclude_seen: true,
            allowed: Some(&[true, true, false, true]),
        };
        assert_eq!(items(some), [3, 0]);
        let seen_too = Candidates {
            exclude_seen: false,
            allowed: None,
        };
        assert_eq!(items(seen_too), [1, 2, 3]);
        Ok(())
    }
}
