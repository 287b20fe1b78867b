//! Dropout of a batch whose sequences lie end to end: a sequence's masks follow from its place in
//! the whole batch, so that it does not matter with which others it is computed.

use super::{Manner, Noise};
use semrec_train::{drop_values, key_of};

/// Where in the network a mask is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site {
    Embedding,
    Weights,
    Attention,
    FeedForward,
    /// What a decoder's layer hears of the vector.
    Crossing,
    /// The input of a low-rank change.
    Change(usize),
}

impl Site {
    fn number(self) -> u64 {
        match self {
            Self::Embedding => 0,
            Self::Weights => 1,
            Self::Attention => 2,
            Self::FeedForward => 3,
            Self::Crossing => 4,
            Self::Change(n) => 8 + n as u64,
        }
    }
}

/// Masks of some sequences.
#[derive(Clone, Debug)]
pub(super) struct Drops {
    noise: Noise,
    /// Of each sequence, its number in the batch and its length.
    spans: Vec<(u64, usize)>,
}

/// Nothing is dropped.
pub(super) static NONE: Drops = Drops {
    noise: Manner::PLAIN.noise,
    spans: Vec::new(),
};

impl Drops {
    pub(super) fn new(noise: Noise, spans: Vec<(u64, usize)>) -> Self {
        Self { noise, spans }
    }

    fn key(&self, sequence: u64, layer: usize, site: Site, head: usize) -> u64 {
        key_of(&[
            self.noise.seed,
            self.noise.step,
            sequence,
            layer as u64,
            site.number(),
            head as u64,
        ])
    }

    /// Drops values of rows of `width`, those of all sequences end to end.
    pub(super) fn hidden(&self, values: &mut [f32], width: usize, layer: usize, site: Site) {
        self.rows(values, (width, self.noise.hidden), layer, site);
    }

    /// The same with a share of its own.
    pub(super) fn rows(
        &self,
        values: &mut [f32],
        (width, share): (usize, f32),
        layer: usize,
        site: Site,
    ) {
        if share <= 0.0 {
            return;
        }
        let mut rest = values;
        for &(sequence, len) in &self.spans {
            let (own, next) = rest.split_at_mut(len * width);
            drop_values(own, self.key(sequence, layer, site, 0), 0, share);
            rest = next;
        }
    }

    /// Whether this is a pass of training, whose steps count from 1.
    pub(super) fn is_on(&self) -> bool {
        self.noise.step > 0
    }

    /// Drops weights of attention, `[len, len]`, of a sequence (by its place here) and a head.
    pub(super) fn weights(&self, values: &mut [f32], layer: usize, sequence: usize, head: usize) {
        let share = self.noise.attention;
        if share > 0.0 {
            let key = self.key(self.spans[sequence].0, layer, Site::Weights, head);
            drop_values(values, key, 0, share);
        }
    }
}
