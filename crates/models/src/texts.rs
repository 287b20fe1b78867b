//! The texts of a catalogue as the models read them: centred and decorrelated, fitted on the items
//! with training events alone, so that what is to be found has no part in it.

use crate::{ModelError, Training};
use semrec_text::{Vectors, Whitening, WhiteningConfig};

/// A whitening of the items' texts, and what it makes of them all, `[n_items, dim]`: unit rows,
/// zero for an item without text. `power` and `eps` are those of [`WhiteningConfig`].
pub(crate) fn whitened(
    training: &Training<'_>,
    model: &'static str,
    power: f32,
    eps: f32,
) -> Result<(Whitening, Vectors), ModelError> {
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
    let settings = WhiteningConfig {
        dims: None,
        power,
        eps,
    };
    let whitening = Whitening::fit(vectors, (0..n_items).filter(|&i| counts[i] > 0), &settings)
        .map_err(|e| fail(e.to_string()))?;
    let white = whitening.apply(vectors);
    Ok((whitening, white))
}

/// Whether a row of vectors is of an item with a text.
pub(crate) fn has_text(row: &[f32]) -> bool {
    row.iter().any(|&x| x != 0.0)
}
