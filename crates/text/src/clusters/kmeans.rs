//! k-means: k-means++ to begin with (Arthur & Vassilvitskii 2007), Lloyd's steps after.
//!
//! Ours, because the clustering crates that are kept bring a matrix library of their own and sum
//! in an order that depends on threads; here a step is one matrix product of faer, which is in
//! the tree, and sums go cluster by cluster in row order. Spherical k-means (unit rows, centres
//! scaled to length 1) and the plain one are the same code. Left out: mini-batches; a large
//! catalogue is fitted on a sample ([`Vectors::every`]).

use super::nearest_centre::{Nearest, dot, nearest};
use super::{index, narrow};
use crate::Vectors;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Share of rows that may still change their centre when it is enough.
const SETTLED: f64 = 0.001;

/// How to cluster.
#[derive(Clone, Copy, Debug)]
pub struct KMeans {
    /// Number of clusters, at most the number of rows.
    pub k: usize,
    /// Lloyd's steps, at most.
    pub steps: usize,
    /// Whether centres are scaled to length 1, for unit rows.
    pub spherical: bool,
}

/// Centres, and which one each row belongs to.
#[derive(Clone, Debug)]
pub struct Clusters {
    /// `[k, dim]`.
    pub centres: Vectors,
    /// The number of each row's centre.
    pub labels: Vec<u32>,
}

impl KMeans {
    /// Clusters the rows, from centres drawn by k-means++.
    ///
    /// # Panics
    /// If there is no row.
    #[must_use]
    pub fn fit(&self, rows: &Vectors, rng: &mut ChaCha8Rng) -> Clusters {
        let centres = plus_plus(rows, self.k, rng);
        self.refine(rows, centres)
    }

    /// Lloyd's steps from given centres.
    #[must_use]
    pub fn refine(&self, rows: &Vectors, mut centres: Vectors) -> Clusters {
        let mut labels: Vec<u32> = Vec::new();
        for _ in 0..self.steps {
            let found = nearest(rows, &centres);
            let next: Vec<u32> = found.iter().map(|f| f.centre).collect();
            let moved = next.iter().zip(&labels).filter(|(a, b)| a != b).count();
            let settled = labels.len() == next.len() && moved as f64 <= SETTLED * next.len() as f64;
            labels = next;
            centres = self.means(rows, &labels, &found, centres.len());
            if settled {
                break;
            }
        }
        let labels = nearest(rows, &centres).iter().map(|f| f.centre).collect();
        Clusters { centres, labels }
    }

    /// The mean of each cluster; one without rows begins anew at the row that fits worst.
    fn means(&self, rows: &Vectors, labels: &[u32], found: &[Nearest], k: usize) -> Vectors {
        let members = members(labels, k);
        let mut centres = Vectors::new(rows.dim(), mean_rows(rows, &members));
        let empty: Vec<usize> = (0..k).filter(|&c| members[c].is_empty()).collect();
        if !empty.is_empty() {
            let far = |i: usize| found[i].score - dot(rows.row(i), rows.row(i)) / 2.0;
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| far(a).total_cmp(&far(b)).then(a.cmp(&b)));
            for (&centre, &row) in empty.iter().zip(&order) {
                centres.row_mut(centre).copy_from_slice(rows.row(row));
            }
        }
        if self.spherical {
            centres.normalise();
        }
        centres
    }
}

/// Rows of each cluster, in order.
#[must_use]
pub fn members(labels: &[u32], k: usize) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); k];
    for (row, &label) in labels.iter().enumerate() {
        if let Some(members) = members.get_mut(label as usize) {
            members.push(index(row));
        }
    }
    members
}

/// `[k, dim]` means of some rows; zero where there is none.
#[must_use]
pub fn mean_rows(rows: &Vectors, members: &[Vec<u32>]) -> Vec<f32> {
    members
        .par_iter()
        .flat_map_iter(|members| {
            let mut sum = vec![0.0_f64; rows.dim()];
            for &row in members {
                for (s, &x) in sum.iter_mut().zip(rows.row(row as usize)) {
                    *s += f64::from(x);
                }
            }
            let n = members.len().max(1) as f64;
            sum.into_iter().map(move |s| narrow(s / n))
        })
        .collect()
}

