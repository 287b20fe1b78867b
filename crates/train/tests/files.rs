//! The files of a run: its curve, byte for byte as TensorBoard's own writer has it
//! (`golden/curve.py`), and its checkpoint, whole, of another run, and damaged.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_train::{Checkpoint, Curve, Parameters, Point, Stopping};
use std::path::Path;

fn point(step: u64, epoch: u64, name: &str, value: f64, after: f64) -> Point {
    Point {
        step,
        epoch,
        name: name.to_owned(),
        value,
        time: 1.5e9 + after,
    }
}

#[test]
fn a_curve_is_the_event_file_of_tensorboard_and_a_csv_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut curve = Curve::open(dir.path(), 1.5e9).unwrap();
    curve.add(&[point(7, 1, "train/loss", 6.25, 1.0)]).unwrap();
    let mut again = Curve::open(dir.path(), 1.6e9).unwrap();
    let ndcg = point(300, 2, "validation/ndcg@10", 0.0796, 2.5);
    again.add(&[ndcg]).unwrap();
    let events = std::fs::read(dir.path().join("events.out.tfevents.semrec")).unwrap();
    assert_eq!(events, include_bytes!("golden/curve.tfevents"));
    assert_eq!(
        std::fs::read_to_string(dir.path().join("curve.csv")).unwrap(),
        "step,epoch,name,value\n7,1,train/loss,6.25\n300,2,validation/ndcg@10,0.0796\n"
    );
}

fn parameters(values: &[f32]) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.add("a", &[2, 2], values.to_vec(), true).unwrap();
    parameters
}

fn checkpoint(path: &Path) -> Checkpoint {
    let mut stopping = Stopping::new(3);
    let best = parameters(&[5.0, 6.0, 7.0, 8.0]);
    stopping.note(4, 0.5, &best);
    let state = Checkpoint {
        run: "this".to_owned(),
        epoch: 9,
        step: 90,
        best: stopping.best(),
        within: None,
    };
    let now = parameters(&[1.0, 2.0, 3.0, 4.0]);
    state.write(path, &now, &stopping).unwrap();
    state
}

#[test]
fn a_checkpoint_brings_back_values_and_the_best_epoch_of_its_own_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    let mut found = parameters(&[0.0; 4]);
    let mut stopping = Stopping::new(3);
    assert_eq!(
        Checkpoint::read(&path, "this", &mut found, &mut stopping).unwrap(),
        None
    );
    let written = checkpoint(&path);
    assert_eq!(
        Checkpoint::read(&path, "other", &mut found, &mut stopping).unwrap(),
        None
    );
    assert_eq!(
        found.arrays()[0].values,
        [0.0; 4],
        "another run's is left alone"
    );
    let read = Checkpoint::read(&path, "this", &mut found, &mut stopping).unwrap();
    assert_eq!(read, Some(written));
    assert_eq!(found.arrays()[0].values, [1.0, 2.0, 3.0, 4.0]);
    stopping.note(7, 0.4, &found);
    assert!(
        !stopping.is_over(6) && stopping.is_over(7),
        "three epochs after the best"
    );
    stopping.restore(&mut found);
    assert_eq!(found.arrays()[0].values, [5.0, 6.0, 7.0, 8.0]);
}

#[test]
fn a_damaged_checkpoint_is_an_error_that_names_the_file_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint.safetensors");
    checkpoint(&path);
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 30, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mut found = parameters(&[0.0; 4]);
        let error = Checkpoint::read(&path, "this", &mut found, &mut Stopping::new(3));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("checkpoint.safetensors"), "{error}");
        assert!(
            error.contains("remove the file to train from the start"),
            "{error}"
        );
        assert_eq!(found, parameters(&[0.0; 4]));
    }
    std::fs::write(&path, &whole).unwrap();
    let mut wider = Parameters::default();
    wider.add("a", &[6], vec![0.0; 6], true).unwrap();
    let error = Checkpoint::read(&path, "this", &mut wider, &mut Stopping::new(3));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("value.a does not hold 6 f32")
    );
}
