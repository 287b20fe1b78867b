//! Binary cross-entropy, and the linear head that a classifier has behind the pooling.
//!
//! With a logit `z` and a label `y`,
//!
//! ```text
//! L = mean( ln(1 + e^z) - y z ),   ∂L/∂z = (σ(z) - y)/n
//! ```
//!
//! BertForSequenceClassification with two labels takes the softmax of two logits; its loss is this
//! one with `z = z₁ - z₀`. A head of one logit and one of two differ in their parameters alone.

use super::product::{matrix, multiply};
use super::single;
use faer::Accum;

/// A loss and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    /// The mean over the examples, in nats.
    pub(crate) loss: f32,
    /// By each logit, as long as the logits.
    pub(crate) logits: Vec<f32>,
}

/// The probability of class 1: `σ(z)`.
pub(crate) fn probability(logit: f32) -> f32 {
    // e^z for z far below 0 would be lost in 1 + e^-z.
    if logit < 0.0 {
        logit.exp() / (1.0 + logit.exp())
    } else {
        1.0 / (1.0 + (-logit).exp())
    }
}

/// The probability of class 1 by the softmax of each row of `logits`, `[n, 2]`.
pub(crate) fn probabilities(logits: &[f32]) -> Vec<f32> {
    logits
        .chunks_exact(2)
        .map(|pair| probability(pair[1] - pair[0]))
        .collect()
}

/// The loss of `logits`, `[n]`, against `labels` from 0 to 1, `[n]`.
///
/// # Panics
/// If there are not as many labels as logits.
pub(crate) fn binary_cross_entropy(logits: &[f32], labels: &[f32]) -> Binary {
    assert_eq!(logits.len(), labels.len(), "a label for each logit");
    let n = logits.len().max(1) as f32;
    let of = |(&z, &y): (&f32, &f32)| f64::from(z.max(0.0) - y * z + (-z.abs()).exp().ln_1p());
    let sum: f64 = logits.iter().zip(labels).map(of).sum();
    let slope = |(&z, &y): (&f32, &f32)| (probability(z) - y) / n;
    Binary {
        loss: single(sum) / n,
        logits: logits.iter().zip(labels).map(slope).collect(),
    }
}

/// The loss of the softmax of `logits`, `[n, 2]`, against the probability `labels` of class 1,
/// `[n]`.
///
/// # Panics
/// If there are not twice as many logits as labels.
pub(crate) fn two_class_cross_entropy(logits: &[f32], labels: &[f32]) -> Binary {
    assert_eq!(logits.len(), 2 * labels.len(), "two logits for each label");
    let differences: Vec<f32> = (logits.chunks_exact(2))
        .map(|pair| pair[1] - pair[0])
        .collect();
    let Binary { loss, logits } = binary_cross_entropy(&differences, labels);
    Binary {
        loss,
        logits: logits.into_iter().flat_map(|g| [-g, g]).collect(),
    }
}

/// `x·Wᵀ + b`: for inputs `[n, inputs]`, a weight `[outputs, inputs]` and a bias `[outputs]`, the
/// outputs `[n, outputs]`.
///
/// # Panics
/// If the sizes do not fit together.
pub(crate) fn linear(input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let n = input.len() / (weight.len() / bias.len());
    let mut out = bias.repeat(n);
    let (input, weight) = (matrix(input, n), matrix(weight, bias.len()));
    multiply(&mut out, Accum::Add, input, weight.transpose(), 1.0);
    out
}

/// The gradients of [`linear`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinearSlopes {
    /// `[n, inputs]`.
    pub(crate) input: Vec<f32>,
    /// `[outputs, inputs]`.
    pub(crate) weight: Vec<f32>,
    /// `[outputs]`.
    pub(crate) bias: Vec<f32>,
}

/// The gradients of [`linear`], from those by its outputs, `[n, outputs]`.
///
/// # Panics
/// If the sizes do not fit together.
pub(crate) fn linear_backward(
    input: &[f32],
    weight: &[f32],
    slopes: &[f32],
    outputs: usize,
) -> LinearSlopes {
    let n = slopes.len() / outputs;
    let mut out = LinearSlopes {
        input: vec![0.0; input.len()],
        weight: vec![0.0; weight.len()],
        bias: vec![0.0; outputs],
    };
    for row in slopes.chunks_exact(outputs) {
        out.bias.iter_mut().zip(row).for_each(|(b, g)| *b += g);
    }
    let (slopes, weight) = (matrix(slopes, n), matrix(weight, outputs));
    multiply(&mut out.input, Accum::Replace, slopes, weight, 1.0);
    let input = matrix(input, n);
    multiply(
        &mut out.weight,
        Accum::Replace,
        slopes.transpose(),
        input,
        1.0,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, near, number, section};

    #[test]
    fn the_heads_and_their_gradients_are_those_of_pytorch() {
        let golden = section("binary");
        let input = floats(&golden["input"]);
        let labels = floats(&golden["labels"]);
        for (name, outputs) in [("one", 1), ("two", 2)] {
            let golden = &golden[name];
            let (weight, bias) = (floats(&golden["weight"]), floats(&golden["bias"]));
            let logits = linear(&input, &weight, &bias);
            near(&logits, &floats(&golden["logits"]), name);
            let (loss, shares) = if outputs == 1 {
                let shares = logits.iter().map(|&z| probability(z)).collect();
                (binary_cross_entropy(&logits, &labels), shares)
            } else {
                let loss = two_class_cross_entropy(&logits, &labels);
                (loss, probabilities(&logits))
            };
            near(&[loss.loss], &[number(&golden["loss"])], name);
            near(&shares, &floats(&golden["probabilities"]), name);
            let slopes = linear_backward(&input, &weight, &loss.logits, outputs);
            near(&slopes.input, &floats(&golden["input"]), name);
            near(&slopes.weight, &floats(&golden["weight_gradient"]), name);
            near(&slopes.bias, &floats(&golden["bias_gradient"]), name);
        }
    }

    #[test]
    fn far_logits_stay_finite() {
        let got = binary_cross_entropy(&[200.0, -200.0, 0.0], &[0.0, 0.0, 1.0]);
        // (200 + 0 + ln 2)/3
        assert!((got.loss - 66.897_72).abs() < 1e-4, "{}", got.loss);
        near(&got.logits, &[1.0 / 3.0, 0.0, -0.5 / 3.0], "logits");
        assert_eq!(binary_cross_entropy(&[], &[]).loss, 0.0);
        assert_eq!(probabilities(&[0.0, 0.0]), [0.5]);
    }
}
