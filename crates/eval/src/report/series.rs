//! Which model wears which colour and mark, the same on every chart of the page.
//!
//! Eight colours after Okabe and Ito (2008), which people with any colour vision tell apart, and
//! a mark of their own shape. Models beyond eight are grey where there is room for them and left
//! out of line charts; the tables have all.

use crate::ModelResult;

/// Colours there are.
pub(super) const COLOURS: usize = 8;

/// One model on the charts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series<'a> {
    pub(super) model: &'a ModelResult,
    /// Index of the colour; [`COLOURS`] is grey.
    pub(super) colour: usize,
}

impl Series<'_> {
    /// Whether it has a colour of its own.
    pub(super) fn coloured(&self) -> bool {
        self.colour < COLOURS
    }

    /// An SVG path around the origin.
    pub(super) fn mark(&self) -> &'static str {
        match self.colour % 4 {
            0 => "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
            1 => "M-3.6 -3.6H3.6V3.6H-3.6Z",
            2 => "M0 -5L5 0L0 5L-5 0Z",
            _ => "M0 -4.8L4.7 3.6H-4.7Z",
        }
    }
}

/// The models, best first by `metric`, coloured. Popularity always has a colour, as the line to
/// beat, and so has the best one at finding cold items.
pub(super) fn best_first<'a>(models: &'a [ModelResult], metric: &str) -> Vec<Series<'a>> {
    let value = |m: &ModelResult| m.metrics.get(metric).copied().unwrap_or(0.0);
    let cold = |m: &ModelResult| {
        let slice = m.slices.iter().find(|s| s.name == "cold-items");
        slice.and_then(|s| s.metrics.get(metric).copied())
    };
    let mut order: Vec<&ModelResult> = models.iter().collect();
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let coldest = order.iter().map(|m| cold(m).unwrap_or(0.0));
    let coldest = coldest.fold(0.0, f64::max);
    let reserved =
        |m: &ModelResult| m.name == "popularity" || (coldest > 0.0 && cold(m) == Some(coldest));
    let mut free = COLOURS - order.iter().filter(|m| reserved(m)).count().min(COLOURS);
    let mut next = 0;
    let mut colour = |m: &ModelResult| {
        let own = reserved(m) || free > 0;
        free -= usize::from(own && !reserved(m));
        let colour = if own { next.min(COLOURS) } else { COLOURS };
        next += usize::from(own);
        colour
    };
    order
        .into_iter()
        .map(|model| Series {
            colour: colour(model),
            model,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popularity_keeps_a_colour_among_many() {
        let mut models: Vec<ModelResult> = (0u8..11)
            .map(|i| {
                let mut model = ModelResult {
                    name: format!("model-{i}"),
                    ..ModelResult::default()
                };
                model.metrics.push("ndcg@10", f64::from(i));
                model
            })
            .collect();
        models[0].name = "popularity".into();
        let colours: Vec<usize> = best_first(&models, "ndcg@10")
            .iter()
            .map(|s| s.colour)
            .collect();
        // Seven of the best, three in grey, and popularity, which is last.
        assert_eq!(colours, [0, 1, 2, 3, 4, 5, 6, 8, 8, 8, 7]);
    }
}
