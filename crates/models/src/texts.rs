//! What a catalogue says as the models read it: texts, centred and decorrelated, and facts
//! (`facts.rs`) beside them. Fitted on the items with training events alone, so that what is to be
//! found has no part in it; where there are no events at all, on every item.
//!
//! ```text
//! z_i = unit(√(1 - share) · y_i, √share · t_i)
//! ```
//!
//! with the whitened text `y_i` and the facts `t_i`, both of unit length: between two items that have
//! both, the cosine is the mean of that of their texts and that of their facts, weighted by `share`.
//! An item that has one of the two is known by it alone.

use crate::facts::FactMap;
use crate::{ModelError, Tensors, Training};
use semrec_text::{Vectors, Whitening, WhiteningConfig};

/// How a model reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How far to whiten the texts, as in [`WhiteningConfig`].
    pub(crate) power: f32,
    /// Added to each eigenvalue, as in [`WhiteningConfig`].
    pub(crate) eps: f32,
    /// Share of the facts, where there are any.
    pub(crate) share: f32,
}

/// The default share of the facts. On validation data (`docs/results.md`) 0.1 to 0.3 is near the best
/// of each model for never-clicked items; from 0.2 on `l3ae` ranks such items too high among others.
pub(crate) const SHARE: f32 = 0.1;

/// What is wrong with a share, if anything.
pub(crate) fn share_problem(share: f32) -> Option<String> {
    (!(0.0..=1.0).contains(&share)).then(|| format!("facts is {share}; expected 0 to 1"))
}

/// What the items say.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Of the texts, whose part of a vector comes first; `None` where there are none.
    pub(crate) whitening: Option<Whitening>,
    /// `[n_items, dim]`: unit rows, zero for an item that says nothing.
    pub(crate) vectors: Vectors,
}

/// Reads the items' texts and facts.
///
/// # Errors
/// [`ModelError::Training`] if there are neither, or they are not of these items.
pub(crate) fn read(
    training: &Training<'_>,
    model: &'static str,
    manner: Manner,
) -> Result<Said, ModelError> {
    let fail = |problem: String| ModelError::Training { model, problem };
    if let Some(problem) = share_problem(manner.share) {
        return Err(ModelError::Parameter { model, problem });
    }
    let texts = training
        .item_vectors
        .map(|vectors| {
            let settings = WhiteningConfig {
                dims: None,
                power: manner.power,
                eps: manner.eps,
            };
            let whitening = fit_whitening(training, model, &settings)?;
            let white = whitening.apply(vectors);
            Ok::<_, ModelError>((whitening, white))
        })
        .transpose()?;
    let facts = match training.item_facts {
        Some(facts) if manner.share > 0.0 => fact_vectors(training, model, facts)?,
        _ => None,
    };
    match (texts, facts) {
        (None, None) => Err(fail(
            "the items have neither text vectors nor facts in common".to_owned(),
        )),
        (None, Some(vectors)) => Ok(Said {
            whitening: None,
            vectors,
        }),
        (Some((whitening, vectors)), None) => Ok(Said {
            whitening: Some(whitening),
            vectors,
        }),
        (Some((whitening, texts)), Some(facts)) => Ok(Said {
            whitening: Some(whitening),
            vectors: beside(&texts, &facts, manner.share),
        }),
    }
}

/// The whitening of the texts, fitted on the items with training events; on all where there are no
/// events.
///
/// # Errors
/// [`ModelError::Training`] if there are no texts, or they are not of these items.
pub(crate) fn fit_whitening(
    training: &Training<'_>,
    model: &'static str,
    settings: &WhiteningConfig,
) -> Result<Whitening, ModelError> {
    let fail = |problem: String| ModelError::Training { model, problem };
    let vectors = training
        .item_vectors
        .ok_or_else(|| fail("the items have no text vectors".to_owned()))?;
    let n_items = training.interactions.n_items();
    if vectors.len() != n_items {
        let got = vectors.len();
        return Err(fail(format!("{got} text vectors for {n_items} items")));
    }
    let counts = training.interactions.item_counts();
    let alone = training.interactions.is_empty();
    let learned = (0..n_items).filter(|&i| alone || counts[i] > 0);
    Whitening::fit(vectors, learned, settings).map_err(|e| fail(e.to_string()))
}

