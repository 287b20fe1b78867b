//! Cross-entropy over the vocabulary, for states that should name a token: BERT's head for masked
//! words, or the tied words' vectors alone.
//!
//! With states `x`, the words' vectors `E`, and BERT's head (`cls.predictions` of `transformers`),
//!
//! ```text
//! a = x·Wᵀ + b,   h = γ (g(a) - mean)/√(variance + ε) + β,   g(a) = a Φ(a)  (GELU)
//! s = h·Eᵀ + c,   L = 1/m Σ_r ( ln Σ_j exp(s_rj) - mean of s_rt over the tokens t of r )
//! ```
//!
//! Devlin et al. 2019. Without a head, `h = x`. Masked words have one token each; a vector that
//! should name all words of its text (a bag of words, Ma et al. 2024) has several. The scores of [`ROWS`] rows are held at once:
//! 4 · 256 · vocabulary bytes, 31 MB for BERT's.

use super::binary::{linear, linear_backward};
use super::product::{matrix, multiply};
use super::{ROWS, single};
use faer::Accum;
use rayon::prelude::*;
use semrec_text::exp_shifted;

/// What turns a state into what is compared with the words' vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// `W`, `[hidden, inputs]`: `cls.predictions.transform.dense.weight`.
    pub(crate) dense: &'a [f32],
    /// `b`, `[hidden]`: `cls.predictions.transform.dense.bias`.
    pub(crate) bias: &'a [f32],
    /// `γ`, `[hidden]`: `cls.predictions.transform.LayerNorm.weight`.
    pub(crate) gain: &'a [f32],
    /// `β`, `[hidden]`: `cls.predictions.transform.LayerNorm.bias`.
    pub(crate) shift: &'a [f32],
    /// `ε`, above 0.
    pub(crate) eps: f32,
}

/// States and the tokens they should name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guesses<'a> {
    /// `x`, `[m, inputs]`; without a head, `[m, hidden]`.
    pub(crate) states: &'a [f32],
    /// The tokens of each, end to end.
    pub(crate) targets: &'a [u32],
    /// How many tokens each has, `[m]`; empty for one each. A state without any teaches nothing.
    pub(crate) counts: &'a [u32],
    /// What comes before the scores, if anything does.
    pub(crate) head: Option<Head<'a>>,
    /// `E`, `[vocabulary, hidden]`.
    pub(crate) words: &'a [f32],
    /// `c`, `[vocabulary]`: `cls.predictions.bias`.
    pub(crate) bias: &'a [f32],
    /// Whether the gradient by `E` is not wanted.
    pub(crate) frozen_words: bool,
}

/// The loss and its gradients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vocabulary {
    /// The mean over the states that have tokens, in nats.
    pub(crate) loss: f32,
    /// `∂L/∂x`, as long as the states.
    pub(crate) states: Vec<f32>,
    /// By the head, if there is one.
    pub(crate) head: Option<HeadSlopes>,
    /// `∂L/∂E`, `[vocabulary, hidden]`; empty if it is not wanted.
    pub(crate) words: Vec<f32>,
    /// `∂L/∂c`, `[vocabulary]`.
    pub(crate) bias: Vec<f32>,
}

/// Gradients by a [`Head`], of the same shapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeadSlopes {
    /// `∂L/∂W`.
    pub(crate) dense: Vec<f32>,
    /// `∂L/∂b`.
    pub(crate) bias: Vec<f32>,
    /// `∂L/∂γ`.
    pub(crate) gain: Vec<f32>,
    /// `∂L/∂β`.
    pub(crate) shift: Vec<f32>,
}

