//! The map: items in two dimensions, near items near each other.
//!
//! A neighbour embedding, ours because the crates that have one are either not kept or move points
//! from several threads at once, so that no map is like the last. Edges weigh as in UMAP (McInnes
//! et al. 2018): `exp(−(d − ρ) / σ)`, ρ the distance to the nearest and σ such that the weights of
//! a point's k edges sum to log₂ k, both directions joined by `a + b − a b`. Points begin at their
//! two strongest directions (PCA) and move by the kernel `1 / (1 + d²)`:
//!
//! ```text
//! towards neighbours   2 · mean over edges, by weight, of  2 / (1 + d²) · (y_j − y_i)
//! from others          5 · mean over drawn points of       2 / ((ε + d²)(1 + d²)) · (y_i − y_j)
//! ```
//!
//! In each round all points move at once, by what the last round left, so that neither the order
//! nor the number of threads matters. Cost: n · (2k + 16) a round, 8 bytes an edge.

use crate::neighbours::Neighbours;
use crate::numbers::index;
use rayon::prelude::*;
use semrec_text::Vectors;

/// Points that push a point away in a round.
const DRAWN: usize = 16;
/// Pull of the neighbours, as in UMAP, where each edge moves both of its ends.
const PULL: f32 = 2.0;
/// Push of the others: UMAP's five drawn points an edge.
const PUSH: f32 = 5.0;
/// Longest move along one axis that one other point causes.
const CLIP: f32 = 4.0;
/// Width of the map in the beginning.
const SPREAD: f32 = 10.0;

/// Edges of each point with their weights.
struct Graph {
    ends: Vec<usize>,
    edges: Vec<(u32, f32)>,
}

impl Graph {
    fn of(&self, point: usize) -> &[(u32, f32)] {
        let start = if point == 0 { 0 } else { self.ends[point - 1] };
        &self.edges[start..self.ends[point]]
    }

    fn new(near: &Neighbours, n: usize) -> Self {
        let weights: Vec<Vec<f32>> = (0..n)
            .into_par_iter()
            .map(|i| weights(near.of(i)))
            .collect();
        let mut both: Vec<(u32, u32, f32)> = Vec::new();
        for (i, weights) in weights.iter().enumerate() {
            for (&(j, _), &w) in near.of(i).iter().zip(weights) {
                both.push((index(i), j, w));
                both.push((j, index(i), w));
            }
        }
        both.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let (mut ends, mut edges) = (vec![0; n], Vec::with_capacity(both.len()));
        let mut last = None;
        for (i, j, w) in both {
            if last == Some((i, j)) {
                if let Some((_, old)) = edges.last_mut() {
                    *old = *old + w - *old * w;
                }
            } else {
                edges.push((j, w));
            }
            last = Some((i, j));
            ends[i as usize] = edges.len();
        }
        for i in 1..n {
            ends[i] = ends[i].max(ends[i - 1]);
        }
        Self { ends, edges }
    }
}

/// Weights of a point's edges, which sum to `log₂ k` where that can be.
fn weights(near: &[(u32, f32)]) -> Vec<f32> {
    let distances: Vec<f32> = near.iter().map(|(_, s)| (1.0 - s).max(0.0)).collect();
    let nearest = distances.first().copied().unwrap_or(0.0);
    let target = (near.len() as f32).log2().max(0.5);
    let sum = |sigma: f32| -> f32 {
        let each = distances
            .iter()
            .map(|d| (-(d - nearest).max(0.0) / sigma).exp());
        each.sum()
    };
    let (mut low, mut high) = (1e-6_f32, 4.0_f32);
    for _ in 0..32 {
        let middle = (low * high).sqrt();
        if sum(middle) > target {
            high = middle;
        } else {
            low = middle;
        }
    }
    let sigma = (low * high).sqrt();
    distances
        .iter()
        .map(|d| (-(d - nearest).max(0.0) / sigma).exp())
        .collect()
}

