//! A trained classifier put to use: how likely it is that a person with these words wants an item
//! with those.

use super::beside::CLASSIFIER;
use super::single_tower::{BIAS, Head, WEIGHT, first_states};
use crate::loss::binary::probabilities;
use crate::{FinetuneError, Method, Network};
use safetensors::tensor::{Dtype, SafeTensors};
use semrec_train::Parameters;
use std::path::Path;

/// An encoder with the head of a classifier.
#[derive(Debug)]
pub struct Reranker {
    network: Network,
    parameters: Parameters,
    head: Head,
}

impl Reranker {
    /// Opens the directory of an encoder that was tuned with the objective `bce`.
    ///
    /// # Errors
    /// [`FinetuneError::Encoder`] if it has no head, or one of another size.
    pub fn open(dir: &Path) -> Result<Self, FinetuneError> {
        let bad = |problem: String| FinetuneError::Encoder {
            encoder: dir.display().to_string(),
            problem,
        };
        let bytes = std::fs::read(dir.join(CLASSIFIER)).map_err(|e| {
            bad(format!(
                "has no head of a classifier ({CLASSIFIER}: {e}); tune it with the objective bce"
            ))
        })?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let (network, mut parameters) = Network::open(dir, &Method::Head { width: 0 }, 0)?;
        let head = Head::add(network.hidden(), 0, &mut parameters)?;
        for (name, place) in [(WEIGHT, head.weight), (BIAS, head.bias)] {
            let view = file.tensor(name).map_err(|e| bad(format!("{name}: {e}")))?;
            let (values, _) = view.data().as_chunks::<4>();
            let into = parameters.values_mut(place);
            if view.dtype() != Dtype::F32 || values.len() != into.len() {
                return Err(bad(format!(
                    "has an array {name} of {} values; expected {} f32",
                    values.len(),
                    into.len()
                )));
            }
            for (x, bytes) in into.iter_mut().zip(values) {
                *x = f32::from_le_bytes(*bytes);
            }
        }
        Ok(Self {
            network,
            parameters,
            head,
        })
    }

    /// The probability of each pair of a person's words (what they wrote, or titles of what they
    /// touched, newest first, joined by `"; "`) and an item's, up to `longest` tokens together.
    ///
    /// # Errors
    /// [`FinetuneError::Text`] if the tokenizer refuses a text.
    pub fn probabilities<S: AsRef<str> + Sync>(
        &self,
        pairs: &[(S, S)],
        longest: usize,
    ) -> Result<Vec<f32>, FinetuneError> {
        let sequences = self.network.tokenise_pairs(pairs, longest)?;
        let states = first_states(&self.network, &self.parameters, &sequences);
        Ok(probabilities(&self.head.logits(&self.parameters, &states)))
    }
}
