//! `y = x·Wᵀ + b`, beside which may stand a low-rank change.
//!
//! LoRA (Hu et al. 2021): `y += s·(x̃·Aᵀ)·Bᵀ` with `x̃` the input under dropout; AdaLoRA (Zhang et
//! al. 2023): `y += s·((x̃·Aᵀ) ∘ e)·Bᵀ`. Backward, with `u = x̃·Aᵀ` and `w = s·∂y·B`:
//!
//! ```text
//! ∂x = ∂y·W + mask ∘ ((w ∘ e)·A)     ∂W = ∂yᵀ·x     ∂b = Σ ∂y
//! ∂B = s·∂yᵀ·(u ∘ e)     ∂e = Σ w ∘ u     ∂A = (w ∘ e)ᵀ·x̃
//! ```

use super::drops::{Drops, Site};
use super::products::{Into, View, product};
use super::slot::{Local, Slot, add};
use semrec_train::Parameters;

/// A low-rank change.
#[derive(Debug)]
pub(super) struct Change {
    /// Place of `A`, `[rank, inputs]`.
    pub(super) a: usize,
    /// Place of `B`, `[outputs, rank]`.
    pub(super) b: usize,
    /// Place of `e`, `[rank]`, of AdaLoRA.
    pub(super) e: Option<usize>,
    pub(super) rank: usize,
    pub(super) scale: f32,
    pub(super) dropout: f32,
    /// Which of the layer's linear layers it stands beside.
    pub(super) site: usize,
}

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Slot,
    pub(super) bias: Slot,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) change: Option<Change>,
}

/// What a linear layer needs to know of the pass.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) drops: &'a Drops,
    /// Number of the layer.
    pub(super) layer: usize,
    /// Rows: tokens of all sequences.
    pub(super) rows: usize,
}

/// The input of a change, and what its `A` makes of it.
struct Reduced {
    input: Vec<f32>,
    /// `[rows, rank]`
    u: Vec<f32>,
    /// `u ∘ e`
    scaled: Vec<f32>,
}

impl Linear {
    /// Writes the outputs of `x`, `[rows, inputs]`, to some columns of rows of `stride`.
    pub(super) fn forward(&self, on: Context<'_>, x: &[f32], (out, stride): (&mut [f32], usize)) {
        let rows = on.rows;
        let view = View::within(rows, self.outputs, stride);
        let weight = self.weight.values(on.parameters);
        let input = View::of(rows, self.inputs).read(x);
        let matrix = View::of(self.outputs, self.inputs).read(weight);
        product(
            view.write(out),
            Into::Replace,
            (input, matrix.transpose()),
            1.0,
        );
        let bias = self.bias.values(on.parameters);
        for row in out.chunks_mut(stride) {
            add(&mut row[..self.outputs], bias);
        }
        if let Some(change) = &self.change {
            let reduced = change.reduce(on, x, self.inputs);
            let b = View::of(self.outputs, change.rank).read(change.b(on));
            let u = View::of(rows, change.rank).read(&reduced.scaled);
            product(view.write(out), Into::Add, (u, b.transpose()), change.scale);
        }
    }