/// Stores a whitening as `mean` and `matrix`.
///
/// # Errors
/// [`ModelError::Tensor`] if the names are taken.
pub(crate) fn save_whitening(whitening: &Whitening, into: &mut Tensors) -> Result<(), ModelError> {
    let (dim_in, dim_out) = (whitening.dim_in(), whitening.dim_out());
    into.put_f32("mean", &[dim_in], whitening.mean().to_vec())?;
    into.put_f32("matrix", &[dim_in, dim_out], whitening.matrix().to_vec())
}

/// The whitening that [`save_whitening`] stored, of `most` values at most.
///
/// # Errors
/// [`ModelError::Tensor`] if it is not there or makes no sense.
pub(crate) fn load_whitening(tensors: &Tensors, most: usize) -> Result<Whitening, ModelError> {
    let fail = |problem: String| ModelError::Tensor {
        name: "matrix".to_owned(),
        problem,
    };
    let [dim_in] = tensors.shape("mean")?;
    let [_, dim_out] = tensors.shape("matrix")?;
    if dim_out > most {
        return Err(fail(format!(
            "makes vectors of {dim_out} values; expected at most the {most} of the items"
        )));
    }
    let mean = tensors.shared_f32("mean", &[dim_in])?;
    let matrix = tensors.shared_f32("matrix", &[dim_in, dim_out])?;
    Whitening::from_parts(mean.to_vec(), matrix.to_vec()).map_err(|e| fail(e.to_string()))
}

fn fact_vectors(
    training: &Training<'_>,
    model: &'static str,
    facts: &semrec_data::Facts,
) -> Result<Option<Vectors>, ModelError> {
    let n_items = training.interactions.n_items();
    if facts.n_items() != n_items {
        return Err(ModelError::Training {
            model,
            problem: format!("facts of {} items for {n_items}", facts.n_items()),
        });
    }
    let counts = training.interactions.item_counts();
    let alone = training.interactions.is_empty();
    let known = |i: u32| alone || counts[i as usize] > 0;
    let map = FactMap::fit(facts, known, (model, training.seed))?;
    Ok(map.map(|map| map.apply(facts)))
}

/// `z` of each row of two lists of unit or zero vectors.
fn beside(texts: &Vectors, facts: &Vectors, share: f32) -> Vectors {
    let dim = texts.dim() + facts.dim();
    let (of_texts, of_facts) = ((1.0 - share).sqrt(), share.sqrt());
    let mut out = Vec::with_capacity(texts.len() * dim);
    for (text, fact) in texts.rows().zip(facts.rows()) {
        out.extend(text.iter().map(|y| of_texts * y));
        out.extend(fact.iter().map(|t| of_facts * t));
    }
    let mut out = Vectors::new(dim, out);
    out.normalise();
    out
}

/// Whether a row of vectors is of an item that says anything.
pub(crate) fn has_text(row: &[f32]) -> bool {
    row.iter().any(|&x| x != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts at 60°, facts at 90°: 0.75 · 0.5 + 0.25 · 0 = 0.375; one side alone stays as it is.
    #[test]
    fn cosines_are_weighted_means_and_one_side_stands_alone() {
        let texts = Vectors::new(2, vec![1.0, 0.0, 0.5, 0.75f32.sqrt(), 0.0, 0.0, 0.0, 0.0]);
        let facts = Vectors::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let both = beside(&texts, &facts, 0.25);
        let cosine = |i: usize, j: usize| -> f32 {
            both.row(i)
                .iter()
                .zip(both.row(j))
                .map(|(a, b)| a * b)
                .sum()
        };
        assert!((cosine(0, 1) - 0.375).abs() < 1e-6);
        assert!((cosine(1, 2) - 0.5).abs() < 1e-6);
        assert!((cosine(2, 2) - 1.0).abs() < 1e-6);
        assert!(!has_text(both.row(3)));
    }
}
