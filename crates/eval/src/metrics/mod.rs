//! The metrics, one a file: pure functions of finished rankings.
//!
//! Of one case, through its [`crate::Places`]: [`recall`], [`ndcg`], [`mrr`], [`hit`],
//! [`precision`], [`map`]. Of one list: [`novelty`], [`diversity`], [`popularity`]. Of all lists
//! together: [`coverage`], [`gini`].

mod coverage;
mod diversity;
mod gini;
mod hit;
mod map;
mod mrr;
mod ndcg;
mod novelty;
mod popularity;
mod precision;
mod recall;

pub use coverage::coverage;
pub use diversity::diversity;
pub use gini::gini;
pub use hit::hit;
pub use map::map;
pub use mrr::mrr;
pub use ndcg::ndcg;
pub use novelty::novelty;
pub use popularity::popularity;
pub use precision::precision;
pub use recall::recall;

use crate::Places;

/// A metric of one case.
pub(crate) type Accuracy = fn(&Places, usize) -> f64;

/// The metrics of one case with the names they are reported under, in the order of reporting.
pub(crate) const ACCURACY: [(&str, Accuracy); 6] = [
    ("recall", recall),
    ("ndcg", ndcg),
    ("mrr", mrr),
    ("hit", hit),
    ("precision", precision),
    ("map", map),
];

/// `sum / n`, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn mean(sum: f64, n: usize) -> f64 {
    if n == 0 { 0.0 } else { sum / n as f64 }
}

/// `a / b`, 0 if `b` is; the counts of items and places that metrics divide are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn ratio(a: usize, b: usize) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

#[cfg(test)]
mod tests {
    use crate::Places;
    use semrec_data::Ranked;

    /// A ranking of these items; metrics read only their order.
    pub(super) fn list(items: &[u32]) -> Vec<Ranked> {
        items
            .iter()
            .map(|&item| Ranked { item, score: 0.0 })
            .collect()
    }

    pub(super) fn places(ranking: &[u32], held_out: &[u32]) -> Places {
        Places::of(&list(ranking), held_out)
    }
}
