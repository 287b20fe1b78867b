//! The nearest items of each item, through the index and without comparing all pairs.
//!
//! Up to [`SCANNED`] items the index scans. Beyond, items are put into cells by k-means, and the
//! index scores those in the cells nearest to an item alone. Its graph is not asked: what it
//! links depends on the timing of threads, and a catalogue is mined the same way every time.

use crate::MineError;
use crate::numbers::index;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use semrec_index::{Config, Neighbour, VectorIndex};
use semrec_text::{KMeans, Vectors, for_each_row, members};

/// Items up to which all are scanned.
const SCANNED: usize = 20_000;
/// Items of a cell, on average.
const CELL: usize = 400;
/// Cells that are looked into for an item.
const PROBED: usize = 12;
/// Queries that are asked at once.
const QUERIES: usize = 1024;

/// The nearest of each item, `[n, k]`, best first.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    k: usize,
    found: Vec<(u32, f32)>,
}

impl Neighbours {
    /// Finds the `k` nearest of each unit row by inner product, itself left out; fewer only if
    /// there are not as many rows.
    pub(crate) fn find(rows: &Vectors, k: usize, rng: &mut ChaCha8Rng) -> Result<Self, MineError> {
        let k = k.min(rows.len().saturating_sub(1));
        let config = Config {
            exact_below: usize::MAX,
            ..Config::default()
        };
        let index = VectorIndex::build(rows.dim(), rows.as_slice().to_vec(), config)?;
        let found = if rows.len() <= SCANNED {
            scanned(&index, rows, k)?
        } else {
            by_cells(&index, rows, k, rng)?
        };
        Ok(Self { k, found })
    }

    /// The nearest of an item with their scores, best first.
    pub(crate) fn of(&self, item: usize) -> &[(u32, f32)] {
        &self.found[item * self.k..(item + 1) * self.k]
    }
}

fn scanned(index: &VectorIndex, rows: &Vectors, k: usize) -> Result<Vec<(u32, f32)>, MineError> {
    let mut all = Vec::with_capacity(rows.len() * k);
    for (block, queries) in rows.as_slice().chunks(QUERIES * rows.dim()).enumerate() {
        let itself = |query: usize, item: u32| item as usize != block * QUERIES + query;
        for found in index.search_batch(queries, k, itself)? {
            all.extend(found.iter().map(|n| (n.item, n.score)));
        }
    }
    Ok(all)
}

fn by_cells(
    index_of: &VectorIndex,
    rows: &Vectors,
    k: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<(u32, f32)>, MineError> {
    let cells = rows.len() / CELL;
    let kmeans = KMeans {
        k: cells,
        steps: 4,
        spherical: true,
    };
    let clusters = kmeans.fit(&rows.every(SCANNED), rng);
    let nearest: Vec<Vec<u32>> = for_each_row(rows, &clusters.centres, |_, products| {
        let mut order: Vec<u32> = (0..index(products.len())).collect();
        let nearer = |a: &u32, b: &u32| {
            let by = products[*b as usize].total_cmp(&products[*a as usize]);
            by.then(a.cmp(b))
        };
        let last = PROBED.min(order.len() - 1);
        order.select_nth_unstable_by(last, nearer);
        order.truncate(PROBED);
        order.sort_unstable_by(nearer);
        order
    });
    let first: Vec<u32> = nearest.iter().map(|cells| cells[0]).collect();
    let cells = members(&first, cells);
    let found: Result<Vec<Vec<Neighbour>>, _> = (0..rows.len())
        .into_par_iter()
        .map(|row| {
            let among = nearest[row].iter().flat_map(|&c| &cells[c as usize]);
            let mut among: Vec<u32> = among.copied().collect();
            // Where cells are small, the first items make up the number; they score badly.
            if among.len() <= k {
                among.extend((0..index(rows.len())).take(2 * k + 1));
            }
            index_of.search_among(rows.row(row), k + 1, &among)
        })
        .collect();
    let mut all = Vec::with_capacity(rows.len() * k);
    for (row, found) in found?.into_iter().enumerate() {
        let others = found.iter().filter(|n| n.item as usize != row);
        all.extend(others.take(k).map(|n| (n.item, n.score)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    fn rows(n: usize, dim: usize) -> Vectors {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let centres: Vec<f32> = (0..60 * dim).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mut data = Vec::new();
        for i in 0..n {
            let centre = &centres[i % 60 * dim..(i % 60 + 1) * dim];
            data.extend(centre.iter().map(|x| x + rng.random_range(-0.6..0.6_f32)));
        }
        let mut rows = Vectors::new(dim, data);
        rows.normalise();
        rows
    }

    #[test]
    fn cells_find_what_a_scan_finds() {
        let rows = rows(4000, 12);
        let config = Config {
            exact_below: usize::MAX,
            ..Config::default()
        };
        let index = VectorIndex::build(12, rows.as_slice().to_vec(), config).unwrap();
        let exact = scanned(&index, &rows, 10).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let cells = by_cells(&index, &rows, 10, &mut rng).unwrap();
        let same = exact
            .chunks(10)
            .zip(cells.chunks(10))
            .map(|(a, b)| a.iter().filter(|x| b.contains(x)).count())
            .sum::<usize>();
        assert!(same as f64 > 0.95 * exact.len() as f64, "{same}");
        assert!(
            exact
                .chunks(10)
                .enumerate()
                .all(|(i, n)| n.iter().all(|x| x.0 as usize != i))
        );
    }
}
