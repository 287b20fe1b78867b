//! What is learned beside the encoder, kept in its directory: a classifier's head
//! (`classifier.safetensors`, arrays as `transformers` names them), a learned user tower
//! (`user_tower.safetensors`), and one without parameters (`user_tower.json`).

use super::single_tower::{BIAS, WEIGHT};
use crate::FinetuneError;
use safetensors::tensor::{Dtype, TensorView, serialize};
use semrec_data::write_whole;
use semrec_text::{TextError, Tower};
use semrec_train::{Parameter, Parameters};
use std::path::Path;

/// The head of a classifier.
pub(crate) const CLASSIFIER: &str = "classifier.safetensors";
/// Files, and which arrays go into each.
const FILES: [(&str, [&str; 2]); 2] = [
    (CLASSIFIER, [WEIGHT, BIAS]),
    (
        "user_tower.safetensors",
        ["user_tower.query", "user_tower.age"],
    ),
];

/// Writes what was learned beside an encoder into its directory; nothing where there is nothing. What
/// the encoder it began with told of a tower is no longer so.
///
/// # Errors
/// [`FinetuneError::Text`] if a file cannot be written.
pub fn write_beside(
    encoder: &Path,
    parameters: &Parameters,
    tower: Option<Tower>,
) -> Result<(), FinetuneError> {
    Tower::put(tower, encoder)?;
    for (name, arrays) in FILES {
        let found: Vec<&Parameter> = arrays.iter().filter_map(|a| parameters.get(a)).collect();
        if !found.is_empty() {
            write(&encoder.join(name), &found)?;
        }
    }
    Ok(())
}

fn write(path: &Path, arrays: &[&Parameter]) -> Result<(), FinetuneError> {
    let bad = |problem: String| FinetuneError::Encoder {
        encoder: path.display().to_string(),
        problem,
    };
    let bytes: Vec<Vec<u8>> = arrays
        .iter()
        .map(|a| a.values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = arrays.iter().zip(&bytes).map(|(array, bytes)| {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes);
        Ok((array.name.as_str(), view.map_err(|e| bad(e.to_string()))?))
    });
    let views: Vec<_> = views.collect::<Result<_, FinetuneError>>()?;
    let bytes = serialize(views, None).map_err(|e| bad(e.to_string()))?;
    write_whole(path, bytes).map_err(|source| {
        FinetuneError::Text(TextError::Io {
            path: path.to_path_buf(),
            source,
        })
    })
}
