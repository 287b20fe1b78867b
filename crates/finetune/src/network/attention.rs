//! Attention of each sequence to itself, head by head, over queries, keys and values side by side.
//!
//! `P = softmax(q·kᵀ/√d + bias)`, `c = P̃·v` with `P̃` the weights under dropout. Backward, from
//! weights that are computed again: `∂v = P̃ᵀ·∂c`, `∂P = mask ∘ (∂c·vᵀ)`,
//! `∂S = P ∘ (∂P - Σ ∂P ∘ P)`, `∂q = ∂S·k/√d`, `∂k = ∂Sᵀ·q/√d`. The bias, of MPNet, is a number for
//! each head and bucket of distances. In a decoder a token sees itself and those before it alone.

use super::drops::Drops;
use super::products::{Into, View, product};
use super::slot::{Local, Slot};
use semrec_text::{exp_shifted, relative_bucket};
use semrec_train::Parameters;

/// Attention of all layers.
#[derive(Debug)]
pub(super) struct Attention {
    pub(super) heads: usize,
    pub(super) hidden: usize,
    /// `[buckets, heads]`, if there are biases.
    pub(super) bias: Option<(Slot, usize)>,
}

/// Where attention is: the parameters, the lengths of the sequences, their masks, and the number of
/// the layer.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) lengths: &'a [usize],
    pub(super) drops: &'a Drops,
    pub(super) layer: usize,
    /// Whether a token sees itself and those before it alone.
    pub(super) causal: bool,
}

/// One head of a sequence of so many tokens.
#[derive(Clone, Copy)]
struct Place {
    head: usize,
    len: usize,
}

impl Attention {
    fn dim(&self) -> usize {
        self.hidden / self.heads
    }

    /// Contexts, `[rows, hidden]`, of `[rows, 3 · hidden]`.
    pub(super) fn forward(&self, on: Sight<'_>, qkv: &[f32], context: &mut [f32]) {
        let (d, width) = (self.dim(), 3 * self.hidden);
        let mut weights = Vec::new();
        let mut first = 0;
        let said = on.lengths.iter().enumerate().filter(|(_, len)| **len > 0);
        for (sequence, &len) in said {
            let qkv = &qkv[first * width..(first + len) * width];
            let out = &mut context[first * self.hidden..(first + len) * self.hidden];
            for head in 0..self.heads {
                let at = Place { head, len };
                self.weights(on, qkv, at, &mut weights);
                on.drops.weights(&mut weights, on.layer, sequence, head);
                let v = View::within(len, d, width).read(&qkv[2 * self.hidden + head * d..]);
                product(
                    View::within(len, d, self.hidden).write(&mut out[head * d..]),
                    Into::Replace,
                    (View::of(len, len).read(&weights), v),
                    1.0,
                );
            }
            first += len;
        }
    }

    /// The weights of a sequence and head, `[len, len]`, before dropout.
    fn weights(&self, on: Sight<'_>, qkv: &[f32], at: Place, weights: &mut Vec<f32>) {
        let (d, width, len) = (self.dim(), 3 * self.hidden, at.len);
        weights.clear();
        weights.resize(len * len, 0.0);
        let view = View::within(len, d, width);
        let q = view.read(&qkv[at.head * d..]);
        let k = view.read(&qkv[self.hidden + at.head * d..]);
        let scale = 1.0 / (d as f32).sqrt();
        product(
            View::of(len, len).write(weights),
            Into::Replace,
            (q, k.transpose()),
            scale,
        );
        if let Some((bias, buckets)) = &self.bias {
            let bias = bias.values(on.parameters);
            for (i, row) in weights.chunks_exact_mut(len.max(1)).enumerate() {
                for (j, weight) in row.iter_mut().enumerate() {
                    let bucket = relative_bucket(i.abs_diff(j), j > i, *buckets);
                    *weight += bias[bucket * self.heads + at.head];
                }
            }
        }
        for (i, row) in weights.chunks_exact_mut(len.max(1)).enumerate() {
            let (seen, hidden) = row.split_at_mut(if on.causal { i + 1 } else { len });
            hidden.fill(0.0);
            let highest = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum = exp_shifted(seen, highest);
            seen.iter_mut().for_each(|x| *x /= sum);
        }
    }

    /// Gradients by queries, keys and values, `[rows, 3 · hidden]`, of those by the contexts.
    pub(super) fn backward(
        &self,
        on: Sight<'_>,
        (qkv, slope): (&[f32], &[f32]),
        to: &mut [f32],
        local: &mut Local,
    ) {
        let (d, h, width) = (self.dim(), self.hidden, 3 * self.hidden);
        let scale = 1.0 / (d as f32).sqrt();
        let (mut weights, mut dropped, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = 0;
        let said = on.lengths.iter().enumerate().filter(|(_, len)| **len > 0);
        for (sequence, &len) in said {
            let qkv = &qkv[first * width..(first + len) * width];
            let to = &mut to[first * width..(first + len) * width];
            let slope = &slope[first * h..(first + len) * h];
            let square = View::of(len, len);
            let part = View::within(len, d, width);
            for head in 0..self.heads {
                let at = Place { head, len };
                self.weights(on, qkv, at, &mut weights);
                dropped.clone_from(&weights);
                on.drops.weights(&mut dropped, on.layer, sequence, head);
                let out = View::within(len, d, h).read(&slope[head * d..]);
                let (q, k, v) = (head * d, h + head * d, 2 * h + head * d);
                product(
                    part.write(&mut to[v..]),
                    Into::Replace,
                    (square.read(&dropped).transpose(), out),
                    1.0,
                );
                slopes.clear();
                slopes.resize(len * len, 0.0);
                let pair = (out, part.read(&qkv[v..]).transpose());
                product(square.write(&mut slopes), Into::Replace, pair, 1.0);
                on.drops.weights(&mut slopes, on.layer, sequence, head);
                for (ds, p) in slopes
                    .chunks_exact_mut(len.max(1))
                    .zip(weights.chunks_exact(len.max(1)))
                {
                    let along: f32 = ds.iter().zip(p).map(|(ds, p)| ds * p).sum();
                    ds.iter_mut()
                        .zip(p)
                        .for_each(|(ds, p)| *ds = p * (*ds - along));
                }
                self.bias_slopes(&slopes, at, local);
                let ds = square.read(&slopes);
                product(
                    part.write(&mut to[q..]),
                    Into::Replace,
                    (ds, part.read(&qkv[k..])),
                    scale,
                );
                let pair = (ds.transpose(), part.read(&qkv[q..]));
                product(part.write(&mut to[k..]), Into::Replace, pair, scale);
            }
            first += len;
        }
    }

    fn bias_slopes(&self, slopes: &[f32], at: Place, local: &mut Local) {
        let Some((Slot::Trained(place), buckets)) = &self.bias else {
            return;
        };
        let gradient = local.array(*place, buckets * self.heads);
        for (i, row) in slopes.chunks_exact(at.len.max(1)).enumerate() {
            for (j, slope) in row.iter().enumerate() {
                let bucket = relative_bucket(i.abs_diff(j), j > i, *buckets);
                gradient[bucket * self.heads + at.head] += slope;
            }
        }
    }
}
