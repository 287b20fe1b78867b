//! ELSA's loss over items whose vectors come from an encoder, as beeFormer trains it: people's
//! histories should be told from themselves through the similarity of the items.
//!
//! With item vectors `v_i`, users' sparse rows `x` over the items and `A` of rows `v_i/‖v_i‖`,
//!
//! ```text
//! y = x·A·Aᵀ - x,  or  max(0, y) if rectified
//! L = 1/users Σ ‖ y/‖y‖ - x/‖x‖ ‖²
//! ∂L/∂y = 2/users · (ŷ (ŷ·x̂) - x̂)/‖y‖ = G (0 where y was cut),   ŷ = y/‖y‖,  x̂ = x/‖x‖
//! ∂L/∂A = Gᵀ·(x·A) + xᵀ·(G·A),   ∂L/∂v_i = (g_i - a_i (a_i·g_i))/‖v_i‖
//! ```
//!
//! Vančura et al. 2022 ("Scalable linear shallow autoencoder for collaborative filtering") and
//! Vančura et al. 2024 (beeFormer). Their code takes the mean over the items where this takes the
//! sum, so that the size of a step does not depend on how many items a batch has; beeFormer
//! rectifies, the paper's formula does not. A row of zeros, or a `y` of zeros, has gradient 0
//! (there the code divides by 1e-12). Memory: 4 · 256 · items bytes, and the gradients.

use super::product::{matrix, multiply};
use super::{ROWS, single};
use faer::Accum;
use rayon::prelude::*;

/// Users and the items their rows are over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histories<'a> {
    /// The items' vectors, `[items, dim]`, of any length.
    pub(crate) items: &'a [f32],
    /// Length of a vector.
    pub(crate) dim: usize,
    /// The values of each user's row that are not 0, by item; an item at most once a user.
    pub(crate) rows: &'a [Vec<(u32, f32)>],
    /// Whether predictions below 0 are cut, as beeFormer does.
    pub(crate) rectified: bool,
}

/// The loss and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Elsa {
    /// The mean over the users: 0 to 4.
    pub(crate) loss: f32,
    /// `∂L/∂v`, `[items, dim]`.
    pub(crate) items: Vec<f32>,
}

/// The loss of users; 0 for none.
///
/// # Panics
/// If the sizes do not fit together, or a row names an item that is not there.
pub(crate) fn elsa(histories: &Histories<'_>) -> Elsa {
    let (dim, users) = (histories.dim, histories.rows.len());
    let n = histories.items.len() / dim;
    assert_eq!(histories.items.len(), n * dim, "[items, dim]");
    let lengths: Vec<f32> = histories.items.chunks_exact(dim).map(length).collect();
    let unit: Vec<f32> = (histories.items.chunks_exact(dim))
        .zip(&lengths)
        .flat_map(|(v, &l)| v.iter().map(move |x| if l > 0.0 { x / l } else { 0.0 }))
        .collect();
    let table = matrix(&unit, n);
    let mut gradient = vec![0.0f32; n * dim];
    let mut scores = vec![0.0f32; ROWS.min(users) * n];
    let mut hidden = vec![0.0f32; ROWS.min(users) * dim];
    let mut back = hidden.clone();
    let mut losses = Vec::with_capacity(ROWS);
    let mut loss = 0.0f64;
    for block in histories.rows.chunks(ROWS) {
        let rows = block.len();
        let scores = &mut scores[..rows * n];
        let (hidden, back) = (&mut hidden[..rows * dim], &mut back[..rows * dim]);
        hidden
            .par_chunks_exact_mut(dim)
            .zip(block)
            .for_each(|(sum, row)| {
                sum.fill(0.0);
                for &(item, x) in row {
                    add(sum, &unit[item as usize * dim..][..dim], x);
                }
            });
        let states = matrix(hidden, rows);
        multiply(scores, Accum::Replace, states, table.transpose(), 1.0);
        scores
            .par_chunks_exact_mut(n.max(1))
            .zip(block)
            .map(|(scores, row)| slopes(scores, row, histories.rectified, users))
            .collect_into_vec(&mut losses);
        loss += losses.iter().sum::<f64>();
        let slopes = matrix(scores, rows);
        multiply(&mut gradient, Accum::Add, slopes.transpose(), states, 1.0);
        multiply(back, Accum::Replace, slopes, table, 1.0);
        for (row, back) in block.iter().zip(back.chunks_exact(dim)) {
            for &(item, x) in row {
                add(&mut gradient[item as usize * dim..][..dim], back, x);
            }
        }
    }
    for ((g, a), l) in (gradient.chunks_exact_mut(dim))
        .zip(unit.chunks_exact(dim))
        .zip(lengths)
    {
        let along: f32 = g.iter().zip(a).map(|(g, a)| g * a).sum();
        for (g, a) in g.iter_mut().zip(a) {
            *g = if l > 0.0 { (*g - a * along) / l } else { 0.0 };
        }
    }
    Elsa {
        loss: single(loss / users.max(1) as f64),
        items: gradient,
    }
}

