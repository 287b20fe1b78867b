//! Stored arrays come back as they were, and a damaged file is refused.

use semrec_models::{ModelError, Tensors, load};
use std::fs;
use std::sync::Arc;

fn some() -> Tensors {
    let mut tensors = Tensors::default();
    tensors
        .put_f32("a", &[2, 2], vec![1.0, -0.0, f32::NEG_INFINITY, 4.5])
        .expect("the shape fits");
    tensors
        .put_u32("b", &[3], vec![0, 7, u32::MAX])
        .expect("the shape fits");
    tensors
        .put_i64("empty", &[0, 5], vec![])
        .expect("the shape fits");
    tensors.put_text("note", "grüße");
    tensors
}

#[test]
fn everything_comes_back_and_equal_content_makes_equal_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1"), directory.path().join("2"));
    let mut whole = some();
    whole.put_with_prefix("part.", some());
    whole.write(&one).unwrap();
    let again = Tensors::read(&one).unwrap();
    again.write(&two).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    for tensors in [&again, &again.with_prefix("part.")] {
        assert_eq!(tensors.f32("a").unwrap(), some().f32("a").unwrap());
        assert_eq!(tensors.u32("b").unwrap().1, [0, 7, u32::MAX]);
        assert_eq!(tensors.shape("empty").unwrap(), [0, 5]);
        assert_eq!(tensors.text("note").unwrap(), "grüße");
    }
}

#[test]
fn a_large_array_is_shared_not_copied() {
    let values = Arc::new(vec![1.0f32; 600_000]);
    let mut tensors = Tensors::default();
    tensors
        .put_f32("x", &[600, 1000], Arc::clone(&values))
        .unwrap();
    let mut whole = Tensors::default();
    whole.put_with_prefix("p.", tensors);
    let part = whole.with_prefix("p.");
    assert!(Arc::ptr_eq(
        &part.shared_f32("x", &[600, 1000]).unwrap(),
        &values
    ));
    // Longer than the buffer a file goes through.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    whole.write(&path).unwrap();
    assert_eq!(
        Tensors::read(&path).unwrap().f32("p.x").unwrap().1,
        values.as_slice()
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let mut tensors = some();
    let message = |e: ModelError| e.to_string();
    assert_eq!(
        message(tensors.put_f32("c", &[3], vec![1.0]).unwrap_err()),
        "stored model: 'c' has 1 values; shape [3] expects another number"
    );
    assert!(message(tensors.put_f32("a", &[0], vec![]).unwrap_err()).contains("is stored already"));
    assert_eq!(
        message(tensors.u32("a").unwrap_err()),
        "stored model: 'a' holds F32; expected u32"
    );
    assert_eq!(
        message(tensors.shared_f32("a", &[4]).unwrap_err()),
        "stored model: 'a' has shape [2, 2]; expected [4]"
    );
    assert!(message(load(&tensors).unwrap_err()).contains("'model' is missing"));
    tensors.put_text("model", "oracle");
    assert!(message(load(&tensors).unwrap_err()).starts_with("'oracle' is no model"));
}

#[test]
fn a_damaged_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    some().write(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        matches!(Tensors::read(&path), Err(ModelError::Format { .. }))
    };
    for cut in [0, 7, 8, 20, good.len() - 1] {
        assert!(refused(&good[..cut]), "cut to {cut} bytes");
    }
    assert!(refused(&[good.as_slice(), b"x"].concat()));
    assert!(
        refused(&[0xff; 64]),
        "a header said to be of 2^64 - 1 bytes"
    );
    let foreign = br#"{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#;
    let length = u64::try_from(foreign.len()).unwrap().to_le_bytes();
    assert!(refused(&[length.as_slice(), foreign, &[0, 0]].concat()));
}
