//! From the states of the tokens to the vector of the text: pooling, linear layers, the cut to
//! fewer dimensions, and scaling to length 1, `v = z/|z|` with `∂z = (∂v - v·(v·∂v))/|z|`.

use super::drops::NONE;
use super::linear::{Context, Linear};
use super::products::Into;
use super::slot::Local;
use crate::Sequence;
use semrec_text::{Activate, Pooling};
use semrec_train::Parameters;

/// A stage behind the pooling.
#[derive(Debug)]
pub(super) enum Stage {
    Dense { layer: Linear, activation: Activate },
    Normalize,
}

/// What follows the transformer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) hidden: usize,
    pub(super) pooling: Pooling,
    pub(super) stages: Vec<Stage>,
    pub(super) dim: usize,
}

/// Values before each stage, and before the last scaling.
#[derive(Debug)]
pub(super) struct HeadTape(Vec<Vec<f32>>);

impl Head {
    /// Values that a tape keeps of a text.
    pub(super) fn kept(&self) -> usize {
        let (mut kept, mut width) = (0, self.hidden);
        for stage in &self.stages {
            kept += width;
            if let Stage::Dense { layer, .. } = stage {
                width = layer.outputs;
            }
        }
        kept + width
    }

    /// States that lie end to end, pooled: `[n, hidden]`.
    pub(super) fn pool(&self, lengths: &[usize], states: &[f32]) -> Vec<f32> {
        let mut rows = vec![0.0; lengths.len() * self.hidden];
        let mut rest = states;
        for (row, &len) in rows.chunks_exact_mut(self.hidden).zip(lengths) {
            let (own, next) = rest.split_at(len * self.hidden);
            self.pooling.pool(own, row);
            rest = next;
        }
        rows
    }

    /// Unit vectors, `[n, dim]`, of pooled states of sequences, `[n, hidden]`; zero for one without
    /// tokens.
    pub(super) fn forward(
        &self,
        parameters: &Parameters,
        (pooled, sequences): (&[f32], &[Sequence]),
    ) -> (Vec<f32>, HeadTape) {
        let n = sequences.len();
        let mut rows = pooled.to_vec();
        let mut kept = Vec::with_capacity(self.stages.len() + 1);
        for stage in &self.stages {
            let next = match stage {
                Stage::Dense { layer, activation } => {
                    let mut out = vec![0.0; n * layer.outputs];
                    let on = context(parameters, n);
                    layer.forward(on, &rows, (&mut out, layer.outputs));
                    out.iter_mut().for_each(|x| *x = activate(*activation, *x));
                    out
                }
                Stage::Normalize => {
                    let width = rows.len() / n.max(1);
                    unit(&rows, width.max(1), width)
                }
            };
            kept.push(std::mem::replace(&mut rows, next));
        }
        let width = (rows.len() / n.max(1)).max(1);
        for (row, sequence) in rows.chunks_exact_mut(width).zip(sequences) {
            if sequence.is_empty() {
                row.fill(0.0);
            }
        }
        let out = unit(&rows, width, self.dim);
        kept.push(rows);
        (out, HeadTape(kept))
    }

    /// The gradient by the pooled states, `[n, hidden]`, of that by the vectors, `[n, dim]`.
    pub(super) fn backward(
        &self,
        parameters: &Parameters,
        tape: &HeadTape,
        slope: &[f32],
        local: &mut Local,
    ) -> Vec<f32> {
        let n = slope.len() / self.dim.max(1);
        let mut kept = tape.0.iter().rev();
        let last = kept.next().map_or(&[][..], |rows| rows);
        let mut slope = unit_backward(last, (last.len() / n.max(1)).max(1), slope, self.dim);
        let mut after = last;
        for (stage, rows) in self.stages.iter().rev().zip(kept) {
            let width = (rows.len() / n.max(1)).max(1);
            slope = match stage {
                Stage::Dense { layer, activation } => {
                    for (s, &y) in slope.iter_mut().zip(after) {
                        *s *= activation_slope(*activation, y);
                    }
                    let mut back = vec![0.0; rows.len()];
                    let on = context(parameters, n);
                    let to = (&mut back[..], Into::Replace);
                    layer.backward(on, (rows, &slope, layer.outputs), to, local);
                    back
                }
                Stage::Normalize => unit_backward(rows, width, &slope, width),
            };
            after = rows;
        }
        slope
    }

