//! AdaLoRA's budget of ranks: which of the triplets (a column of `P`, a `λ`, a row of `Q`) of all
//! changes `P·diag(λ)·Q` are worth keeping.
//!
//! For each value `w` with gradient `g`, after a step,
//!
//! ```text
//! I = |w g|,   Ī = β₁ Ī + (1 - β₁) I,   Ū = β₂ Ū + (1 - β₂) |I - Ī|,   s = Ī Ū
//! score of a triplet = s(λ) + mean of s over its column of P + mean of s over its row of Q
//! ```
//!
//! The budget is all triplets until the start, goes down with a cube until the end, and is the
//! target from there on. At every `every`th step between, the `λ` of the triplets beyond the budget
//! become 0; they may come back until the end begins, when what is cut stays cut. Besides, `P` and
//! `Q` are kept orthogonal by `γ` times the mean over them of `‖PᵀP - I‖` and `‖QQᵀ - I‖`.
//!
//! Zhang et al. 2023; the details are those of peft's `RankAllocator` (the paper squares the norms
//! of the penalty, peft does not). peft cannot cut nothing: its budget must be below all triplets;
//! here that is an empty cut. The state lies among the [`Parameters`], as arrays that get no
//! gradients, so that checkpoints hold it.

use crate::loss::single;
use crate::{AdaLora, FinetuneError};
use semrec_train::Parameters;

/// How many triplets may stay, by step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Budget {
    /// Triplets at the start, of all changes.
    pub(crate) initial: usize,
    /// Triplets at the end.
    pub(crate) target: usize,
    /// Steps before ranks are cut.
    pub(crate) start: u64,
    /// Steps at the end without cuts.
    pub(crate) end: u64,
    /// Steps between two cuts.
    pub(crate) every: u64,
    /// Steps in all.
    pub(crate) steps: u64,
}

impl Budget {
    /// The budget of a run of so many steps that trains so many changes.
    pub(crate) fn new(config: &AdaLora, changes: usize, steps: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the steps"
        )]
        let share = |share: f32| (f64::from(share) * steps as f64).round() as u64;
        Self {
            initial: config.lora.rank * changes,
            target: config.target_rank * changes,
            start: share(config.start),
            end: share(config.end),
            every: config.every.max(1),
            steps,
        }
    }

    /// Triplets that may stay after a step, counted from 1.
    pub(crate) fn at(&self, step: u64) -> usize {
        let last = self.last_cut();
        if step >= last {
            return self.target;
        }
        if step <= self.start {
            return self.initial;
        }
        let left = 1.0 - (step - self.start) as f64 / (last - self.start) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded down, as peft does"
        )]
        let more =
            ((self.initial - self.target) as f64 * left.powi(3) + self.target as f64) as usize;
        more
    }

    /// The step after which what is cut stays cut.
    fn last_cut(&self) -> u64 {
        self.steps.saturating_sub(self.end)
    }
}

/// One array of a change: where it lies among the parameters, and where its state does.
#[derive(Clone, Copy, Debug)]
struct Place {
    values: usize,
    mean: usize,
    uncertainty: usize,
}

/// A change `P·diag(λ)·Q`: where its arrays and their state lie among the parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    p: Place,
    lambda: Place,
    q: Place,
    /// 1 for a triplet that stays, 0 for one that is cut, `[rank]`.
    kept: usize,
}

impl Change {
    /// Adds the state of a change to the parameters that hold `P`, `[out, rank]`, `λ`, `[rank]`,
    /// and `Q`, `[rank, in]`, at these places.
    ///
    /// # Errors
    /// [`FinetuneError::Train`] if it has been added before.
    ///
    /// # Panics
    /// If there are no such places.
    pub(crate) fn add(
        parameters: &mut Parameters,
        [p, lambda, q]: [usize; 3],
    ) -> Result<Self, FinetuneError> {
        let mut place = |values: usize| -> Result<Place, FinetuneError> {
            let array = &parameters.arrays()[values];
            let (name, shape) = (array.name.clone(), array.shape.clone());
            let zeros = vec![0.0; array.values.len()];
            let mut add = |what: &str| {
                parameters.add(&format!("{name}.{what}"), &shape, zeros.clone(), false)
            };
            Ok(Place {
                values,
                mean: add("importance")?,
                uncertainty: add("uncertainty")?,
            })
        };
        let (p, lambda, q) = (place(p)?, place(lambda)?, place(q)?);
        let array = &parameters.arrays()[lambda.values];
        let (name, rank) = (format!("{}.kept", array.name), array.values.len());
        let kept = parameters.add(&name, &[rank], vec![1.0; rank], false)?;
        Ok(Self { p, lambda, q, kept })
    }