/// The loss of guesses; 0 for none.
///
/// # Panics
/// If the sizes do not fit together, or a target is no token.
pub(crate) fn vocabulary_cross_entropy(guesses: &Guesses<'_>) -> Vocabulary {
    let n = guesses.bias.len();
    let hidden = guesses.words.len() / n;
    let inputs = guesses.head.map_or(hidden, |h| h.dense.len() / hidden);
    let targets = targets_of(guesses);
    assert_eq!(guesses.states.len(), targets.len() * inputs, "[m, inputs]");
    let mut out = Vocabulary {
        loss: 0.0,
        states: Vec::with_capacity(guesses.states.len()),
        head: guesses.head.map(HeadSlopes::zeros),
        words: if guesses.frozen_words {
            Vec::new()
        } else {
            vec![0.0; n * hidden]
        },
        bias: vec![0.0; n],
    };
    let table = matrix(guesses.words, n);
    let mut scores = vec![0.0f32; ROWS.min(targets.len()) * n];
    let mut losses = Vec::with_capacity(ROWS);
    let mut loss = 0.0f64;
    let naming = targets.iter().filter(|t| !t.is_empty()).count();
    let weight = 1.0 / naming.max(1) as f32;
    for (states, targets) in guesses
        .states
        .chunks(ROWS * inputs)
        .zip(targets.chunks(ROWS))
    {
        let through = guesses.head.map(|head| Through::new(states, head));
        let compared = through.as_ref().map_or(states, |t| &t.out);
        let rows = targets.len();
        let scores = &mut scores[..rows * n];
        let block = matrix(compared, rows);
        multiply(scores, Accum::Replace, block, table.transpose(), 1.0);
        scores
            .par_chunks_exact_mut(n)
            .zip(targets)
            .map(|(row, targets)| residual(row, guesses.bias, targets, weight))
            .collect_into_vec(&mut losses);
        loss += losses.iter().sum::<f64>();
        for row in scores.chunks_exact(n) {
            out.bias.iter_mut().zip(row).for_each(|(b, g)| *b += g);
        }
        let residuals = matrix(scores, rows);
        let mut back = vec![0.0; rows * hidden];
        multiply(&mut back, Accum::Replace, residuals, table, 1.0);
        if !guesses.frozen_words {
            let all = residuals.transpose();
            multiply(&mut out.words, Accum::Add, all, block, 1.0);
        }
        match (through, guesses.head, &mut out.head) {
            (Some(through), Some(head), Some(sum)) => {
                let states = through.backward(states, head, &back, sum);
                out.states.extend(states);
            }
            _ => out.states.extend(back),
        }
    }
    out.loss = single(loss) * weight;
    out
}

/// The tokens of each state.
fn targets_of<'a>(guesses: &Guesses<'a>) -> Vec<&'a [u32]> {
    if guesses.counts.is_empty() {
        return guesses.targets.chunks(1).collect();
    }
    let mut rest = guesses.targets;
    let cut = |&count: &u32| {
        let (own, next) = rest.split_at(count as usize);
        rest = next;
        own
    };
    let all = guesses.counts.iter().map(cut).collect();
    assert!(rest.is_empty(), "as many tokens as counted");
    all
}

/// Turns scores into `weight · (softmax - share of the targets)`; returns the loss of the row.
fn residual(row: &mut [f32], bias: &[f32], targets: &[u32], weight: f32) -> f64 {
    if targets.is_empty() {
        row.fill(0.0);
        return 0.0;
    }
    row.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
    let scores = targets.iter().map(|&t| f64::from(row[t as usize]));
    let own = scores.sum::<f64>() / targets.len() as f64;
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = exp_shifted(row, highest);
    let scale = weight / sum;
    row.iter_mut().for_each(|x| *x *= scale);
    let share = weight / targets.len() as f32;
    targets.iter().for_each(|&t| row[t as usize] -= share);
    f64::from(sum).ln() + f64::from(highest) - own
}

/// States on their way through a head.
struct Through {
    /// `a`.
    before: Vec<f32>,
    /// `(g(a) - mean)/√(variance + ε)`.
    normal: Vec<f32>,
    /// `1/√(variance + ε)` of each row.
    scales: Vec<f32>,
    /// `h`.
    out: Vec<f32>,
}

impl Through {
    fn new(states: &[f32], head: Head<'_>) -> Self {
        let hidden = head.bias.len();
        let before = linear(states, head.dense, head.bias);
        let mut normal: Vec<f32> = before.iter().map(|&a| gelu(a).0).collect();
        let scales = normal
            .chunks_exact_mut(hidden)
            .map(|row| normalise(row, head.eps))
            .collect();
        let out = normal
            .chunks_exact(hidden)
            .flat_map(|row| row.iter().zip(head.gain).zip(head.shift))
            .map(|((x, gain), shift)| x * gain + shift)
            .collect();
        Self {
            before,
            normal,
            scales,
            out,
        }
    }

