//! The parameters of the network: their names, shapes and values at the start.

use super::network::{Block, Shape};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use semrec_train::{Parameters, TrainError};

/// Standard deviation of item vectors and positions at the start.
const START: f32 = 0.02;

/// One array of the network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

/// The values of an array at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Values {
    /// Drawn from a normal distribution of this deviation; weight decay applies.
    Normal(f32),
    /// This one; no weight decay.
    All(f32),
}

/// How many arrays make the items' vectors: the first ones of [`arrays`].
pub(crate) fn of_items(shape: &Shape) -> usize {
    usize::from(shape.ids) + usize::from(shape.text > 0) + usize::from(shape.units > 0)
}

/// The arrays of a network, in order.
pub(crate) fn arrays(shape: &Shape) -> Vec<Array> {
    let d = shape.dim;
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize], values: Values| {
        all.push(Array {
            name,
            shape: shape.to_vec(),
            values,
        });
    };
    if shape.ids {
        add("items".to_owned(), &[shape.items, d], Values::Normal(START));
    }
    if shape.text > 0 {
        add("text".to_owned(), &[shape.text, d], Values::Normal(START));
    }
    if shape.units > 0 {
        let vectors = [shape.units, d];
        add("semantic".to_owned(), &vectors, Values::Normal(START));
    }
    add(
        "positions".to_owned(),
        &[shape.length, d],
        Values::Normal(START),
    );
    let across = (1.0 / d as f32).sqrt();
    for b in 0..shape.blocks {
        let mut add =
            |part: &str, shape: &[usize], values| add(format!("block{b}.{part}"), shape, values);
        let fused = if shape.block == Block::Hstu {
            4 * d
        } else {
            3 * d
        };
        add("norm1.gain", &[d], Values::All(1.0));
        add("norm1.bias", &[d], Values::All(0.0));
        add("qkv", &[d, fused], Values::Normal(across));
        add("qkv.bias", &[fused], Values::All(0.0));
        add("distance", &[shape.heads, shape.length], Values::All(0.0));
        add("out", &[d, d], Values::Normal(across));
        add("norm2.gain", &[d], Values::All(1.0));
        add("norm2.bias", &[d], Values::All(0.0));
        if shape.block != Block::Hstu {
            add("up", &[d, 4 * d], Values::Normal(across));
            add("up.bias", &[4 * d], Values::All(0.0));
            add("down", &[4 * d, d], Values::Normal(0.5 * across));
            add("down.bias", &[d], Values::All(0.0));
        }
        if shape.block == Block::Frequency {
            add("share", &[d], Values::All(0.0));
            add("high", &[d], Values::All(0.5));
        }
        if shape.block == Block::Gated {
            add("gate1", &[d, d], Values::Normal(across));
            add("gate2", &[d, d], Values::Normal(across));
        }
    }
    add("norm.gain".to_owned(), &[d], Values::All(1.0));
    add("norm.bias".to_owned(), &[d], Values::All(0.0));
    all
}

/// A new network.
///
/// # Errors
/// None that a layout of [`arrays`] could cause.
pub(crate) fn start(shape: &Shape, rng: &mut ChaCha8Rng) -> Result<Parameters, TrainError> {
    let mut all = Parameters::default();
    for array in arrays(shape) {
        let n = array.shape.iter().product();
        let (values, decay) = match array.values {
            Values::Normal(deviation) => ((0..n).map(|_| deviation * normal(rng)).collect(), true),
            Values::All(value) => (vec![value; n], false),
        };
        all.add(&array.name, &array.shape, values, decay)?;
    }
    Ok(all)
}

/// The arrays of a layout out of a larger one.
///
/// # Errors
/// [`TrainError::Parameter`] if one is not there.
pub(crate) fn only(shape: &Shape, all: &Parameters) -> Result<Parameters, TrainError> {
    let mut some = Parameters::default();
    for array in arrays(shape) {
        let found = all.get(&array.name).ok_or_else(|| TrainError::Parameter {
            name: array.name.clone(),
            problem: "is missing".to_owned(),
        })?;
        some.add(&array.name, &array.shape, found.values.clone(), found.decay)?;
    }
    Ok(some)
}

/// A draw from the normal distribution (Box and Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}
