//! Is the best model really better, or was it luck?
//!
//! The model with the highest mean is compared with every other one on the same cases; as many
//! tests as there are comparisons are corrected for ([`holm`]). The best one was picked on these
//! very cases, so a difference just past the level deserves a second split.

use crate::{EvalError, Evaluation, PerCase, holm, sign_flip};
use rayon::prelude::*;
use serde::Serialize;

/// One paired comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The model with the higher mean.
    pub a: String,
    /// The other model.
    pub b: String,
    /// What was compared, as in `ndcg@10`.
    pub metric: String,
    /// Mean of `a` less mean of `b`.
    pub difference: f64,
    /// Two-sided p-value of the sign-flip test.
    pub p_value: f64,
    /// The same, corrected for all comparisons of the list.
    pub p_holm: f64,
}

/// A paired comparison on a part of the cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SliceComparison {
    /// The slice's name, as in `tail-items`.
    pub slice: String,
    /// Cases with anything to find in it.
    pub cases: usize,
    /// The comparison; `p_holm` is corrected for those on the same slice.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Sign patterns drawn for each comparison.
const PERMUTATIONS: u32 = 10_000;

/// Compares the best model by `metric` with each of the others, best of them first.
///
/// # Errors
/// [`EvalError::UnknownMetric`] if a model has no such metric case by case, and
/// [`EvalError::Unpaired`] if the models were evaluated on different numbers of cases.
pub fn compare(
    models: &[(&str, &Evaluation)],
    metric: &str,
    seed: u64,
) -> Result<Vec<Comparison>, EvalError> {
    let columns = models
        .iter()
        .map(|&(name, evaluation)| Column::of(name, &evaluation.per_case, metric))
        .collect::<Result<Vec<_>, _>>()?;
    against_best(columns, metric, seed)
}

/// The same on each slice that has cases, the best model being the slice's own.
///
/// # Errors
/// As [`compare`].
pub fn compare_slices(
    models: &[(&str, &Evaluation)],
    metric: &str,
    seed: u64,
) -> Result<Vec<SliceComparison>, EvalError> {
    let names = models.first().map_or(&[][..], |(_, e)| &e.slices);
    let mut all = Vec::new();
    for (k, slice) in names.iter().enumerate().filter(|(_, s)| s.cases > 0) {
        let columns = models
            .iter()
            .filter_map(|&(name, evaluation)| Some((name, evaluation.slices_per_case.get(k)?)))
            .map(|(name, per_case)| Column::of(name, per_case, metric))
            .collect::<Result<Vec<_>, _>>()?;
        let found = against_best(columns, metric, seed)?;
        all.extend(found.into_iter().map(|comparison| SliceComparison {
            slice: slice.name.clone(),
            cases: slice.cases,
            comparison,
        }));
    }
    Ok(all)
}

fn against_best(
    mut columns: Vec<Column<'_>>,
    metric: &str,
    seed: u64,
) -> Result<Vec<Comparison>, EvalError> {
    columns.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let Some((best, others)) = columns.split_first() else {
        return Ok(Vec::new());
    };
    for other in others {
        if other.values.len() != best.values.len() {
            return Err(EvalError::Unpaired {
                a: best.name.to_owned(),
                n_a: best.values.len(),
                b: other.name.to_owned(),
                n_b: other.values.len(),
            });
        }
    }
    let p_values: Vec<f64> = others
        .par_iter()
        .map(|other| {
            let differences: Vec<f64> = best
                .values
                .iter()
                .zip(&other.values)
                .map(|(&a, &b)| f64::from(a) - f64::from(b))
                .collect();
            sign_flip(&differences, PERMUTATIONS, seed)
        })
        .collect();
    let corrected = holm(&p_values);
    let tested = others.iter().zip(p_values.into_iter().zip(corrected));
    Ok(tested
        .map(|(other, (p_value, p_holm))| Comparison {
            a: best.name.to_owned(),
            b: other.name.to_owned(),
            metric: metric.to_owned(),
            difference: best.mean - other.mean,
            p_value,
            p_holm,
        })
        .collect())
}

struct Column<'a> {
    name: &'a str,
    mean: f64,
    values: Vec<f32>,
}

impl<'a> Column<'a> {
    fn of(name: &'a str, per_case: &PerCase, metric: &str) -> Result<Self, EvalError> {
        let values = per_case.column(metric);
        let values = values.ok_or_else(|| EvalError::UnknownMetric {
            asked: metric.to_owned(),
            measured: per_case.names().join(", "),
        })?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers of cases are far below 2^52"
        )]
        let n = values.len().max(1) as f64;
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / n;
        Ok(Self { name, mean, values })
    }
}
