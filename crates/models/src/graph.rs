//! The graph of who touched what, and what one walk over it, from items to people and back, makes
//! of values of the items.
//!
//! With `R` the people × items matrix, `n_u` and `n_i` its degrees:
//!
//! ```text
//! R' = D_U^-½ R D_I^-½,   A = R'ᵀ R',   (A X)_i = n_i^-½ Σ_{u ∋ i} 1/n_u Σ_{j ∈ u} n_j^-½ X_j
//! ```
//!
//! `A` is symmetric with eigenvalues in 0 … 1, so the gradient of `A X` by `X` is `A` again. It is
//! never formed: sums go over people and items in order, whatever the number of threads, `4 · pairs`
//! operations for each column of `X`.

use crate::kernels::sum_rows;
use crate::sparse::Sparse;
use rayon::prelude::*;

/// Rows handed to a thread at once, at least.
const ROWS: usize = 32;

/// Who touched what.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    by_user: Sparse,
    by_item: Sparse,
}

/// The part of a graph that is walked, as weights of its nodes.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// `1/n_u`, `[people]`; 0 for those who are left out.
    people: Vec<f32>,
    /// `n_i`, `[items]`, without those who are left out.
    degrees: Vec<usize>,
    /// `n_i^-½`, `[items]`; 1 where `n_i` is 0.
    items: Vec<f32>,
}

impl Graph {
    pub(crate) fn of(by_user: Sparse) -> Self {
        Self {
            by_item: by_user.transposed(),
            by_user,
        }
    }

    pub(crate) fn by_user(&self) -> &Sparse {
        &self.by_user
    }

    /// Number of items.
    pub(crate) fn n_items(&self) -> usize {
        self.by_item.n_rows()
    }

    /// Number of people.
    pub(crate) fn n_people(&self) -> usize {
        self.by_user.n_rows()
    }

    /// What each person touched, in order of items.
    pub(crate) fn of_person(&self, person: usize) -> &[u32] {
        self.by_user.row(person)
    }

    /// How many people touched the item; 0 also for one beyond the catalogue.
    pub(crate) fn degree(&self, item: usize) -> usize {
        if item < self.n_items() {
            self.by_item.row(item).len()
        } else {
            0
        }
    }

    /// All of the graph.
    pub(crate) fn whole(&self) -> Walk {
        self.without(std::iter::empty())
    }

    /// The graph without these people, as if they had never come.
    pub(crate) fn without(&self, people: impl Iterator<Item = usize>) -> Walk {
        let mut degrees: Vec<usize> = self.by_item.rows().map(<[u32]>::len).collect();
        let rows = self.by_user.rows();
        let mut weights: Vec<f32> = rows.map(|row| 1.0 / row.len().max(1) as f32).collect();
        for person in people {
            weights[person] = 0.0;
            for &item in self.of_person(person) {
                degrees[item as usize] -= 1;
            }
        }
        let root = |&n: &usize| 1.0 / (n.max(1) as f32).sqrt();
        Walk {
            people: weights,
            items: degrees.iter().map(root).collect(),
            degrees,
        }
    }

    /// `A X` for `X`, `[items, width]` row-major.
    pub(crate) fn spread(&self, walk: &Walk, x: &[f32], width: usize) -> Vec<f32> {
        let mut scaled = x.to_vec();
        scale_rows(&mut scaled, &walk.items, width);
        let mut people = vec![0.0f32; self.n_people() * width];
        add_up((&self.by_user, &walk.people), &scaled, &mut people, width);
        let mut out = scaled;
        out.fill(0.0);
        add_up((&self.by_item, &walk.items), &people, &mut out, width);
        out
    }
}

impl Walk {
    /// `n_i^-power`, `[items]`: how an item counts in a history.
    pub(crate) fn keys(&self, power: f32) -> Vec<f32> {
        let key = |&n: &usize| (n.max(1) as f32).powf(-power);
        self.degrees.iter().map(key).collect()
    }
}

/// Each row of `rows`, `[n, width]`, times its weight.
pub(crate) fn scale_rows(rows: &mut [f32], weights: &[f32], width: usize) {
    rows.par_chunks_mut(width.max(1))
        .with_min_len(ROWS)
        .zip(weights)
        .for_each(|(row, weight)| row.iter_mut().for_each(|x| *x *= weight));
}

/// `out[r] = weights[r] · Σ_{c in row r} from[c]`, where `out` is 0 before.
fn add_up((rows, weights): (&Sparse, &[f32]), from: &[f32], out: &mut [f32], width: usize) {
    out.par_chunks_mut(width.max(1))
        .with_min_len(ROWS)
        .zip(weights)
        .enumerate()
        .for_each(|(r, (out, &weight))| {
            if weight > 0.0 {
                sum_rows(out, from, rows.row(r));
                out.iter_mut().for_each(|x| *x *= weight);
            }
        });
}
