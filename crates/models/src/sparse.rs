//! The users × items matrix of who touched what, in compressed rows.
//!
//! Binary: a pair counts once however often it happened. 4 bytes per pair and 8 per row.

use crate::{ModelError, Tensors};
use rayon::prelude::*;
use semrec_data::Interactions;

/// Rows of sorted, distinct column indices.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sparse {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    n_columns: usize,
}

impl Sparse {
    /// Users × items.
    pub(crate) fn of(log: &Interactions) -> Self {
        let mut offsets = Vec::with_capacity(log.n_users() + 1);
        let mut columns = Vec::with_capacity(log.len());
        let mut row = Vec::new();
        offsets.push(0);
        for user in (0u32..).take(log.n_users()) {
            row.clear();
            row.extend(log.of_user(user).iter().map(|e| e.item));
            row.sort_unstable();
            row.dedup();
            columns.extend_from_slice(&row);
            offsets.push(columns.len());
        }
        Self {
            offsets,
            columns,
            n_columns: log.n_items(),
        }
    }

    /// Rows of distinct columns, in any order.
    pub(crate) fn of_rows(rows: &[Vec<u32>], n_columns: usize) -> Self {
        let mut offsets = vec![0];
        let mut columns = Vec::with_capacity(rows.iter().map(Vec::len).sum());
        for row in rows {
            let start = columns.len();
            columns.extend_from_slice(row);
            columns[start..].sort_unstable();
            offsets.push(columns.len());
        }
        Self {
            offsets,
            columns,
            n_columns,
        }
    }

    /// Columns become rows.
    pub(crate) fn transposed(&self) -> Self {
        let mut offsets = vec![0usize; self.n_columns + 1];
        for &c in &self.columns {
            offsets[c as usize + 1] += 1;
        }
        for c in 0..self.n_columns {
            offsets[c + 1] += offsets[c];
        }
        let mut next = offsets.clone();
        let mut columns = vec![0u32; self.columns.len()];
        for (r, row) in (0u32..).zip(self.rows()) {
            for &c in row {
                let slot = &mut next[c as usize];
                columns[*slot] = r;
                *slot += 1;
            }
        }
        Self {
            offsets,
            columns,
            n_columns: self.n_rows(),
        }
    }

    /// The same rows over the columns of `kept` alone, renumbered by their place in it.
    pub(crate) fn with_columns(&self, kept: &[u32]) -> Self {
        let mut place = vec![None; self.n_columns];
        for (new, &old) in (0u32..).zip(kept) {
            place[old as usize] = Some(new);
        }
        let mut offsets = vec![0];
        let mut columns = Vec::with_capacity(self.columns.len());
        for row in self.rows() {
            columns.extend(row.iter().filter_map(|&c| place[c as usize]));
            offsets.push(columns.len());
        }
        Self {
            offsets,
            columns,
            n_columns: kept.len(),
        }
    }

    /// The rows that hold anything, in order.
    pub(crate) fn without_empty_rows(mut self) -> Self {
        self.offsets.dedup();
        self
    }

    /// Stores the matrix.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if a name is taken or a row has more entries than 32 bits count.
    pub(crate) fn save(&self, into: &mut Tensors) -> Result<(), ModelError> {
        let lengths: Result<Vec<u32>, _> =
            self.rows().map(|row| u32::try_from(row.len())).collect();
        let lengths =
            lengths.map_err(|e| problem("row_lengths", format!("do not fit 32 bits: {e}")))?;
        into.put_dimensions("n_columns", &[self.n_columns])?;
        into.put_u32("row_lengths", &[lengths.len()], lengths)?;
        into.put_u32("columns", &[self.columns.len()], self.columns.clone())
    }

