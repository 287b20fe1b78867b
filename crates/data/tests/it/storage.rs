//! The data set on disk: it comes back as it was, or with an error that says what is wrong.

use crate::scratch::{Scratch, events, texts};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use semrec_data::{Dataset, ImportOptions, ImportReport, import};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn saved() -> (Scratch, PathBuf) {
    let files = Scratch::new(&[
        (
            "items.csv",
            "item_id,title,genres,price,date\na,Füße,x|y,1.5,2020-01-01\nb,,,,\n".as_bytes(),
        ),
        (
            "log.csv",
            b"user_id,item_id,rating,timestamp,event,split\nu,a,4,1000000000,view,train\nu,c,1,1000000000,buy,test\nv,b,2,999999999,view,train\n",
        ),
    ]);
    let out = files.path("out");
    files
        .import("log.csv", "items.csv")
        .unwrap()
        .save(&out)
        .unwrap();
    (files, out)
}

#[test]
fn everything_comes_back() {
    let (files, out) = saved();
    let before = files.import("log.csv", "items.csv").unwrap();
    let after = Dataset::load(&out).unwrap();
    assert_eq!(events(&after), events(&before.dataset));
    assert_eq!(texts(&after), texts(&before.dataset));
    assert_eq!(after.items.fields, before.dataset.items.fields);
    assert_eq!(after.fingerprint, before.dataset.fingerprint);
    assert_eq!(after.kinds, ["view", "buy"]);
    assert_eq!(ImportReport::load(&out).unwrap(), before.report);
}

#[test]
fn items_alone_come_back_too() {
    let files = Scratch::new(&[("items.csv", b"item_id,title\na,One\nb,Two\n")]);
    let out = files.path("out");
    let options = ImportOptions {
        items: Some(files.path("items.csv")),
        ..ImportOptions::default()
    };
    let before = import(&options, &|_, _, _| ()).unwrap();
    before.save(&out).unwrap();
    let after = Dataset::load(&out).unwrap();
    assert_eq!(texts(&after), ["a: One", "b: Two"]);
    assert_eq!(after.fingerprint, before.dataset.fingerprint);
    assert_eq!((after.users.len(), after.interactions.len()), (0, 0));
    let nothing = import(&ImportOptions::default(), &|_, _, _| ());
    insta::assert_snapshot!(files.message(nothing), @"nothing to import: expected a file of interactions, of items, or both");
}