/// A number that depends on the seed, the round, the point and the draw alone (SplitMix64).
fn drawn(seed: u64, round: usize, point: usize, draw: usize) -> u64 {
    let place = ((round * DRAWN + draw) as u64) << 32 | point as u64;
    let mut z = seed.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The place of each row on the map. `rows` have their strongest direction first.
pub(crate) fn layout(
    rows: &Vectors,
    near: &Neighbours,
    rounds: usize,
    seed: u64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<[f32; 2]> {
    let n = rows.len();
    let graph = Graph::new(near, n);
    let second = 1.min(rows.dim() - 1);
    let mut places: Vec<[f32; 2]> = rows.rows().map(|r| [r[0], r[second]]).collect();
    let widest = places
        .iter()
        .flatten()
        .fold(1e-6_f32, |a, x| a.max(x.abs()));
    for (i, place) in places.iter_mut().enumerate() {
        // A hair's breadth apart, so that equal items can part.
        let noise = |draw| (drawn(seed, rounds, i, draw) >> 40) as f32 / (1 << 24) as f32 - 0.5;
        for (axis, x) in place.iter_mut().enumerate() {
            *x = *x / widest * SPREAD + 1e-2 * noise(axis);
        }
    }
    for round in 0..rounds {
        let rate = 1.0 - round as f32 / rounds as f32;
        let next: Vec<[f32; 2]> = (0..n)
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let pulled = pull(&places, graph.of(i), i);
                let pushed = push(&places, i, |draw| drawn(seed, round, i, draw));
                let moved = |axis: usize| {
                    places[i][axis] + rate * (PULL * pulled[axis] + PUSH * pushed[axis])
                };
                [moved(0), moved(1)]
            })
            .collect();
        places = next;
        progress(round + 1, rounds);
    }
    places
}

fn pull(places: &[[f32; 2]], edges: &[(u32, f32)], point: usize) -> [f32; 2] {
    let here = places[point];
    let (mut sum, mut whole) = ([0.0_f32; 2], 0.0_f32);
    for &(other, weight) in edges {
        let there = places[other as usize];
        let (dx, dy) = (there[0] - here[0], there[1] - here[1]);
        let force = 2.0 / (1.0 + dx * dx + dy * dy);
        sum[0] += weight * force * dx;
        sum[1] += weight * force * dy;
        whole += weight;
    }
    let whole = whole.max(1e-6);
    [sum[0] / whole, sum[1] / whole]
}

fn push(places: &[[f32; 2]], point: usize, draw: impl Fn(usize) -> u64) -> [f32; 2] {
    let here = places[point];
    let mut sum = [0.0_f32; 2];
    for number in 0..DRAWN {
        let other = (draw(number) >> 16) as usize % places.len();
        let there = places[other];
        let (dx, dy) = (here[0] - there[0], here[1] - there[1]);
        let d2 = dx * dx + dy * dy;
        if other == point || d2 == 0.0 {
            continue;
        }
        let force = 2.0 / ((1e-3 + d2) * (1.0 + d2));
        sum[0] += (force * dx).clamp(-CLIP, CLIP);
        sum[1] += (force * dy).clamp(-CLIP, CLIP);
    }
    [sum[0] / DRAWN as f32, sum[1] / DRAWN as f32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Three edges at distances 0, 0 and far: weights 1, 1 and what is missing to log₂ 3.
    #[test]
    fn weights_sum_to_the_logarithm() {
        let found = weights(&[(1, 0.9), (2, 0.8), (3, 0.5), (4, 0.4)]);
        assert!((found.iter().sum::<f32>() - 2.0).abs() < 1e-3, "{found:?}");
        assert_eq!(found[0], 1.0);
    }

    fn clusters(n: usize) -> Vectors {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut data = Vec::new();
        for i in 0..n {
            let mut row = [0.0_f32; 6];
            row[i % 4] = 1.0;
            data.extend(row.iter().map(|x| x + rng.random_range(-0.2..0.2_f32)));
        }
        let mut rows = Vectors::new(6, data);
        rows.normalise();
        rows
    }

    #[test]
    fn neighbours_are_neighbours_on_the_map() {
        let n = 400;
        let rows = clusters(n);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let near = Neighbours::find(&rows, 10, &mut rng).unwrap();
        let map = layout(&rows, &near, 200, 7, &|_, _| ());
        let apart = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        // The nearest five on the map are of the same cluster.
        let mut right = 0;
        for i in 0..n {
            let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| apart(map[i], map[a]).total_cmp(&apart(map[i], map[b])));
            right += others.iter().take(5).filter(|&&j| j % 4 == i % 4).count();
        }
        assert!(right > 1950, "{right} of 2000");
    }

    #[test]
    fn the_number_of_threads_changes_nothing_and_the_seed_does() {
        let rows = clusters(300);
        let with = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let near = Neighbours::find(&rows, 8, &mut rng).unwrap();
                layout(&rows, &near, 30, seed, &|_, _| ())
            })
        };
        assert_eq!(with(1, 7), with(3, 7));
        assert_ne!(with(1, 7), with(1, 8));
    }
}