    /// The scores of the triplets, `[rank]`.
    fn scores(&self, values: &[Vec<f32>]) -> Vec<f32> {
        let rank = values[self.lambda.values].len();
        let of = |place: Place| {
            let (mean, apart) = (&values[place.mean], &values[place.uncertainty]);
            mean.iter().zip(apart).map(|(m, u)| f64::from(m * u))
        };
        let mut sums = vec![0.0f64; rank];
        let out = values[self.p.values].len() / rank;
        for (k, s) in of(self.p).enumerate() {
            sums[k % rank] += s / out as f64;
        }
        let inputs = values[self.q.values].len() / rank;
        for (k, s) in of(self.q).enumerate() {
            sums[k / inputs] += s / inputs as f64;
        }
        let all = sums.iter().zip(of(self.lambda));
        all.map(|(s, l)| single(s + l)).collect()
    }
}

/// Takes note of a step that was made, and cuts what is beyond the budget. `values` are those of
/// all parameters (a [`Parameters::snapshot`], to be restored), `gradients` those of the step, which
/// counts from 1. Returns the number of triplets that stay, if some were cut.
///
/// # Panics
/// If the values or gradients are not those of the changes' parameters.
pub(crate) fn allocate(
    changes: &[Change],
    (budget, config): (&Budget, &AdaLora),
    step: u64,
    values: &mut [Vec<f32>],
    gradients: &[Vec<f32>],
) -> Option<usize> {
    let last = budget.last_cut();
    if step > last {
        // What is cut got a gradient all the same.
        for change in changes {
            let kept = values[change.kept].clone();
            let lambda = &mut values[change.lambda.values];
            lambda.iter_mut().zip(kept).for_each(|(l, kept)| *l *= kept);
        }
        return None;
    }
    if step < last {
        for place in changes.iter().flat_map(|c| [c.p, c.lambda, c.q]) {
            note(place, (config.beta1, config.beta2), values, gradients);
        }
        if step <= budget.start || !step.is_multiple_of(budget.every) {
            return None;
        }
    }
    Some(cut(changes, budget.at(step), values))
}

/// Updates the importance and the uncertainty of each value of an array.
fn note(place: Place, (b1, b2): (f32, f32), values: &mut [Vec<f32>], gradients: &[Vec<f32>]) {
    let mut means = std::mem::take(&mut values[place.mean]);
    let mut uncertainty = std::mem::take(&mut values[place.uncertainty]);
    let given = &gradients[place.values];
    assert!(
        given.is_empty() || given.len() == means.len(),
        "a gradient by each value"
    );
    for (k, (mean, apart)) in means.iter_mut().zip(&mut uncertainty).enumerate() {
        let gradient = given.get(k).copied().unwrap_or(0.0);
        let now = (values[place.values][k] * gradient).abs();
        *mean = b1 * *mean + (1.0 - b1) * now;
        *apart = b2 * *apart + (1.0 - b2) * (now - *mean).abs();
    }
    values[place.mean] = means;
    values[place.uncertainty] = uncertainty;
}

/// Sets the `λ` of all but the best triplets to 0; of equal ones at the edge all go.
fn cut(changes: &[Change], budget: usize, values: &mut [Vec<f32>]) -> usize {
    let scores: Vec<Vec<f32>> = changes.iter().map(|c| c.scores(values)).collect();
    let mut all: Vec<f32> = scores.concat();
    let surplus = all.len().saturating_sub(budget);
    let edge = match surplus {
        0 => f32::NEG_INFINITY,
        _ => *all.select_nth_unstable_by(surplus - 1, f32::total_cmp).1,
    };
    let mut left = 0;
    for (change, scores) in changes.iter().zip(scores) {
        let stays: Vec<bool> = scores.iter().map(|&s| s > edge).collect();
        left += stays.iter().filter(|&&stays| stays).count();
        let kept = stays.iter().map(|&stays| f32::from(u8::from(stays)));
        values[change.kept] = kept.collect();
        let lambda = values[change.lambda.values].iter_mut();
        for (lambda, _) in lambda.zip(stays).filter(|(_, stays)| !stays) {
            *lambda = 0.0;
        }
    }
    left
}

/// The penalty `γ · mean over all P and Q of ‖PᵀP - I‖ and ‖QQᵀ - I‖` of changes, whose gradient is
/// added to `gradients` (those of all parameters; an empty one is filled first).
///
/// # Panics
/// If the gradients are not of these parameters.
pub(crate) fn orthogonality(
    changes: &[Change],
    gamma: f32,
    parameters: &Parameters,
    gradients: &mut [Vec<f32>],
) -> f32 {
    let weight = gamma / (2 * changes.len()).max(1) as f32;
    let mut sum = 0.0;
    for change in changes {
        let rank = parameters.arrays()[change.lambda.values].values.len();
        for (place, by_columns) in [(change.p.values, true), (change.q.values, false)] {
            let values = &parameters.arrays()[place].values;
            let gradient = &mut gradients[place];
            gradient.resize(values.len(), 0.0);
            let length = values.len() / rank;
            // Vector k of the rank, its place i: columns of P, rows of Q.
            let at = |k: usize, i: usize| match by_columns {
                true => i * rank + k,
                false => k * length + i,
            };
            sum += apart(values, gradient, (rank, length), weight, at);
        }
    }
    sum * weight
}