    /// Gradients by the weights, and by the input, which is replaced or added to, of those by the
    /// outputs of `x`, which are some columns of rows of `stride`.
    pub(super) fn backward(
        &self,
        on: Context<'_>,
        (x, slope, stride): (&[f32], &[f32], usize),
        (to, into): (&mut [f32], Into),
        local: &mut Local,
    ) {
        let rows = on.rows;
        let slopes = View::within(rows, self.outputs, stride).read(slope);
        let input = View::of(rows, self.inputs);
        let weight = self.weight.values(on.parameters);
        let matrix = View::of(self.outputs, self.inputs);
        product(input.write(to), into, (slopes, matrix.read(weight)), 1.0);
        if let Some(place) = self.weight.place() {
            let gradient = local.array(place, weight.len());
            let pair = (slopes.transpose(), input.read(x));
            product(matrix.write(gradient), Into::Add, pair, 1.0);
        }
        if let Some(place) = self.bias.place() {
            let gradient = local.array(place, self.outputs);
            for row in slope.chunks(stride) {
                add(gradient, &row[..self.outputs]);
            }
        }
        let Some(change) = &self.change else { return };
        let reduced = change.reduce(on, x, self.inputs);
        let narrow = View::of(rows, change.rank);
        let b = View::of(self.outputs, change.rank);
        let gradient = local.array(change.b, self.outputs * change.rank);
        let pair = (slopes.transpose(), narrow.read(&reduced.scaled));
        product(b.write(gradient), Into::Add, pair, change.scale);
        let mut w = vec![0.0; rows * change.rank];
        let pair = (slopes, b.read(change.b(on)));
        product(narrow.write(&mut w), Into::Replace, pair, change.scale);
        if let (Some(place), Some(e)) = (change.e, change.e(on)) {
            let gradient = local.array(place, change.rank);
            for (w, u) in w
                .chunks_exact_mut(change.rank)
                .zip(reduced.u.chunks_exact(change.rank))
            {
                for k in 0..change.rank {
                    gradient[k] += w[k] * u[k];
                    w[k] *= e[k];
                }
            }
        }
        let a = View::of(change.rank, self.inputs);
        let gradient = local.array(change.a, change.rank * self.inputs);
        let pair = (narrow.read(&w).transpose(), input.read(&reduced.input));
        product(a.write(gradient), Into::Add, pair, 1.0);
        let mut back = reduced.input;
        let pair = (narrow.read(&w), a.read(change.a(on)));
        product(input.write(&mut back), Into::Replace, pair, 1.0);
        change.drop(on, &mut back, self.inputs);
        add(to, &back);
    }

    /// The weight with the change added to it.
    pub(super) fn merged(&self, parameters: &Parameters) -> Vec<f32> {
        let mut weight = self.weight.values(parameters).to_vec();
        if let Some(change) = &self.change {
            let array = |place: usize| &parameters.arrays()[place].values;
            let mut b = array(change.b).clone();
            if let Some(e) = change.e {
                for row in b.chunks_exact_mut(change.rank) {
                    row.iter_mut().zip(array(e)).for_each(|(b, e)| *b *= e);
                }
            }
            product(
                View::of(self.outputs, self.inputs).write(&mut weight),
                Into::Add,
                (
                    View::of(self.outputs, change.rank).read(&b),
                    View::of(change.rank, self.inputs).read(array(change.a)),
                ),
                change.scale,
            );
        }
        weight
    }
}

impl Change {
    fn a<'a>(&self, on: Context<'a>) -> &'a [f32] {
        &on.parameters.arrays()[self.a].values
    }

    fn b<'a>(&self, on: Context<'a>) -> &'a [f32] {
        &on.parameters.arrays()[self.b].values
    }

    fn e<'a>(&self, on: Context<'a>) -> Option<&'a [f32]> {
        self.e
            .map(|place| &on.parameters.arrays()[place].values[..])
    }

    fn drop(&self, on: Context<'_>, values: &mut [f32], width: usize) {
        if on.drops.is_on() {
            let site = Site::Change(self.site);
            on.drops.rows(values, (width, self.dropout), on.layer, site);
        }
    }

    fn reduce(&self, on: Context<'_>, x: &[f32], inputs: usize) -> Reduced {
        let mut input = x.to_vec();
        self.drop(on, &mut input, inputs);
        let mut u = vec![0.0; on.rows * self.rank];
        let a = View::of(self.rank, inputs).read(self.a(on));
        product(
            View::of(on.rows, self.rank).write(&mut u),
            Into::Replace,
            (View::of(on.rows, inputs).read(&input), a.transpose()),
            1.0,
        );
        let mut scaled = u.clone();
        if let Some(e) = self.e(on) {
            for row in scaled.chunks_exact_mut(self.rank) {
                row.iter_mut().zip(e).for_each(|(u, e)| *u *= e);
            }
        }
        Reduced { input, u, scaled }
    }
}
