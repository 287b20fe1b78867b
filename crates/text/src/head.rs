//! From the vectors of the tokens to the vector of the text: pooling, the modules behind it, the
//! cut to fewer dimensions (Matryoshka, Kusupati et al. 2022), and scaling to length 1.

use crate::TextError;
use crate::compute::{Finish, Kernels, Linear, LinearScratch};
use crate::pooling::Pooling;
use crate::settings::{Activate, DenseConfig, Settings, Step};
use crate::vectors::to_unit_length;
use crate::weights::Weights;

/// What follows the transformer.
#[derive(Debug)]
pub(crate) struct Head {
    /// Length of a token's vector.
    hidden: usize,
    pooling: Pooling,
    stages: Vec<Stage>,
    dim: usize,
}

#[derive(Debug)]
enum Stage {
    Dense {
        layer: Linear,
        activation: Activate,
        parameters: usize,
    },
    Normalize,
}

impl Head {
    /// Reads the weights, if there are any.
    pub(crate) fn load(settings: &Settings, kernels: Kernels) -> Result<Self, TextError> {
        let mut stages = Vec::new();
        let mut width = settings.shape.hidden;
        for step in &settings.steps {
            stages.push(match step {
                Step::Dense(config) => {
                    width = config.outputs;
                    dense(config, kernels)?
                }
                Step::Normalize => Stage::Normalize,
            });
        }
        Ok(Self {
            hidden: settings.shape.hidden,
            pooling: settings.pooling,
            stages,
            dim: settings
                .reading
                .truncate
                .map_or(width, |cut| cut.min(width)),
        })
    }

    /// Length of a text's vector.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Number of weights.
    pub(crate) fn parameters(&self) -> usize {
        let of = |stage: &Stage| match stage {
            Stage::Dense { parameters, .. } => *parameters,
            Stage::Normalize => 0,
        };
        self.stages.iter().map(of).sum()
    }

    /// The unit vectors of some sequences, `[n, dim]`, from those of their tokens, which lie end
    /// to end; zero for a sequence without tokens.
    pub(crate) fn apply(&self, sequences: &[&[u32]], mut states: &[f32]) -> Vec<f32> {
        // A few rows now and then are not worth a buffer that lasts.
        let scratch = &mut LinearScratch::default();
        let mut width = self.hidden;
        let mut rows = vec![0.0; sequences.len() * width];
        for (sequence, row) in sequences.iter().zip(rows.chunks_exact_mut(width)) {
            let (own, rest) = states.split_at(sequence.len() * width);
            states = rest;
            self.pooling.pool(own, row);
        }
        for stage in &self.stages {
            match stage {
                Stage::Dense {
                    layer, activation, ..
                } => {
                    width = layer.outputs();
                    let mut out = vec![0.0; sequences.len() * width];
                    layer.apply(&rows, &mut out, Finish::Store, scratch);
                    out.iter_mut().for_each(|x| *x = activate(*activation, *x));
                    rows = out;
                }
                Stage::Normalize => rows.chunks_exact_mut(width).for_each(to_unit_length),
            }
        }
        let mut cut = Vec::with_capacity(sequences.len() * self.dim);
        for (sequence, row) in sequences.iter().zip(rows.chunks_exact_mut(width)) {
            let row = &mut row[..self.dim];
            if sequence.is_empty() {
                // A layer's biases would make something of nothing.
                row.fill(0.0);
            }
            to_unit_length(row);
            cut.extend_from_slice(row);
        }
        cut
    }
}

fn dense(config: &DenseConfig, kernels: Kernels) -> Result<Stage, TextError> {
    let weights = Weights::open(&config.file)?;
    let weight = weights.matrix("linear.weight", [config.outputs, config.inputs])?;
    let bias = if config.bias {
        weights.tensor("linear.bias", &[config.outputs])?
    } else {
        vec![0.0; config.outputs]
    };
    let biases = if config.bias { bias.len() } else { 0 };
    Ok(Stage::Dense {
        parameters: weight.len() + biases,
        layer: Linear::pack(weight, bias, kernels),
        activation: config.activation,
    })
}

fn activate(activation: Activate, x: f32) -> f32 {
    match activation {
        Activate::Identity => x,
        Activate::Tanh => x.tanh(),
        Activate::Relu => x.max(0.0),
    }
}
