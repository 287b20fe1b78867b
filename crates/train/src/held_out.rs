//! Events held out of a training by epochs, by which it is told when to end.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Most people of whom an event is held out.
const MOST: usize = 4_000;
/// Shortest history an event of which may be held out.
const SHORTEST: usize = 4;
/// Places of a ranking that are looked at.
const DEPTH: usize = 10;
/// Rankings made at once.
const TOGETHER: usize = 256;

/// A history, and an item that belongs to it and was held out.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// Items, oldest first.
    pub history: Vec<u32>,
    /// What was held out.
    pub item: u32,
}

/// The histories to learn from, and one item each of some people: the last where there is an order,
/// else any.
#[must_use]
pub fn hold_out(
    histories: &[Vec<u32>],
    ordered: bool,
    rng: &mut ChaCha8Rng,
) -> (Vec<Vec<u32>>, Vec<HeldOut>) {
    let mut people: Vec<usize> = (0..histories.len())
        .filter(|&u| histories[u].len() >= SHORTEST)
        .collect();
    people.shuffle(rng);
    people.truncate(MOST.min(people.len() / 3));
    let mut learned = histories.to_vec();
    let held_out = people
        .into_iter()
        .map(|user| {
            let history = &mut learned[user];
            let place = if ordered {
                history.len() - 1
            } else {
                rng.random_range(0..history.len())
            };
            let item = history.remove(place);
            HeldOut {
                history: history.clone(),
                item,
            }
        })
        .collect();
    (learned, held_out)
}

/// ndcg@10 of the items held out, among all of a table `[items, dim]` that are not in the history;
/// `states` makes `[histories, dim]` of some of them.
///
/// # Errors
/// Those of `states`.
pub fn ndcg<E>(
    held_out: &[HeldOut],
    (table, dim): (&[f32], usize),
    states: impl Fn(&[HeldOut]) -> Result<Vec<f32>, E>,
) -> Result<f64, E> {
    let n = table.len() / dim;
    let items = MatRef::from_row_major_slice(table, n, dim);
    let mut sum = 0.0;
    for chunk in held_out.chunks(TOGETHER) {
        let states = states(chunk)?;
        let mut scores = vec![0.0f32; chunk.len() * n];
        matmul(
            MatMut::from_row_major_slice_mut(&mut scores, chunk.len(), n),
            Accum::Replace,
            MatRef::from_row_major_slice(&states, chunk.len(), dim),
            items.transpose(),
            1.0,
            Par::rayon(0),
        );
        let gains: Vec<f64> = scores
            .par_chunks_mut(n)
            .zip(chunk)
            .map(|(row, held)| gain(row, held))
            .collect();
        sum += gains.iter().sum::<f64>();
    }
    Ok(sum / held_out.len().max(1) as f64)
}

/// `1 / log₂(1 + rank)` of the held-out item among all that are not in the history, 0 beyond ten
/// places. The scores of the history are overwritten.
fn gain(scores: &mut [f32], held: &HeldOut) -> f64 {
    if held.history.contains(&held.item) {
        return 0.0;
    }
    for &seen in &held.history {
        scores[seen as usize] = f32::NEG_INFINITY;
    }
    let own = scores[held.item as usize];
    let better = scores.iter().filter(|&&score| score > own).count();
    if better < DEPTH {
        1.0 / (better as f64 + 2.0).log2()
    } else {
        0.0
    }
}
