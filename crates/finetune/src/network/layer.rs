//! A layer, normalised after (Devlin et al. 2019): `x₁ = norm(x + attend(x))`,
//! `x₂ = norm(x₁ + feed(x₁))`, dropout on what attention and the feed-forward part give. A decoder has
//! something between the two halves ([`super::decoder`]).
//!
//! Kept for the backward pass, in values a token: input, query, key, value, context and both
//! normalised sums, of `hidden` each, and the inner state before its activation. What is cheap to
//! compute again (weights of attention, activations, outputs of normalisations) is.

use super::adapter::Adapter;
use super::attention::{Attention, Sight};
use super::drops::{Drops, Site};
use super::linear::{Context, Linear};
use super::norm::{Norm, Normed};
use super::products::Into;
use super::slot::{Local, add};
use semrec_text::{Activation, activate_with_slopes};
use semrec_train::Parameters;

/// The weights of a layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value.
    pub(super) qkv: [Linear; 3],
    pub(super) output: Linear,
    pub(super) attention_adapter: Option<Adapter>,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) adapter: Option<Adapter>,
    pub(super) norm: Norm,
    pub(super) activation: Activation,
}

/// What a layer keeps of a forward pass.
#[derive(Debug)]
pub(super) struct LayerTape {
    attended: Attended,
    fed: Fed,
}

/// What its first half keeps.
#[derive(Debug)]
pub(super) struct Attended {
    x: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    middle: Normed,
}

/// What its second half keeps, besides what comes in.
#[derive(Debug)]
pub(super) struct Fed {
    inner: Vec<f32>,
    last: Normed,
}

/// What the layers of a pass have in common.
#[derive(Clone, Copy)]
pub(super) struct Through<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) attention: &'a Attention,
    pub(super) lengths: &'a [usize],
    pub(super) drops: &'a Drops,
    /// Number of the layer.
    pub(super) layer: usize,
    /// Whether a token sees itself and those before it alone.
    pub(super) causal: bool,
}

impl<'a> Through<'a> {
    fn sight(self) -> Sight<'a> {
        Sight {
            parameters: self.parameters,
            lengths: self.lengths,
            drops: self.drops,
            layer: self.layer,
            causal: self.causal,
        }
    }

    fn context(self) -> Context<'a> {
        Context {
            parameters: self.parameters,
            drops: self.drops,
            layer: self.layer,
            rows: self.lengths.iter().sum(),
        }
    }
}

impl Layer {
    fn hidden(&self) -> usize {
        self.output.outputs
    }

    /// The states behind the layer, `[rows, hidden]`, of those before it, and the tape.
    pub(super) fn forward(&self, on: Through<'_>, x: Vec<f32>) -> (Vec<f32>, LayerTape) {
        let attended = self.attend(on, x);
        let (out, fed) = self.feed(on, &self.middle(on, &attended));
        (out, LayerTape { attended, fed })
    }

    /// The first half.
    pub(super) fn attend(&self, on: Through<'_>, x: Vec<f32>) -> Attended {
        let (h, cx) = (self.hidden(), on.context());
        let mut qkv = vec![0.0; cx.rows * 3 * h];
        for (i, linear) in self.qkv.iter().enumerate() {
            linear.forward(cx, &x, (&mut qkv[i * h..], 3 * h));
        }
        let mut context = vec![0.0; cx.rows * h];
        on.attention.forward(on.sight(), &qkv, &mut context);
        let mut sum = self.attended(cx, &context);
        if let Some(adapter) = &self.attention_adapter {
            adapter.forward(cx, &mut sum);
        }
        on.drops.hidden(&mut sum, h, on.layer, Site::Attention);
        add(&mut sum, &x);
        Attended {
            middle: self.attention_norm.normalise(sum, h),
            x,
            qkv,
            context,
        }
    }

    /// The states behind the first half, `x₁`.
    pub(super) fn middle(&self, on: Through<'_>, attended: &Attended) -> Vec<f32> {
        let norm = &self.attention_norm;
        norm.output(on.parameters, &attended.middle)
    }