    /// Adds the gradients of the head; returns those by the states.
    fn backward(
        self,
        states: &[f32],
        head: Head<'_>,
        back: &[f32],
        sum: &mut HeadSlopes,
    ) -> Vec<f32> {
        let hidden = head.bias.len();
        let mut slopes = vec![0.0f32; back.len()];
        let rows = (back.chunks_exact(hidden))
            .zip(self.normal.chunks_exact(hidden))
            .zip(self.scales);
        for (((back, normal), scale), slopes) in rows.zip(slopes.chunks_exact_mut(hidden)) {
            let (mut mean, mut along) = (0.0f64, 0.0f64);
            for k in 0..hidden {
                sum.shift[k] += back[k];
                sum.gain[k] += back[k] * normal[k];
                slopes[k] = back[k] * head.gain[k];
                mean += f64::from(slopes[k]);
                along += f64::from(slopes[k]) * f64::from(normal[k]);
            }
            let of_each = |sum: f64| single(sum / hidden as f64);
            let (mean, along) = (of_each(mean), of_each(along));
            for (slope, normal) in slopes.iter_mut().zip(normal) {
                *slope = scale * (*slope - mean - normal * along);
            }
        }
        for (slope, &a) in slopes.iter_mut().zip(&self.before) {
            *slope *= gelu(a).1;
        }
        let of_dense = linear_backward(states, head.dense, &slopes, hidden);
        for (sum, part) in [
            (&mut sum.dense, &of_dense.weight),
            (&mut sum.bias, &of_dense.bias),
        ] {
            sum.iter_mut().zip(part).for_each(|(s, g)| *s += g);
        }
        of_dense.input
    }
}

impl HeadSlopes {
    fn zeros(head: Head<'_>) -> Self {
        let hidden = head.bias.len();
        Self {
            dense: vec![0.0; head.dense.len()],
            bias: vec![0.0; hidden],
            gain: vec![0.0; hidden],
            shift: vec![0.0; hidden],
        }
    }
}

/// Takes the mean from a row and divides it by `√(variance + ε)`, whose inverse is returned.
fn normalise(row: &mut [f32], eps: f32) -> f32 {
    let n = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let apart = |x: f32| f64::from(x) - mean;
    let variance = row.iter().map(|&x| apart(x) * apart(x)).sum::<f64>() / n;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    row.iter_mut().for_each(|x| *x = single(apart(*x) * scale));
    single(scale)
}

/// `a Φ(a)` and its derivative `Φ(a) + a φ(a)`.
fn gelu(a: f32) -> (f32, f32) {
    let a = f64::from(a);
    let below = 0.5 * erfc(-a * std::f64::consts::FRAC_1_SQRT_2);
    let density = (-0.5 * a * a).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (single(a * below), single(below + a * density))
}

