//! One step down: forward, the loss, backward; once more with the words' vectors moved to make the
//! loss worse, where training is adversarial.

use crate::loss::fgm::perturbation;
use crate::{Gradients, Manner, Network, Noise, Rows, Sequence, Want};
use semrec_train::Parameters;

/// What goes through the network, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a Parameters,
    pub(crate) sequences: &'a [Sequence],
    pub(crate) want: Want<'a>,
    pub(crate) noise: Noise,
    /// How far the words' vectors are moved in the second pass (FGM); 0 for no second pass.
    pub(crate) fgm: f32,
}

/// Adds the gradients of a loss to `gradients`; returns the loss. `loss` gives the loss of values
/// and its slopes by them, and adds gradients of its own.
///
/// With FGM the gradients of the moved pass are added to those of the plain one, as in Miyato et al.
/// 2017; the masks of dropout are the same.
pub(crate) fn descend(
    passage: &Passage<'_>,
    gradients: &mut Gradients,
    mut loss: impl FnMut(&[f32], &mut Gradients) -> (f32, Vec<f32>),
) -> f32 {
    let asked = gradients.words.take();
    if passage.fgm > 0.0 {
        gradients.words = Some(Rows::new());
    }
    let value = one(passage, None, gradients, &mut loss);
    if passage.fgm > 0.0 {
        let words = gradients.words.take().unwrap_or_default();
        let moved = perturbation(&words, passage.fgm);
        if !moved.is_empty() {
            one(passage, Some(&moved), gradients, &mut loss);
        }
    }
    gradients.words = asked;
    value
}

fn one(
    passage: &Passage<'_>,
    perturbation: Option<&Rows>,
    gradients: &mut Gradients,
    loss: &mut impl FnMut(&[f32], &mut Gradients) -> (f32, Vec<f32>),
) -> f32 {
    let manner = Manner {
        want: passage.want,
        noise: passage.noise,
        perturbation,
    };
    let (network, parameters) = (passage.network, passage.parameters);
    let pass = network.forward(parameters, passage.sequences, manner);
    let (value, slopes) = loss(&pass.values, gradients);
    network.backward(parameters, pass, &slopes, gradients);
    value
}
