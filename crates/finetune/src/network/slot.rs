//! Where the values of a weight lie: with the network, if it stays as it is, or among the
//! parameters that are trained; and the gradients of a part of a batch.

use super::Rows;
use semrec_train::Parameters;

/// The place of a weight.
#[derive(Debug)]
pub(super) enum Slot {
    Frozen(Vec<f32>),
    Trained(usize),
}

impl Slot {
    pub(super) fn values<'a>(&'a self, parameters: &'a Parameters) -> &'a [f32] {
        match self {
            Self::Frozen(values) => values,
            Self::Trained(place) => &parameters.arrays()[*place].values,
        }
    }

    pub(super) fn place(&self) -> Option<usize> {
        match self {
            Self::Frozen(_) => None,
            Self::Trained(place) => Some(*place),
        }
    }
}

/// Gradients of a part of a batch.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// By each array of the parameters; empty until something flows to it.
    pub(super) arrays: Vec<Vec<f32>>,
    /// By the words' vectors, where they are wanted.
    pub(super) words: Option<Rows>,
}

impl Local {
    pub(super) fn new(arrays: usize, words: bool) -> Self {
        Self {
            arrays: vec![Vec::new(); arrays],
            words: words.then(Rows::new),
        }
    }

    /// The gradient of an array of so many values.
    pub(super) fn array(&mut self, place: usize, len: usize) -> &mut [f32] {
        let array = &mut self.arrays[place];
        if array.is_empty() {
            array.resize(len, 0.0);
        }
        array
    }
}

/// Adds values to others.
pub(super) fn add(to: &mut [f32], what: &[f32]) {
    pulp::Arch::new().dispatch(|| {
        for (t, w) in to.iter_mut().zip(what) {
            *t += w;
        }
    });
}