/// The complementary error function, its relative error below 1.2e-7 (Press et al., Numerical
/// Recipes, `erfcc`).
fn erfc(x: f64) -> f64 {
    const SERIES: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let power = SERIES.iter().fold(0.0, |sum, c| sum * t + c) - x * x;
    let tail = t * power.exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, near, number, places, section};

    #[test]
    fn the_head_and_its_gradients_are_those_of_bert() {
        let golden = section("vocabulary");
        let get = |name: &str| floats(&golden[name]);
        let (states, words, bias) = (get("states"), get("words"), get("bias"));
        let (dense, dense_bias) = (get("dense"), get("dense_bias"));
        let (gain, shift) = (get("gain"), get("shift"));
        let targets = places(&golden["targets"]);
        let head = Head {
            dense: &dense,
            bias: &dense_bias,
            gain: &gain,
            shift: &shift,
            eps: 1e-12,
        };
        for (name, head) in [("with", Some(head)), ("without", None)] {
            let got = vocabulary_cross_entropy(&Guesses {
                states: &states,
                targets: &targets,
                counts: &[],
                head,
                words: &words,
                bias: &bias,
                frozen_words: false,
            });
            let want = &golden[name];
            near(&[got.loss], &[number(&want["loss"])], name);
            near(&got.states, &floats(&want["states"]), "states");
            near(&got.words, &floats(&want["words"]), "words");
            near(&got.bias, &floats(&want["bias"]), "bias");
            if let Some(head) = got.head {
                near(&head.dense, &floats(&want["dense"]), "dense");
                near(&head.bias, &floats(&want["dense_bias"]), "dense bias");
                near(&head.gain, &floats(&want["gain"]), "gain");
                near(&head.shift, &floats(&want["shift"]), "shift");
            }
        }
    }

    #[test]
    fn bags_of_words_and_their_gradients_are_those_of_pytorch() {
        let golden = section("bag_of_words");
        let get = |name: &str| floats(&golden[name]);
        let (states, words, bias) = (get("states"), get("words"), get("bias"));
        let (dense, dense_bias) = (get("dense"), get("dense_bias"));
        let (targets, counts) = (places(&golden["targets"]), places(&golden["counts"]));
        let guesses = Guesses {
            states: &states,
            targets: &targets,
            counts: &counts,
            head: Some(Head {
                dense: &dense,
                bias: &dense_bias,
                gain: &[1.0; 8],
                shift: &[0.0; 8],
                eps: 1e-12,
            }),
            words: &words,
            bias: &bias,
            frozen_words: false,
        };
        let got = vocabulary_cross_entropy(&guesses);
        near(&[got.loss], &[number(&golden["loss"])], "loss");
        near(&got.states, &floats(&golden["states_gradient"]), "states");
        near(&got.words, &floats(&golden["words_gradient"]), "words");
        let head = got.head.clone().unwrap();
        near(&head.dense, &floats(&golden["dense_gradient"]), "dense");
        let frozen = vocabulary_cross_entropy(&Guesses {
            frozen_words: true,
            ..guesses
        });
        assert!(frozen.words.is_empty());
        assert_eq!(
            frozen,
            Vocabulary {
                words: Vec::new(),
                ..got
            }
        );
    }

    #[test]
    fn gelu_keeps_its_digits_in_the_tails() {
        // Values of a Φ(a) to ten digits.
        for (a, want) in [
            (0.0, 0.0),
            (1.0, 0.841_344_746_1),
            (-1.0, -0.158_655_253_9),
            (-5.0, -1.433_257_868_6e-6),
            (6.0, 5.999_999_994_1),
        ] {
            let got = f64::from(gelu(a).0);
            assert!((got - want).abs() <= 3e-7 * want.abs(), "{a}: {got}");
        }
    }

    #[test]
    fn blocks_of_states_change_nothing() {
        let (m, n, hidden) = (300, 11, 4);
        let values = |n: usize, step: f32| -> Vec<f32> {
            let at = |k: usize| (k as f32 * step).fract() - 0.5;
            (0..n).map(at).collect()
        };
        let (states, words) = (
            values(m * hidden, 0.618_034),
            values(n * hidden, 0.414_213_56),
        );
        let (dense, ones) = (values(hidden * hidden, 0.732_050_8), [1.0; 4]);
        let targets: Vec<u32> = (0..300).map(|r| r * 5 % 11).collect();
        let whole = Guesses {
            states: &states,
            targets: &targets,
            head: Some(Head {
                dense: &dense,
                bias: &[0.0; 4],
                gain: &ones,
                shift: &[0.0; 4],
                eps: 1e-5,
            }),
            words: &words,
            bias: &[0.0; 11],
            counts: &[],
            frozen_words: false,
        };
        let half = |from: usize| {
            vocabulary_cross_entropy(&Guesses {
                states: &states[from * hidden..][..150 * hidden],
                targets: &targets[from..][..150],
                ..whole
            })
        };
        let (one, other) = (half(0), half(150));
        let mean = |a: &[f32], b: &[f32]| -> Vec<f32> {
            a.iter().zip(b).map(|(a, b)| (a + b) / 2.0).collect()
        };
        let got = vocabulary_cross_entropy(&whole);
        near(&[got.loss], &[(one.loss + other.loss) / 2.0], "loss");
        near(&got.words, &mean(&one.words, &other.words), "words");
        let heads = [&got, &one, &other].map(|part| part.head.clone().unwrap());
        near(
            &heads[0].dense,
            &mean(&heads[1].dense, &heads[2].dense),
            "dense",
        );
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let again = pool.unwrap().install(|| vocabulary_cross_entropy(&whole));
            assert_eq!(again, got);
        }
    }
}
