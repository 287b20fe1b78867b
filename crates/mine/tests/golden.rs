//! Silhouettes against scikit-learn's, by `crates/mine/tests/golden/make_silhouette.py`.

use semrec_mine::silhouettes;
use semrec_text::Vectors;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    dim: usize,
    rows: Vec<f32>,
    labels: Vec<u32>,
    silhouettes: Vec<f32>,
}

#[test]
fn silhouettes_are_those_of_scikit_learn() {
    let golden: Golden = serde_json::from_str(include_str!("golden/silhouette.json")).unwrap();
    let mut rows = Vectors::new(golden.dim, golden.rows);
    rows.normalise();
    let found = silhouettes(&rows, &golden.labels, 5);
    assert_eq!(found.len(), golden.silhouettes.len());
    for (row, (got, want)) in found.iter().zip(&golden.silhouettes).enumerate() {
        assert!(
            (got - want).abs() < 1e-4,
            "row {row}: {got}, expected {want}"
        );
    }
}