#[test]
fn the_fingerprint_sees_every_part() {
    let log = "user_id,item_id,rating,timestamp\nu,a,4,1000000000\nu,b,5,1000000001\n";
    let items = "item_id,title\na,One\nb,Two\n";
    let of = |log: &str, items: &str| {
        let files = Scratch::new(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
        files
            .import("log.csv", "items.csv")
            .unwrap()
            .dataset
            .fingerprint
    };
    let base = of(log, items);
    assert_eq!(base, of(log, items));
    for (log, items) in [
        (log.replace("u,b", "v,b"), items.to_owned()),
        (log.replace("a,4", "a,3"), items.to_owned()),
        (log.replace("1000000001", "1000000002"), items.to_owned()),
        (log.to_owned(), items.replace("One", "Oné")),
        (log.to_owned(), items.replace("title", "name")),
    ] {
        assert_ne!(base, of(&log, &items));
    }
}

fn overwrite(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A log like the saved one, with these items and values.
fn log(items: [&str; 3], values: [f32; 3]) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("user_id", text(&["u", "u", "v"])),
        ("item_id", text(&items)),
        ("value", Arc::new(Float32Array::from(values.to_vec()))),
        ("time", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("event", text(&["view", "buy", "view"])),
        ("split", text(&["train", "test", "train"])),
    ]
}

#[test]
fn damage_is_named() {
    type Damage = fn(&Path);
    let cases: &[(&str, Damage)] = &[
        ("no manifest", |d| {
            fs::remove_file(d.join("dataset.toml")).unwrap()
        }),
        ("manifest is no TOML", |d| {
            fs::write(d.join("dataset.toml"), "{").unwrap()
        }),
        ("another version", |d| {
            fs::write(d.join("dataset.toml"), "format = 9").unwrap()
        }),
        ("no items", |d| {
            fs::remove_file(d.join("items.parquet")).unwrap()
        }),
        ("cut file", |d| {
            let path = d.join("interactions.parquet");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("no column", |d| {
            overwrite(&d.join("users.parquet"), vec![("id", text(&["u", "v"]))]);
        }),
        ("wrong type", |d| {
            let ids = Arc::new(Int64Array::from(vec![1, 2]));
            overwrite(&d.join("users.parquet"), vec![("user_id", ids)]);
        }),
        ("too few rows", |d| {
            overwrite(&d.join("users.parquet"), vec![("user_id", text(&["u"]))]);
        }),
        ("an id twice", |d| {
            overwrite(
                &d.join("users.parquet"),
                vec![("user_id", text(&["u", "u"]))],
            );
        }),
        ("unknown item", |d| {
            overwrite(
                &d.join("interactions.parquet"),
                log(["a", "zz", "b"], [1.0; 3]),
            );
        }),
        ("not finite", |d| {
            overwrite(
                &d.join("interactions.parquet"),
                log(["a", "c", "b"], [1.0, f32::NAN, 1.0]),
            );
        }),
        ("other content", |d| {
            overwrite(
                &d.join("interactions.parquet"),
                log(["a", "b", "b"], [1.0; 3]),
            );
        }),
    ];
    let mut messages = String::new();
    for (name, damage) in cases {
        let (files, out) = saved();
        damage(&out);
        let message = files.message(Dataset::load(&out));
        messages.push_str(&format!("{name}: {message}\n"));
    }
    insta::assert_snapshot!(messages, @"
    no manifest: DIR/out: is no data set: there is no 'dataset.toml' in it; 'semrec import' makes one
    manifest is no TOML: DIR/out/dataset.toml: invalid key-value pair, expected key; import the data again
    another version: DIR/out/dataset.toml: has layout version 9, this semrec reads 1; import the data again
    no items: DIR/out/items.parquet: No such file or directory (os error 2)
    cut file: DIR/out/interactions.parquet: Parquet error: Invalid Parquet file. Corrupt footer; the file is damaged, import the data again
    no column: DIR/out/users.parquet: has no column 'user_id'; import the data again
    wrong type: DIR/out/users.parquet: column 'user_id' holds Int64, expected Utf8; import the data again
    too few rows: DIR/out/users.parquet: has 1 rows, 'dataset.toml' says 2; import the data again
    an id twice: DIR/out/users.parquet: row 1: the id 'u' is empty or a repetition; import the data again
    unknown item: DIR/out/interactions.parquet: row 1: the id 'zz' is not in 'items.parquet'; import the data again
    not finite: DIR/out/interactions.parquet: row 1: the value is NaN, expected a finite number; import the data again
    other content: DIR/out: was changed after it was imported: the fingerprint of its content is not the one in 'dataset.toml'; import the sources again
    ");
}

#[test]
fn what_is_no_data_set_is_neither_read_nor_replaced() {
    let (files, out) = saved();
    let import = files.import("log.csv", "items.csv").unwrap();
    let message = files.message(Dataset::load(&files.path("nowhere")));
    insta::assert_snapshot!(message, @"DIR/nowhere: does not exist; expected the directory of a data set, as 'semrec import' makes it");
    // The directory of the sources itself is not overwritten.
    let message = files.message(import.save(files.dir()));
    insta::assert_snapshot!(message, @"DIR: holds other files and no 'dataset.toml', so it is not replaced; name another directory, or empty this one");
    // Replacing a data set leaves nothing beside it.
    import.save(&out).unwrap();
    let mut left: Vec<_> = fs::read_dir(files.dir())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["items.csv", "log.csv", "out"]);
}