    /// The gradient by states that lie end to end, of that by what they are pooled to. Only the
    /// pooling by the largest asks for the states.
    pub(super) fn unpool(&self, (lengths, states): (&[usize], &[f32]), slope: &[f32]) -> Vec<f32> {
        let h = self.hidden;
        let mut out = vec![0.0; lengths.iter().sum::<usize>() * h];
        let mut first = 0;
        for (slope, &len) in slope.chunks_exact(h).zip(lengths) {
            let own = &mut out[first * h..(first + len) * h];
            let n = len as f32;
            let mut all = |weight: &dyn Fn(usize) -> f32| {
                for (i, row) in own.chunks_exact_mut(h).enumerate() {
                    let weight = weight(i);
                    row.iter_mut().zip(slope).for_each(|(o, s)| *o = weight * s);
                }
            };
            match self.pooling {
                Pooling::Mean => all(&|_| 1.0 / n),
                Pooling::MeanSqrtLen => all(&|_| 1.0 / n.sqrt()),
                Pooling::WeightedMean => all(&|i| (i + 1) as f32 / (n * (n + 1.0) / 2.0)),
                Pooling::First => all(&|i| f32::from(i == 0)),
                Pooling::Last => all(&|i| f32::from(i + 1 == len)),
                Pooling::Max => {
                    let states = &states[first * h..(first + len) * h];
                    for (k, s) in slope.iter().enumerate() {
                        let of = |i: &usize| states[i * h + k];
                        let best = (0..len).max_by(|i, j| of(i).total_cmp(&of(j)));
                        if let Some(best) = best {
                            own[best * h + k] = *s;
                        }
                    }
                }
            }
            first += len;
        }
        out
    }
}

/// Of a linear layer over rows of whole texts, where nothing is dropped.
pub(super) fn context(parameters: &Parameters, rows: usize) -> Context<'_> {
    Context {
        parameters,
        drops: &NONE,
        layer: 0,
        rows,
    }
}

fn activate(activation: Activate, x: f32) -> f32 {
    match activation {
        Activate::Identity => x,
        Activate::Tanh => x.tanh(),
        Activate::Relu => x.max(0.0),
    }
}

/// The slope of an activation by its value.
fn activation_slope(activation: Activate, y: f32) -> f32 {
    match activation {
        Activate::Identity => 1.0,
        Activate::Tanh => 1.0 - y * y,
        Activate::Relu => f32::from(y > 0.0),
    }
}

/// The first `dim` values of each row at length 1; zero stays zero.
fn unit(rows: &[f32], width: usize, dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len() / width * dim);
    for row in rows.chunks_exact(width) {
        let row = &row[..dim];
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        out.extend(row.iter().map(|x| x * scale));
    }
    out
}

fn unit_backward(rows: &[f32], width: usize, slope: &[f32], dim: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    let slopes = slope.chunks_exact(dim.max(1));
    for ((out, row), slope) in out
        .chunks_exact_mut(width)
        .zip(rows.chunks_exact(width))
        .zip(slopes)
    {
        let row = &row[..dim];
        let square = row.iter().map(|x| x * x).sum::<f32>();
        if square == 0.0 {
            continue;
        }
        let length = square.sqrt();
        let along = row.iter().zip(slope).map(|(x, s)| x * s).sum::<f32>() / square;
        for ((out, x), s) in out.iter_mut().zip(row).zip(slope) {
            *out = (s - x * along) / length;
        }
    }
    out
}
