//! Loss and gradients of a batch.
//!
//! A batch is cut into [`SHARDS`] parts that go through the network side by side, each a graph of
//! its own, since most of what a small network does between its products is one pass after another
//! over memory. The loss looks at all of them at once. Gradients are added in the order of the
//! parts, so that they do not depend on the number of threads.

use super::layout;
use super::network::{Network, Said, Shape, matrix};
use super::sequences::Batch;
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use semrec_train::{
    Dropout, Leaves, Parameters, TrainError, sampled_softmax_cross_entropy, softmax_cross_entropy,
    values,
};

/// Parts of a batch.
pub(crate) const SHARDS: usize = 4;

/// What a step of learning looks at besides the parameters.
pub(crate) struct Given<'a> {
    /// The parts of the batch.
    pub(crate) shards: &'a [Batch],
    /// `[items]`: what the part of each item's vector that is its own is multiplied by.
    pub(crate) own: Option<Vec<f32>>,
    /// What the items say.
    pub(crate) said: &'a Said,
    /// Items that stand for all others; empty: all do.
    pub(crate) negatives: &'a [u32],
    /// Seed, number of the step and share of dropout.
    pub(crate) dropout: (u64, u64, f32),
}

/// A part that went through the network.
struct Passed {
    leaves: Leaves,
    /// `[rows * length, dim]`
    input: Tensor<2>,
    /// `[places, dim]`
    states: Tensor<2>,
    values: Vec<f32>,
}

/// The mean loss over the places of the batch, and its gradient by each array of the layout.
///
/// # Errors
/// [`TrainError::Device`] if the device fails.
pub(crate) fn gradients(
    shape: &Shape,
    parameters: &Parameters,
    given: &Given<'_>,
    device: &Device,
) -> Result<(f32, Vec<Vec<f32>>), TrainError> {
    let d = shape.dim;
    let n_table = layout::of_items(shape);
    let of_items = parameters.leaves_of(0..n_table, device);
    let own = given.own.as_ref().map(|own| matrix(own, 1, device));
    let table = Network::new(shape, parameters, &of_items, device).table(own, given.said);
    let rows = values(table.clone().inner())?;
    let row = |item: u32| &rows[item as usize * d..][..d];
    let passed = given
        .shards
        .par_iter()
        .enumerate()
        .map(|(k, batch)| {
            let leaves = parameters.leaves_of(n_table..parameters.arrays().len(), device);
            let input = matrix(&look_up(row, &batch.items), d, device).require_grad();
            let (seed, step, share) = given.dropout;
            let mut dropout = Dropout::new(seed, step * SHARDS as u64 + k as u64, share, device);
            let network = Network::new(shape, parameters, &leaves, device);
            let states = network.states(input.clone(), batch, &mut dropout)?;
            let values = values(states.clone().inner())?;
            Ok(Passed {
                leaves,
                input,
                states,
                values,
            })
        })
        .collect::<Result<Vec<Passed>, TrainError>>()?;
    let hidden = passed.iter().flat_map(|p| &p.values).copied();
    let hidden: Vec<f32> = hidden.collect();
    let targets = given.shards.iter().flat_map(|b| &b.targets).copied();
    let targets: Vec<u32> = targets.collect();
    let mut loss = if given.negatives.is_empty() {
        softmax_cross_entropy(&hidden, &rows, &targets, d)
    } else {
        sampled_softmax_cross_entropy(&hidden, &rows, (&targets, given.negatives), d)
    };
    let mut starts = vec![0];
    for part in &passed {
        starts.push(starts[starts.len() - 1] + part.values.len());
    }
    let back = passed
        .into_par_iter()
        .enumerate()
        .map(|(k, part)| {
            let slope = matrix(&loss.hidden[starts[k]..starts[k + 1]], d, device);
            // A linear function with the gradient that was computed: what backward passes on.
            let mut gradients = (part.states * slope).sum().backward();
            let input = match part.input.grad_remove(&mut gradients) {
                Some(gradient) => values(gradient)?,
                None => Vec::new(),
            };
            Ok((input, part.leaves.gradients(gradients)?))
        })
        .collect::<Result<Vec<_>, TrainError>>()?;
    let mut network: Vec<Vec<f32>> = Vec::new();
    for ((input, part), batch) in back.into_iter().zip(given.shards) {
        for (&item, gradient) in batch.items.iter().zip(input.chunks_exact(d)) {
            add(&mut loss.items[item as usize * d..][..d], gradient);
        }
        if network.is_empty() {
            network = part;
        } else {
            let sums = network.iter_mut().zip(&part);
            sums.for_each(|(sum, gradient)| add(sum, gradient));
        }
    }
    let slope = matrix(&loss.items, d, device);
    let mut all = of_items.gradients((table * slope).sum().backward())?;
    all.extend(network);
    Ok((loss.loss, all))
}

/// The rows of these items, one after the other.
pub(crate) fn look_up<'a>(row: impl Fn(u32) -> &'a [f32], items: &[u32]) -> Vec<f32> {
    items.iter().flat_map(|&item| row(item)).copied().collect()
}

fn add(to: &mut [f32], what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += w);
}
