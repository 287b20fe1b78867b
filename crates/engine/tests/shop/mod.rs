//! A shop of kettles, lamps and chairs, and its bundle.

use semrec_data::{Dataset, FactSource, ImportOptions, ImportReport, import};
use semrec_engine::{Contents, EncoderInfo, save};
use semrec_models::{Horizon, Training, fit};
use semrec_text::{Encoder, Vectors};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Items of the shop.
pub(crate) const ITEMS: usize = 30;

/// A tiny encoder with a `Dense` module behind its pooling.
pub(crate) fn encoder() -> PathBuf {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../text");
    text.join("tests/golden/architectures/distilbert")
}

/// What item `i` says; every tenth says nothing.
pub(crate) fn title(i: usize) -> String {
    let kinds = ["kettle", "lamp", "chair"];
    match i % 10 {
        9 => String::new(),
        _ => format!("a {} for room {i}", kinds[i % 3]),
    }
}

/// A shop of 30 items, whose people buy three in a row, served by `content`. Its bundle, and the
/// vectors of the items.
pub(crate) fn bundle(dir: &Path) -> (PathBuf, Vectors) {
    bundle_of(dir, "content")
}

/// The same, served by another model.
pub(crate) fn bundle_of(dir: &Path, model_name: &str) -> (PathBuf, Vectors) {
    let mut items = "item_id,title\n".to_owned();
    let mut events = "user_id,item_id,timestamp\n".to_owned();
    for i in 0..ITEMS {
        writeln!(items, "i{i},{}", title(i)).unwrap();
        for e in 0..3 {
            writeln!(events, "u{i},i{},{}", (i + e) % ITEMS, 1000 + e).unwrap();
        }
    }
    std::fs::write(dir.join("items.csv"), items).unwrap();
    std::fs::write(dir.join("events.csv"), events).unwrap();
    let options = ImportOptions {
        items: Some(dir.join("items.csv")),
        ..ImportOptions::new(dir.join("events.csv"))
    };
    let imported = import(&options, &|_, _, _| {}).unwrap();
    let path = dir.join("bundle");
    let vectors = bundle_from(&imported.dataset, &imported.report, (model_name, &path));
    (path, vectors)
}

/// A bundle of a data set; the vectors of its items.
pub(crate) fn bundle_from(
    dataset: &Dataset,
    imported: &ImportReport,
    (model_name, path): (&str, &Path),
) -> Vectors {
    let model = Encoder::load(&encoder()).unwrap();
    let mut vectors = Vectors::zeros(dataset.items.len(), model.dim());
    for item in (0u32..).take(dataset.items.len()) {
        let text = dataset.items.text(item);
        if !text.is_empty() {
            let encoded = model.encode(&[text], &|_, _| {}).unwrap();
            vectors
                .row_mut(item as usize)
                .copy_from_slice(encoded.row(0));
        }
    }
    let training = Training {
        interactions: &dataset.interactions,
        item_vectors: Some(&vectors),
        item_facts: None,
        user_vectors: None,
        tower: None,
        horizon: Horizon::Later,
        seed: 1,
        run: None,
        progress: &|_, _, _| {},
    };
    let fitted = fit(model_name, &toml::Table::new(), &training).unwrap();
    let info = EncoderInfo {
        name: model.name().to_owned(),
        fingerprint: model.fingerprint().to_owned(),
    };
    let contents = Contents {
        dataset,
        imported,
        model: &*fitted,
        params: serde_json::json!({}),
        text: Some((&vectors, info, &encoder())),
        facts: FactSource::None,
        created: 0,
    };
    save(path, &contents).unwrap();
    vectors
}