    /// Reads what [`Sparse::save`] stored.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] if something is missing or does not fit together.
    pub(crate) fn load(tensors: &Tensors) -> Result<Self, ModelError> {
        let [n_columns] = tensors.dimensions("n_columns")?;
        let (_, lengths) = tensors.u32("row_lengths")?;
        let (_, columns) = tensors.u32("columns")?;
        let mut offsets = vec![0];
        for &length in lengths {
            offsets.push(offsets[offsets.len() - 1] + length as usize);
        }
        if offsets[lengths.len()] != columns.len() {
            return Err(problem(
                "row_lengths",
                format!(
                    "add up to {}; expected {}",
                    offsets[lengths.len()],
                    columns.len()
                ),
            ));
        }
        for w in offsets.windows(2) {
            let row = &columns[w[0]..w[1]];
            let last = row.last().map_or(0, |&last| last as usize + 1);
            if !row.is_sorted_by(|a, b| a < b) || last > n_columns {
                return Err(problem(
                    "columns",
                    format!("are not distinct, in order and below {n_columns} in every row"),
                ));
            }
        }
        Ok(Self {
            offsets,
            columns: columns.to_vec(),
            n_columns,
        })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// How many rows hold each column.
    pub(crate) fn column_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.n_columns];
        for &c in &self.columns {
            counts[c as usize] += 1;
        }
        counts
    }

    /// Sum over the rows that hold each column of the rows' weights, in order of rows.
    pub(crate) fn column_sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_columns];
        for (row, weight) in self.rows().zip(weights) {
            for &c in row {
                sums[c as usize] += weight;
            }
        }
        sums
    }

    /// Length of the longest row.
    pub(crate) fn longest(&self) -> usize {
        self.rows().map(<[u32]>::len).max().unwrap_or(0)
    }

    pub(crate) fn row(&self, r: usize) -> &[u32] {
        &self.columns[self.offsets[r]..self.offsets[r + 1]]
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.offsets.windows(2).map(|w| &self.columns[w[0]..w[1]])
    }

    /// Share of the pairs that happened, among rows and columns that hold anything; 0 if none did.
    pub(crate) fn density(&self) -> f32 {
        let rows = self.rows().filter(|row| !row.is_empty()).count();
        let cells = rows as f32 * self.used_columns().len() as f32;
        self.columns.len() as f32 / cells.max(1.0)
    }

    /// Columns that hold anything, in order.
    pub(crate) fn used_columns(&self) -> Vec<u32> {
        let mut used = vec![false; self.n_columns];
        for &c in &self.columns {
            used[c as usize] = true;
        }
        (0u32..)
            .zip(used)
            .filter_map(|(c, used)| used.then_some(c))
            .collect()
    }

    /// `X'X`, `[n_columns, n_columns]` row-major, its upper triangle and diagonal only: how many
    /// rows hold both columns. Exact up to 2²⁴ rows.
    ///
    /// Cost: half the sum of squared row lengths, split over columns.
    pub(crate) fn gram_upper(&self) -> Vec<f32> {
        let n = self.n_columns;
        let by_column = self.transposed();
        let mut gram = vec![0.0f32; n * n];
        gram.par_chunks_mut(n.max(1))
            .enumerate()
            .with_max_len(16)
            .for_each(|(c, out)| {
                for &r in by_column.row(c) {
                    let row = self.row(r as usize);
                    let from = row.partition_point(|&other| (other as usize) < c);
                    for &other in &row[from..] {
                        out[other as usize] += 1.0;
                    }
                }
            });
        gram
    }
}

fn problem(name: &str, problem: String) -> ModelError {
    ModelError::Tensor {
        name: name.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semrec_data::{Clock, Event, Part, Row};

    fn matrix(pairs: &[(u32, u32)], n_users: usize, n_items: usize) -> Sparse {
        let rows: Vec<Row> = pairs
            .iter()
            .map(|&(user, item)| Row {
                user,
                event: Event {
                    item,
                    value: 1.0,
                    time: 0,
                },
                kind: 0,
                part: Part::Train,
            })
            .collect();
        Sparse::of(&Interactions::from_rows(
            &rows,
            n_users,
            n_items,
            Clock::None,
        ))
    }

    #[test]
    fn repeated_pairs_count_once_and_transposing_twice_gives_the_same() {
        let x = matrix(&[(0, 2), (0, 0), (0, 2), (2, 2), (2, 3)], 3, 5);
        assert_eq!(x.row(0), [0, 2]);
        assert!(x.row(1).is_empty());
        assert_eq!(x.used_columns(), [0, 2, 3]);
        assert_eq!(x.transposed().row(2), [0, 2]);
        assert_eq!(x.transposed().transposed(), x);
    }

    #[test]
    fn gram_counts_common_rows() {
        // Rows {0,2}, {}, {2,3}, {0,2,3} over 5 columns, 1 and 4 unused.
        let x = matrix(
            &[(0, 0), (0, 2), (2, 2), (2, 3), (3, 0), (3, 2), (3, 3)],
            4,
            5,
        );
        let x = x.with_columns(&x.used_columns());
        let expected = [2.0, 2.0, 1.0, 0.0, 3.0, 2.0, 0.0, 0.0, 2.0];
        assert_eq!(x.gram_upper(), expected);
    }
}
