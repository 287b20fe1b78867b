#![allow(missing_docs, clippy::all)]
use semrec_text::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    for (n, p, l) in [
        ("f16", Some(Precision::Half), None),
        ("int8", Some(Precision::Int8), None),
        ("l3int8", Some(Precision::Int8), Some(vec![0, 3, 5])),
    ] {
        let t = format!("{}/{}", a[2], n);
        let _ = std::fs::remove_dir_all(&t);
        convert(
            a[1].as_ref(),
            t.as_ref(),
            &Conversion {
                precision: p,
                layers: l,
                ..Default::default()
            },
        )
        .unwrap();
    }
}
