//! What a Ctrl-C handler does. Alone in its process, because it concerns every open stage.

use semrec_data::{Staging, discard_stages};
use std::fs;

#[test]
fn an_interrupted_stage_vanishes_and_cannot_be_moved_into_place() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("shop");
    let first = Staging::new(&target, "dataset.toml").unwrap();
    fs::write(first.path().join("dataset.toml"), "old").unwrap();
    first.commit().unwrap();

    let second = Staging::new(&target, "dataset.toml").unwrap();
    fs::write(second.path().join("dataset.toml"), "new").unwrap();
    discard_stages();
    assert!(!second.path().exists());
    // A thread that was in the middle of it goes on writing.
    fs::create_dir(second.path()).unwrap();
    fs::write(second.path().join("dataset.toml"), "new").unwrap();
    let error = second.commit().unwrap_err().to_string();
    assert!(error.contains("interrupted"), "{error}");
    assert_eq!(
        fs::read_to_string(target.join("dataset.toml")).unwrap(),
        "old"
    );
}