/// Turns `x·A·Aᵀ` of a user into `∂L/∂y`; returns the user's loss.
fn slopes(y: &mut [f32], row: &[(u32, f32)], rectified: bool, users: usize) -> f64 {
    row.iter().for_each(|&(item, x)| y[item as usize] -= x);
    if rectified {
        y.iter_mut().for_each(|y| *y = y.max(0.0));
    }
    let squared = |x: &f32| f64::from(*x) * f64::from(*x);
    let size = y.iter().map(squared).sum::<f64>().sqrt();
    let of_row = row.iter().map(|(_, x)| squared(x)).sum::<f64>().sqrt();
    if of_row == 0.0 || size == 0.0 {
        y.fill(0.0);
        return if of_row == size { 0.0 } else { 1.0 };
    }
    let both = |&(item, x): &(u32, f32)| f64::from(y[item as usize]) * f64::from(x);
    let cosine = row.iter().map(both).sum::<f64>() / (size * of_row);
    let weight = 2.0 / (users as f64 * size);
    let kept: Vec<bool> = row.iter().map(|&(i, _)| y[i as usize] > 0.0).collect();
    let (along, across) = (single(weight * cosine / size), single(weight / of_row));
    // A prediction that was cut is 0, and stays so.
    y.iter_mut().for_each(|y| *y *= along);
    for (&(item, x), kept) in row.iter().zip(kept) {
        if kept || !rectified {
            y[item as usize] -= across * x;
        }
    }
    2.0 - 2.0 * cosine
}

fn length(v: &[f32]) -> f32 {
    v.iter().map(|x| x * x).sum::<f32>().sqrt()
}

fn add(sum: &mut [f32], v: &[f32], times: f32) {
    sum.iter_mut().zip(v).for_each(|(s, x)| *s += times * x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, lists, near, number, section};

    #[test]
    fn the_loss_and_its_gradient_are_those_of_the_reference_code() {
        let golden = section("elsa");
        let items = floats(&golden["items"]);
        let values = golden["values"].as_array().unwrap();
        let rows: Vec<Vec<(u32, f32)>> = (lists(&golden["rows"]).into_iter())
            .zip(values)
            .map(|(items, values)| items.into_iter().zip(floats(values)).collect())
            .collect();
        for (name, rectified) in [("plain", false), ("rectified", true)] {
            let got = elsa(&Histories {
                items: &items,
                dim: 5,
                rows: &rows,
                rectified,
            });
            near(&[got.loss], &[number(&golden[name]["loss"])], name);
            near(&got.items, &floats(&golden[name]["items"]), name);
        }
    }

    #[test]
    fn a_worked_user() {
        // Items (1,0), (0,2), (1,1)/√2 and a user of the first: x·A = (1,0), y = (0, 0, 0.7071),
        // ŷ = (0, 0, 1): at a right angle to x̂ = (1, 0, 0), so 2.
        let half = 0.5f32.sqrt();
        let items = [1.0, 0.0, 0.0, 2.0, half, half];
        let of = |rows: &[Vec<(u32, f32)>]| {
            elsa(&Histories {
                items: &items,
                dim: 2,
                rows,
                rectified: true,
            })
        };
        assert!((of(&[vec![(0, 1.0)]]).loss - 2.0).abs() < 1e-6);
        // Nobody, and a user of nothing.
        assert_eq!(of(&[]).loss, 0.0);
        assert_eq!(of(&[vec![]]), of(&[]));
    }

    #[test]
    fn blocks_of_users_and_numbers_of_threads_change_nothing() {
        let items: Vec<f32> = (0..40 * 6)
            .map(|k| (k as f32 * 0.618_034).fract() - 0.5)
            .collect();
        let rows: Vec<Vec<(u32, f32)>> = (0..300u32)
            .map(|u| vec![(u % 40, 1.0), ((u * 3 + 1) % 40, 1.0)])
            .map(|mut row| {
                row.dedup_by_key(|(item, _)| *item);
                row
            })
            .collect();
        let of = |rows: &[Vec<(u32, f32)>]| {
            elsa(&Histories {
                items: &items,
                dim: 6,
                rows,
                rectified: true,
            })
        };
        let whole = of(&rows);
        let (one, other) = (of(&rows[..150]), of(&rows[150..]));
        let mean: Vec<f32> = (one.items.iter().zip(&other.items))
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        near(&[whole.loss], &[(one.loss + other.loss) / 2.0], "loss");
        near(&whole.items, &mean, "items");
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            assert_eq!(pool.unwrap().install(|| of(&rows)), whole);
        }
    }
}