/// Centres drawn one after the other, each row with a chance of its squared distance to the
/// nearest centre so far.
fn plus_plus(rows: &Vectors, k: usize, rng: &mut ChaCha8Rng) -> Vectors {
    let n = rows.len();
    let mut centres = Vec::with_capacity(k * rows.dim());
    let mut distances = vec![f32::INFINITY; n];
    let mut chosen = rng.random_range(0..n);
    for _ in 0..k {
        let centre = rows.row(chosen);
        centres.extend_from_slice(centre);
        distances
            .par_iter_mut()
            .enumerate()
            .with_min_len(1024)
            .for_each(|(i, nearest)| {
                let row = rows.row(i);
                let apart = dot(row, row) + dot(centre, centre) - 2.0 * dot(row, centre);
                *nearest = nearest.min(apart.max(0.0));
            });
        let total: f64 = distances.iter().map(|&d| f64::from(d)).sum();
        let mut left = rng.random_range(0.0..1.0) * total;
        chosen = distances
            .iter()
            .position(|&d| {
                left -= f64::from(d);
                left < 0.0
            })
            .unwrap_or_else(|| rng.random_range(0..n));
    }
    Vectors::new(rows.dim(), centres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Rows 0, 1, 9, 11 on a line, centres 0 and 8. The first step gives {0, 1} and {9, 11}, with
    /// means 0.5 and 10, the second changes nothing.
    #[test]
    fn steps_by_hand() {
        let rows = Vectors::new(1, vec![0.0, 1.0, 9.0, 11.0]);
        let kmeans = KMeans {
            k: 2,
            steps: 5,
            spherical: false,
        };
        let clusters = kmeans.refine(&rows, Vectors::new(1, vec![0.0, 8.0]));
        assert_eq!(clusters.labels, [0, 0, 1, 1]);
        assert_eq!(clusters.centres.as_slice(), [0.5, 10.0]);
        // One step from 4 and 5.5: the boundary is 4.75, and the means are the same.
        let one = KMeans { steps: 1, ..kmeans };
        let clusters = one.refine(&rows, Vectors::new(1, vec![4.0, 5.5]));
        assert_eq!(clusters.centres.as_slice(), [0.5, 10.0]);
    }

    /// Centres 0, 5 and 100: nothing is near 100, so it begins anew at the row that is farthest
    /// from its centre, 11.
    #[test]
    fn an_empty_cluster_begins_anew() {
        let rows = Vectors::new(1, vec![0.0, 1.0, 5.0, 11.0]);
        let kmeans = KMeans {
            k: 3,
            steps: 3,
            spherical: false,
        };
        let clusters = kmeans.refine(&rows, Vectors::new(1, vec![0.0, 5.0, 100.0]));
        assert_eq!(clusters.labels, [0, 0, 1, 2]);
    }

    #[test]
    fn spherical_centres_have_length_one_and_threads_change_nothing() {
        let value = |k: usize| ((k * 2_654_435_761) % 1_000_003) as f32 / 1_000_003.0 - 0.5;
        let mut rows = Vectors::new(16, (0..3000 * 16).map(value).collect());
        rows.normalise();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let kmeans = KMeans {
                k: 12,
                steps: 6,
                spherical: true,
            };
            let fit = || kmeans.fit(&rows, &mut ChaCha8Rng::seed_from_u64(1));
            pool.unwrap().install(fit)
        };
        let (one, three) = (with(1), with(3));
        assert_eq!(one.labels, three.labels);
        assert_eq!(one.centres, three.centres);
        for centre in one.centres.rows() {
            assert!((dot(centre, centre) - 1.0).abs() < 1e-5);
        }
    }
}
