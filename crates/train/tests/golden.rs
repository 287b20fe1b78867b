//! Losses, gradients and steps against PyTorch's, schedules against those of transformers:
//! `golden/generate.py` writes what is compared with.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_train::{
    Decay, Loss, Method, Optimiser, Parameters, Schedule, TrainError,
    sampled_softmax_cross_entropy, softmax_cross_entropy,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/training.json")).unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "what is compared is f32")]
fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap();
    values.iter().map(number).collect()
}

fn indices(value: &Value) -> Vec<u32> {
    let values = value.as_array().unwrap();
    values
        .iter()
        .map(|v| u32::try_from(v.as_u64().unwrap()).unwrap())
        .collect()
}

fn near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    for (k, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= 1e-5 * size,
            "{what} {k}: {g}, expected {w}"
        );
    }
}

fn same(loss: &Loss, golden: &Value) {
    near(&[loss.loss], &[number(&golden["loss"])], "loss");
    near(&loss.hidden, &floats(&golden["hidden_gradient"]), "hidden");
    near(&loss.items, &floats(&golden["items_gradient"]), "items");
}

#[test]
fn the_softmax_over_all_items_and_its_gradients_are_those_of_pytorch() {
    let golden = golden();
    let given = &golden["softmax"];
    let (hidden, items) = (floats(&given["hidden"]), floats(&given["items"]));
    let targets = indices(&given["targets"]);
    same(&softmax_cross_entropy(&hidden, &items, &targets, 5), given);
    let sampled = &golden["sampled"];
    let negatives = indices(&sampled["negatives"]);
    let loss = sampled_softmax_cross_entropy(&hidden, &items, (&targets, &negatives), 5);
    same(&loss, sampled);
}

fn follow(name: &str, optimiser: Optimiser, learning_rate: f32) {
    let golden = &golden()[name];
    let mut parameters = Parameters::default();
    parameters
        .add("a", &[3, 4], floats(&golden["a"]), true)
        .unwrap();
    parameters
        .add("b", &[5], floats(&golden["b"]), false)
        .unwrap();
    for step in 0..5usize {
        let gradients: Vec<Vec<f32>> = golden["gradients"][step]
            .as_array()
            .unwrap()
            .iter()
            .map(floats)
            .collect();
        let norm = optimiser
            .step(&mut parameters, &gradients, learning_rate, step as u64 + 1)
            .unwrap();
        near(&[norm], &[number(&golden["norms"][step])], "norm");
        for (array, want) in parameters
            .arrays()
            .iter()
            .zip(golden["after"][step].as_array().unwrap())
        {
            near(
                &array.values,
                &floats(want),
                &format!("{name} {} after step {step}", array.name),
            );
        }
    }
}

#[test]
fn adamw_and_sgd_take_the_steps_of_pytorch() {
    let adamw = Method::AdamW {
        beta1: 0.9,
        beta2: 0.98,
        eps: 1e-8,
    };
    let with = |method| Optimiser {
        method,
        weight_decay: 0.1,
        clip: 1.0,
    };
    follow("adamw", with(adamw), 0.01);
    follow("sgd", with(Method::Sgd { momentum: 0.9 }), 0.05);
}

#[test]
fn a_gradient_that_is_no_number_is_an_error_and_changes_nothing() {
    let mut parameters = Parameters::default();
    parameters.add("a", &[2], vec![1.0, 2.0], true).unwrap();
    let before = parameters.clone();
    let optimiser = Optimiser {
        method: Method::ADAMW,
        weight_decay: 0.1,
        clip: 0.0,
    };
    let error = optimiser.step(&mut parameters, &[vec![0.0, f32::NAN]], 0.1, 9);
    assert!(matches!(error, Err(TrainError::Diverged { step: 9, .. })));
    assert_eq!(parameters, before);
}

#[test]
fn schedules_are_those_of_transformers() {
    for (name, decay) in [("linear", Decay::Linear), ("cosine", Decay::Cosine)] {
        let schedule = Schedule {
            learning_rate: 0.3,
            warmup: 4,
            steps: 20,
            decay,
        };
        let rates: Vec<f32> = (1..=21).map(|step| schedule.at(step)).collect();
        near(&rates, &floats(&golden()["schedules"][name]), name);
    }
}