    /// The second half: the states behind it of those before it, and what is kept.
    pub(super) fn feed(&self, on: Through<'_>, x1: &[f32]) -> (Vec<f32>, Fed) {
        let (h, cx) = (self.hidden(), on.context());
        let wide = self.up.outputs;
        let mut inner = vec![0.0; cx.rows * wide];
        self.up.forward(cx, x1, (&mut inner, wide));
        let mut sum = self.fed(cx, &self.activated(&inner).0);
        if let Some(adapter) = &self.adapter {
            adapter.forward(cx, &mut sum);
        }
        on.drops.hidden(&mut sum, h, on.layer, Site::FeedForward);
        add(&mut sum, x1);
        let last = self.norm.normalise(sum, h);
        let out = self.norm.output(on.parameters, &last);
        (out, Fed { inner, last })
    }

    fn attended(&self, cx: Context<'_>, context: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; cx.rows * self.hidden()];
        self.output.forward(cx, context, (&mut out, self.hidden()));
        out
    }

    fn fed(&self, cx: Context<'_>, activated: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; cx.rows * self.hidden()];
        self.down.forward(cx, activated, (&mut out, self.hidden()));
        out
    }

    /// Activations and their slopes.
    fn activated(&self, inner: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut values, mut slopes) = (inner.to_vec(), vec![0.0; inner.len()]);
        activate_with_slopes(self.activation, &mut values, &mut slopes);
        (values, slopes)
    }

    /// Turns the gradient by the states behind the layer into that by those before it.
    pub(super) fn backward(
        &self,
        on: Through<'_>,
        tape: &LayerTape,
        slope: Vec<f32>,
        local: &mut Local,
    ) -> Vec<f32> {
        let x1 = self.middle(on, &tape.attended);
        let slope = self.feed_back(on, (&tape.fed, &x1), slope, local);
        self.attend_back(on, &tape.attended, slope, local)
    }

    /// The second half backward; `x1` is what it was given.
    pub(super) fn feed_back(
        &self,
        on: Through<'_>,
        (tape, x1): (&Fed, &[f32]),
        mut slope: Vec<f32>,
        local: &mut Local,
    ) -> Vec<f32> {
        let (h, cx) = (self.hidden(), on.context());
        self.norm
            .backward(on.parameters, &tape.last, &mut slope, local);
        // `slope` is that of the sum of the input and what was fed forward.
        let mut fed = slope.clone();
        on.drops.hidden(&mut fed, h, on.layer, Site::FeedForward);
        let (activated, slopes) = self.activated(&tape.inner);
        if let Some(adapter) = &self.adapter {
            let before = self.fed(cx, &activated);
            adapter.backward(cx, &before, &mut fed, local);
        }
        let mut inner = vec![0.0; activated.len()];
        let to = (&mut inner[..], Into::Replace);
        self.down.backward(cx, (&activated, &fed, h), to, local);
        pulp::Arch::new().dispatch(|| {
            inner.iter_mut().zip(&slopes).for_each(|(i, s)| *i *= s);
        });
        let into = (&mut slope[..], Into::Add);
        self.up
            .backward(cx, (x1, &inner, self.up.outputs), into, local);
        slope
    }

    /// The first half backward.
    pub(super) fn attend_back(
        &self,
        on: Through<'_>,
        tape: &Attended,
        mut slope: Vec<f32>,
        local: &mut Local,
    ) -> Vec<f32> {
        let (h, cx) = (self.hidden(), on.context());
        self.attention_norm
            .backward(on.parameters, &tape.middle, &mut slope, local);
        let mut attended = slope.clone();
        on.drops.hidden(&mut attended, h, on.layer, Site::Attention);
        if let Some(adapter) = &self.attention_adapter {
            let before = self.attended(cx, &tape.context);
            adapter.backward(cx, &before, &mut attended, local);
        }
        let mut context = vec![0.0; cx.rows * h];
        let to = (&mut context[..], Into::Replace);
        self.output
            .backward(cx, (&tape.context, &attended, h), to, local);
        let mut qkv = vec![0.0; tape.qkv.len()];
        let pair = (&tape.qkv[..], &context[..]);
        on.attention.backward(on.sight(), pair, &mut qkv, local);
        for (i, linear) in self.qkv.iter().enumerate() {
            let into = (&mut slope[..], Into::Add);
            linear.backward(cx, (&tape.x, &qkv[i * h..], 3 * h), into, local);
        }
        slope
    }
}