/// `‖V·Vᵀ - I‖` of the vectors of a matrix; its gradient `2 (V·Vᵀ - I)·V/‖·‖`, times a weight, is
/// added.
fn apart(
    values: &[f32],
    gradient: &mut [f32],
    (rank, length): (usize, usize),
    weight: f32,
    at: impl Fn(usize, usize) -> usize,
) -> f32 {
    let mut products = vec![0.0f64; rank * rank];
    for k in 0..rank {
        for l in 0..rank {
            let both =
                (0..length).map(|i| f64::from(values[at(k, i)]) * f64::from(values[at(l, i)]));
            products[k * rank + l] = both.sum::<f64>() - f64::from(u8::from(k == l));
        }
    }
    let norm = products.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > 0.0 {
        let scale = 2.0 * f64::from(weight) / norm;
        for k in 0..rank {
            for i in 0..length {
                let of = |l: usize| products[k * rank + l] * f64::from(values[at(l, i)]);
                gradient[at(k, i)] += single(scale * (0..rank).map(of).sum::<f64>());
            }
        }
    }
    single(norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::golden::{floats, near, number, places, section};
    use crate::{Lora, Target};
    use semrec_train::TrainError;
    use serde_json::Value;

    /// Two changes as peft's test run has them: `P` `[out, 4]`, `λ`, `Q` `[4, in]`.
    fn model(golden: &Value) -> Result<(Parameters, Vec<Change>), FinetuneError> {
        let mut parameters = Parameters::default();
        let mut at = Vec::new();
        for (name, array) in golden["arrays"].as_object().unwrap() {
            let shape: Vec<usize> = (places(&array["shape"]).into_iter())
                .map(|n| n as usize)
                .collect();
            at.push(parameters.add(name, &shape, floats(&array["values"]), true)?);
        }
        let changes = at
            .chunks(3)
            .map(|of| Change::add(&mut parameters, [of[0], of[1], of[2]]))
            .collect::<Result<_, _>>()?;
        Ok((parameters, changes))
    }

    fn config() -> AdaLora {
        AdaLora {
            lora: Lora {
                rank: 4,
                targets: vec![Target::Query],
                ..Lora::default()
            },
            target_rank: 2,
            start: 0.2,
            end: 0.3,
            every: 2,
            beta1: 0.85,
            beta2: 0.8,
            orthogonal: 0.5,
        }
    }

    #[test]
    fn budgets_and_cuts_are_those_of_peft() {
        let golden = section("adalora");
        let (mut parameters, changes) = model(&golden).unwrap();
        let config = config();
        let budget = Budget::new(&config, 2, 20);
        assert_eq!((budget.start, budget.end), (4, 6));
        for (step, want) in (1..).zip(golden["steps"].as_array().unwrap()) {
            assert_eq!(budget.at(step) as u64, want["budget"].as_u64().unwrap());
            // Values after the optimiser's step, as peft is told of them.
            let mut values = parameters.snapshot();
            let mut gradients = vec![Vec::new(); values.len()];
            for (k, array) in want["arrays"].as_array().unwrap().iter().enumerate() {
                values[k] = floats(&array["values"]);
                gradients[k] = floats(&array["gradient"]);
            }
            let context = (&budget, &config);
            allocate(&changes, context, step, &mut values, &gradients);
            for (change, want) in changes.iter().zip(want["after"].as_array().unwrap()) {
                let name = format!("step {step}");
                near(
                    &values[change.lambda.values],
                    &floats(&want["lambda"]),
                    &name,
                );
                if !want["scores"].is_null() {
                    near(&change.scores(&values), &floats(&want["scores"]), &name);
                }
            }
            parameters.restore(values);
        }
    }

    #[test]
    fn the_penalty_and_its_gradient_are_those_of_peft() {
        let golden = section("adalora");
        let (parameters, changes) = model(&golden).unwrap();
        let mut gradients = vec![Vec::new(); parameters.arrays().len()];
        let got = orthogonality(&changes, 0.5, &parameters, &mut gradients);
        let want = &golden["penalty"];
        near(&[got], &[number(&want["loss"])], "penalty");
        for (name, want) in want["gradients"].as_object().unwrap() {
            let place = parameters.arrays().iter().position(|p| p.name == *name);
            near(&gradients[place.unwrap()], &floats(want), name);
        }
        assert!(gradients[changes[0].lambda.values].is_empty());
    }

    #[test]
    fn a_budget_of_everything_cuts_nothing() {
        let (mut parameters, changes) = model(&section("adalora")).unwrap();
        let config = AdaLora {
            target_rank: 4,
            ..config()
        };
        let budget = Budget::new(&config, 2, 20);
        let mut values = parameters.snapshot();
        let none = vec![Vec::new(); values.len()];
        let left = allocate(&changes, (&budget, &config), 14, &mut values, &none);
        assert_eq!(left, Some(8));
        assert_eq!(values, parameters.snapshot());
        let again = Change::add(&mut parameters, [0, 1, 2]);
        assert!(matches!(
            again,
            Err(FinetuneError::Train(TrainError::Parameter { .. }))
        ));
    }
}
