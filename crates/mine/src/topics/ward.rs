//! Topics joined to groups by Ward's method (1963): those two whose joining adds least to the
//! squared distances from the means, `n₁ n₂ / (n₁ + n₂) · |c₁ − c₂|²`.

use crate::numbers::index;
use crate::silhouette::{mean_silhouette, silhouettes};
use semrec_text::{Vectors, dot, mean_rows, members};

/// Joinings in their order: at each, the second topic's group goes into the first's.
fn joinings(centres: &Vectors, sizes: &[usize]) -> Vec<(usize, usize)> {
    let k = sizes.len();
    let mut centres: Vec<Vec<f32>> = centres.rows().map(<[f32]>::to_vec).collect();
    let mut sizes: Vec<f32> = sizes.iter().map(|&s| s as f32).collect();
    let cost = |a: usize, b: usize, centres: &[Vec<f32>], sizes: &[f32]| {
        let (x, y) = (&centres[a], &centres[b]);
        let apart = dot(x, x) + dot(y, y) - 2.0 * dot(x, y);
        apart.max(0.0) * sizes[a] * sizes[b] / (sizes[a] + sizes[b]).max(1.0)
    };
    let mut costs = vec![f32::INFINITY; k * k];
    for a in 0..k {
        for b in a + 1..k {
            costs[a * k + b] = cost(a, b, &centres, &sizes);
        }
    }
    let mut alive: Vec<usize> = (0..k).collect();
    let mut joined = Vec::new();
    while alive.len() > 1 {
        let pairs = alive
            .iter()
            .flat_map(|&a| alive.iter().map(move |&b| (a, b)));
        let pairs = pairs.filter(|(a, b)| a < b);
        let best = pairs.min_by(|x, y| {
            let of = |p: &(usize, usize)| costs[p.0 * k + p.1];
            of(x).total_cmp(&of(y)).then(x.cmp(y))
        });
        let Some((a, b)) = best else {
            break;
        };
        let total = sizes[a] + sizes[b];
        for i in 0..centres[a].len() {
            centres[a][i] = (centres[a][i] * sizes[a] + centres[b][i] * sizes[b]) / total.max(1.0);
        }
        sizes[a] = total;
        alive.retain(|&t| t != b);
        for &other in alive.iter().filter(|&&t| t != a) {
            costs[a.min(other) * k + a.max(other)] = cost(a, other, &centres, &sizes);
        }
        joined.push((a, b));
    }
    joined
}

/// The group of each topic when so many groups are left.
fn cut(joined: &[(usize, usize)], k: usize, left: usize) -> Vec<u32> {
    let mut of: Vec<usize> = (0..k).collect();
    for &(a, b) in joined.iter().take(k.saturating_sub(left)) {
        for group in &mut of {
            if *group == b {
                *group = a;
            }
        }
    }
    let mut numbers: Vec<usize> = of.clone();
    numbers.sort_unstable();
    numbers.dedup();
    of.iter()
        .map(|g| index(numbers.binary_search(g).unwrap_or(0)))
        .collect()
}

/// The group of each topic, their number that with the best mean silhouette of about `most` rows.
pub(super) fn groups(rows: &Vectors, labels: &[u32], k: usize, most: usize) -> Vec<u32> {
    if k <= 2 {
        return (0..index(k)).collect();
    }
    let members = members(labels, k);
    let sizes: Vec<usize> = members.iter().map(Vec::len).collect();
    let centres = Vectors::new(rows.dim(), mean_rows(rows, &members));
    let joined = joinings(&centres, &sizes);
    let sample = rows.every(most);
    let step = rows.len().div_ceil(most).max(1);
    let root = k.isqrt();
    let range = (root / 2).max(2)..=(2 * root).min(k - 1).max(2);
    let scored = range.map(|left| {
        let groups = cut(&joined, k, left);
        let of: Vec<u32> = labels
            .iter()
            .step_by(step)
            .map(|&l| groups[l as usize])
            .collect();
        let score = mean_silhouette(&silhouettes(&sample, &of, left), &of);
        (score, groups)
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(|| vec![0; k], |(_, groups)| groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a line at 0, 1, 5 and 5.5 with sizes 1, 1, 8 and 8: joining 0 and 1 costs 1/2 · 1,
    /// joining the others 64/16 · 0.25 = 1.
    #[test]
    fn the_cheapest_are_joined_first() {
        let centres = Vectors::new(1, vec![0.0, 1.0, 5.0, 5.5]);
        let joined = joinings(&centres, &[1, 1, 8, 8]);
        assert_eq!(joined, [(0, 1), (2, 3), (0, 2)]);
        assert_eq!(cut(&joined, 4, 2), [0, 0, 1, 1]);
        assert_eq!(cut(&joined, 4, 3), [0, 0, 1, 2]);
        assert_eq!(joinings(&centres, &[10, 10, 2, 2])[0], (2, 3));
    }
}
