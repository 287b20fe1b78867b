//! Ids and texts of a file, row by row: which columns, what is refused, how far one is.

use crate::scratch::{Scratch, texts};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use semrec_data::{DataError, TextOptions, TextRow, TextSource};
use std::sync::Arc;

const EVENTS: &[u8] = b"user_id,sku,timestamp\nu,a,1\nu,b,2\nv,c,3\n";

/// The rows as `id: text`, with the columns they come from.
fn rows(options: &TextOptions) -> Result<(String, Vec<String>), DataError> {
    let source = TextSource::open(options)?;
    let fields: Vec<&str> = source.fields().collect();
    let columns = format!("{} < {}", source.id().unwrap_or("#"), fields.join(" "));
    let rows: Vec<TextRow> = source.rows()?.collect::<Result<_, _>>()?;
    let shown = rows.into_iter().map(|r| format!("{}: {}", r.id, r.text));
    Ok((columns, shown.collect()))
}

fn parquet(columns: Vec<(&str, Vec<Option<&str>>)>) -> Vec<u8> {
    let arrays = columns.into_iter().map(|(name, cells)| {
        let array: ArrayRef = Arc::new(StringArray::from(cells));
        (name, array, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::Page);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn which_columns_are_read() {
    let prose = "the best tea there is in words";
    for (content, id, text, expected) in [
        ("id,title\n7,Tea\n", "", "", "id < title"),
        ("title,sku\nTea,7\n", "", "", "sku < title"),
        ("customer_id,about\nc7,Tea\n", "", "", "customer_id < about"),
        ("title\nTea\n", "", "", "# < title"),
        // `content` is a name that ids go by too.
        (&format!("content\n{prose}\n"), "", "", "# < content"),
        (&format!("id,content\n1,{prose}\n"), "", "", "id < content"),
        ("id,sku,title\n1,7,Tea\n", "sku", "", "sku < title"),
        (
            "id,genre,title,plot\n1,A,B,C\n",
            "",
            "plot,title",
            "id < plot title",
        ),
        // Labels come after texts; numbers, pictures and addresses are not read.
        (
            "id,genre,title,price,image,url\n1,A,B,3,x.jpg,y\n",
            "",
            "",
            "id < title genre",
        ),
    ] {
        let files = Scratch::new(&[("texts.csv", content.as_bytes())]);
        let mut options = TextOptions::new(files.path("texts.csv"));
        options.id = (!id.is_empty()).then(|| id.to_owned());
        options.text = text.split_terminator(',').map(str::to_owned).collect();
        assert_eq!(rows(&options).unwrap().0, expected, "{content}");
    }
}

#[test]
fn a_row_says_what_it_says_in_a_data_set() {
    let csv = "sku,title,genres,plot\na,\"Tea, \"\"hot\"\".\",Food|Drink,\"one\ntwo\"\n\
        b,Tea,Drink|Food,Tea\nc,,,\n";
    let files = Scratch::new(&[("items.csv", csv.as_bytes()), ("events.csv", EVENTS)]);
    let import = files.import("events.csv", "items.csv").unwrap();
    let (columns, shown) = rows(&TextOptions::new(files.path("items.csv"))).unwrap();
    assert_eq!(columns, "sku < title plot genres");
    assert_eq!(shown, texts(&import.dataset));
    assert_eq!(
        shown,
        [
            "a: Tea, \"hot\". one\ntwo. Food, Drink",
            "b: Tea. Drink, Food",
            "c: "
        ]
    );
}

#[test]
fn parquet_with_nulls_counts_rows() {
    let bytes = parquet(vec![
        ("id", vec![Some("a"), Some("b"), Some("c")]),
        ("title", vec![Some("Tea"), None, Some("Jam")]),
        ("abstract", vec![None, None, Some("sweet")]),
    ]);
    let files = Scratch::new(&[("texts.parquet", &bytes)]);
    let options = TextOptions::new(files.path("texts.parquet"));
    assert_eq!(
        rows(&options).unwrap().1,
        ["a: Tea", "b: ", "c: Jam. sweet"]
    );
    let reading = TextSource::open(&options).unwrap().rows().unwrap();
    assert_eq!(reading.total(), 3);
    let positions: Vec<u64> = reading.map(|row| row.unwrap().position).collect();
    assert_eq!(positions, [1, 2, 3]);
}

#[test]
fn positions_end_with_the_bytes_of_the_file() {
    let content = format!("id,title\n{}", "1,a cup of tea\n".repeat(40_000));
    let files = Scratch::new(&[("texts.csv", content.as_bytes())]);
    let options = TextOptions::new(files.path("texts.csv"));
    let reading = TextSource::open(&options).unwrap().rows().unwrap();
    let total = reading.total();
    assert_eq!(total, content.len() as u64);
    let positions: Vec<u64> = reading.map(|row| row.unwrap().position).collect();
    assert!(positions.is_sorted());
    assert!(positions[0] < total / 2, "{}", positions[0]);
    assert_eq!(positions.last(), Some(&total));
}

#[test]
fn a_bad_row_is_named_and_ends_the_reading() {
    let long = "x".repeat((1 << 20) + 1);
    // Without the last blank 599,999 bytes; with ". " and a letter in between 1,200,001.
    let halves = "y ".repeat(300_000);
    let files = Scratch::new(&[
        ("cells.csv", b"id,title\n1,Tea\n2,Jam,sweet\n3,Oil\n"),
        ("utf8.csv", b"id,title\n1,Tea\n2,\xff\n"),
        ("id.csv", b"id,title\n1,Tea\n,Jam\n"),
        (
            "field.csv",
            format!("id,title\n1,Tea\n2,{long}\n").as_bytes(),
        ),
        (
            "row.csv",
            format!("id,title,plot\n1,Tea,hot\n2,{halves},z{halves}\n").as_bytes(),
        ),
        (
            "json.jsonl",
            b"{\"id\": 1, \"title\": \"Tea\"}\n{\"id\": 2,\n",
        ),
        (
            "row.parquet",
            &parquet(vec![
                ("id", vec![Some("a"), None]),
                ("title", vec![Some("Tea"), Some("Jam")]),
            ]),
        ),
    ]);
    for (name, expected) in [
        (
            "cells.csv",
            "line 3: wrong number of columns (3 columns, expected 2)",
        ),
        (
            "utf8.csv",
            "line 3, column 'title': invalid UTF-8 (byte 0xff",
        ),
        ("id.csv", "line 3, column 'id': missing id (an empty cell)"),
        (
            "field.csv",
            "line 3: a field is too long (more than 1048576 bytes)",
        ),
        (
            "row.csv",
            "line 3: the text of the row is too long (1200001 bytes, the limit is 1048576)",
        ),
        ("json.jsonl", "line 2: not JSON (EOF while parsing"),
        (
            "row.parquet",
            "row 2, column 'id': missing id (an empty cell)",
        ),
    ] {
        let options = TextOptions::new(files.path(name));
        let mut reading = TextSource::open(&options).unwrap().rows().unwrap();
        assert_eq!(reading.next().unwrap().unwrap().text.get(..3), Some("Tea"));
        let message = files.message(reading.next().unwrap());
        let expected = format!("DIR/{name}: {expected}");
        assert!(
            message.starts_with(&expected),
            "{message}\nexpected {expected}"
        );
        assert!(
            message.ends_with("; correct the row or take it out"),
            "{message}"
        );
        assert!(reading.next().is_none(), "{name}");
    }
}

#[test]
fn all_bad_rows_are_told_at_once() {
    let mut csv = "id,title\n1,Tea\n2,Jam,sweet\n".to_owned();
    let message = |csv: &str| {
        let files = Scratch::new(&[("texts.csv", csv.as_bytes())]);
        files.message(rows(&TextOptions::new(files.path("texts.csv"))))
    };
    csv.push_str("3,Oil\n,Salt\n5\n");
    insta::assert_snapshot!(message(&csv), @"DIR/texts.csv: line 3: wrong number of columns (3 columns, expected 2); correct the row or take it out; 2 more cannot be read: line 5, 6");
    csv.push_str(&",Salt\n".repeat(1200));
    insta::assert_snapshot!(message(&csv), @"DIR/texts.csv: line 3: wrong number of columns (3 columns, expected 2); correct the row or take it out; 1,202 more cannot be read: line 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, …");
}

#[test]
fn columns_that_are_not_there_are_told_with_those_that_are() {
    let files = Scratch::new(&[
        ("texts.csv", b"id,title\n1,Tea\n"),
        ("numbers.csv", b"id,price,year\n1,2.5,1990\n"),
        ("none.csv", b"id,title\n"),
    ]);
    let open = |name: &str, id: Option<&str>, text: &[&str]| {
        files.message(rows(&TextOptions {
            id: id.map(str::to_owned),
            text: text.iter().map(|t| (*t).to_owned()).collect(),
            ..TextOptions::new(files.path(name))
        }))
    };
    insta::assert_snapshot!(open("texts.csv", Some("sku"), &[]), @"DIR/texts.csv: has no column 'sku'; there are 'id', 'title'");
    insta::assert_snapshot!(open("texts.csv", None, &["title", "plot"]), @"DIR/texts.csv: has no column 'plot'; there are 'id', 'title'");
    insta::assert_snapshot!(open("numbers.csv", None, &[]), @"DIR/numbers.csv: has no column that looks like text, so it has to be named; there are 'id', 'price', 'year'");
    insta::assert_snapshot!(open("none.csv", None, &["title"]), @"DIR/none.csv: has no rows; expected at least one");
}
