//! What PyTorch and peft compute, written by `crates/finetune/tests/golden/objectives.py`.

use serde_json::Value;

/// One part of the file.
pub(crate) fn section(name: &str) -> Value {
    let text = include_str!("../../tests/golden/objectives.json");
    let mut all: Value = serde_json::from_str(text).unwrap();
    all[name].take()
}

#[expect(clippy::cast_possible_truncation, reason = "what is compared is f32")]
pub(crate) fn number(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap();
    values.iter().map(number).collect()
}

pub(crate) fn places(value: &Value) -> Vec<u32> {
    let values = value.as_array().unwrap();
    let place = |v: &Value| u32::try_from(v.as_u64().unwrap()).unwrap();
    values.iter().map(place).collect()
}

pub(crate) fn lists(value: &Value) -> Vec<Vec<u32>> {
    value.as_array().unwrap().iter().map(places).collect()
}

/// Within 1e-5 of the largest value.
pub(crate) fn near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    for (k, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= 1e-5 * size,
            "{what} {k}: {g}, expected {w}"
        );
    }
}
