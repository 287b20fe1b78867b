//! Every accuracy metric of every case, kept for intervals and paired tests.

use crate::metrics::ACCURACY;
use crate::{Figures, Places};

/// `[cases, metrics]` values, row-major; 4 bytes each.
#[derive(Clone, Debug, PartialEq)]
pub struct PerCase {
    names: Vec<String>,
    values: Vec<f32>,
}

impl PerCase {
    /// No case yet, for all accuracy metrics at each of `ks`.
    pub(crate) fn new(ks: &[usize]) -> Self {
        let names = ks
            .iter()
            .flat_map(|k| ACCURACY.iter().map(move |(name, _)| format!("{name}@{k}")))
            .collect();
        Self {
            names,
            values: Vec::new(),
        }
    }

    /// Appends the metrics of one case.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a metric in 0..=1 loses what no figure shows"
    )]
    pub(crate) fn push(&mut self, places: &Places, ks: &[usize]) {
        for &k in ks {
            for (_, metric) in ACCURACY {
                // An empty sum is -0, which nobody wants to read.
                self.values.push((metric(places, k) + 0.0) as f32);
            }
        }
    }

    /// Names of the metrics, as in `ndcg@10`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.names.len().max(1)
    }

    /// Whether there is no case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The metrics of each case, in the order of [`PerCase::names`].
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.names.len().max(1))
    }

    /// One metric of all cases; `None` if it was not measured.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Vec<f32>> {
        let column = self.names.iter().position(|n| n == name)?;
        Some(self.rows().map(|row| row[column]).collect())
    }

    /// The mean of each metric, summed in case order; nothing if there is no case.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of cases are far below 2^52"
    )]
    pub fn means(&self) -> Figures {
        if self.is_empty() {
            return Figures::default();
        }
        let mut sums = vec![0f64; self.names.len()];
        for row in self.rows() {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        let n = self.len() as f64;
        let means = sums.into_iter().map(|sum| sum / n);
        self.names.iter().cloned().zip(means).collect()
    }
}
