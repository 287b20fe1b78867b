//! The same few events and items in every format.

use crate::scratch::{Scratch, events, roles, texts};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::Float32Type;
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float64Array, Int64Array, RecordBatch, TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use semrec_data::{Clock, Format, import};
use std::io::Write;
use std::sync::Arc;

const CSV: &str =
    "user_id,item_id,rating,timestamp\nu1,a,4.5,1000000002\nu1,b,3,1000000001\nu2,a,1,1000000003\n";
const EVENTS: [&str; 3] = [
    "u1 b 3 1000000001 interaction Train",
    "u1 a 4.5 1000000002 interaction Train",
    "u2 a 1 1000000003 interaction Train",
];

#[test]
fn delimiters_line_ends_and_byte_order_mark() {
    for (name, content) in [
        ("commas", CSV.to_owned()),
        ("semicolons", CSV.replace(',', ";")),
        ("tabs", CSV.replace(',', "\t")),
        ("bars", CSV.replace(',', "|")),
        ("blanks", CSV.replace(',', " ")),
        ("crlf", CSV.replace('\n', "\r\n")),
        ("mark", format!("\u{feff}{CSV}")),
        ("no last line end", CSV.trim_end().to_owned()),
        ("quotes", CSV.replace("u1", "\"u1\"")),
        ("blanks around", CSV.replace(',', " , ")),
        ("blank lines", CSV.replace('\n', "\n\n")),
        ("extra columns", CSV.replace('\n', ",,,\n")),
    ] {
        let files = Scratch::new(&[("events.csv", content.as_bytes())]);
        let import = files.import("events.csv", "").unwrap();
        assert_eq!(events(&import.dataset), EVENTS, "{name}");
        assert_eq!(import.dataset.clock(), Clock::Seconds, "{name}");
        assert_eq!(import.report.files[0].rows, 3, "{name}");
    }
}

#[test]
fn compression_by_content_not_by_name() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(CSV.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(CSV.as_bytes(), 1).unwrap();
    for (content, name) in [(&gzip, "gzip"), (&zstd, "zstd")] {
        let files = Scratch::new(&[("events.csv", content)]);
        let import = files.import("events.csv", "").unwrap();
        assert_eq!(events(&import.dataset), EVENTS);
        assert_eq!(import.report.files[0].compression, name);
    }
}

#[test]
fn a_file_without_header_is_read_by_place() {
    let content = CSV.split_once('\n').unwrap().1;
    let files = Scratch::new(&[("events.csv", content.as_bytes())]);
    let import = files.import("events.csv", "").unwrap();
    assert_eq!(events(&import.dataset), EVENTS);
    assert_eq!(
        roles(&import, 0),
        "column1=user column2=item column3=value column4=time"
    );
}

#[test]
fn json_lines_and_arrays() {
    let lines = r#"{"userId":"u1","itemId":"a","rating":4.5,"ts":1000000002}
{"userId":"u1","itemId":"b","rating":3,"ts":"1000000001","late":null}
{"ts":1000000003,"itemId":"a","userId":"u2","rating":1}
"#;
    let array = format!("[\n{}]", lines.trim_end().replace("}\n", "},\n"));
    for content in [lines, &array] {
        let files = Scratch::new(&[("events.json", content.as_bytes())]);
        let import = files.import("events.json", "").unwrap();
        assert_eq!(events(&import.dataset), EVENTS);
    }
}

#[test]
fn json_items_with_lists_and_objects() {
    let items = r#"{"asin":"a","title":"Lamp","categories":[["Home","Light"]],"details":{"brand":"Lux"},"price":9.5}
{"asin":"b","title":"Chair","description":["Oak.","Old."],"categories":["Home"],"details":{"brand":"Sit"},"price":null}"#;
    let events = "user,asin\nu,a\nu,b\n";
    let files = Scratch::new(&[
        ("items.jsonl", items.as_bytes()),
        ("events.csv", events.as_bytes()),
    ]);
    let import = files.import("events.csv", "items.jsonl").unwrap();
    assert_eq!(
        texts(&import.dataset),
        ["a: Lamp. Home, Light. Lux", "b: Chair. Oak. Old. Home. Sit"]
    );
}

#[test]
fn parquet_of_any_types() {
    let mut labels = ListBuilder::new(StringBuilder::new());
    for item in [&["x", "y"][..], &[]] {
        item.iter().for_each(|l| labels.values().append_value(l));
        labels.append(true);
    }
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some([Some(0.5), Some(1.0)]), Some([Some(0.1), Some(-1.0)])],
        2,
    );
    let items = RecordBatch::try_from_iter([
        (
            "item_id",
            Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef,
        ),
        ("labels", Arc::new(labels.finish())),
        ("price", Arc::new(Float64Array::from(vec![Some(1.5), None]))),
        ("vector", Arc::new(vectors)),
    ])
    .unwrap();
    let log = RecordBatch::try_from_iter([
        (
            "user_id",
            Arc::new(Int64Array::from(vec![1, 1])) as ArrayRef,
        ),
        ("item_id", Arc::new(Int64Array::from(vec![7, 8]))),
        (
            "timestamp",
            Arc::new(
                TimestampMillisecondArray::from(vec![1_000_000_000_000, 1_000_000_001_000])
                    .with_timezone("Europe/Prague"),
            ),
        ),
    ])
    .unwrap();
    let write = |batch: &RecordBatch| {
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        out
    };
    let zipped = zstd::encode_all(&write(&log)[..], 1).unwrap();
    let files = Scratch::new(&[("items.parquet", &write(&items)), ("log.zst", &zipped)]);
    let import = files.import("log.zst", "items.parquet").unwrap();
    assert_eq!(
        events(&import.dataset),
        [
            "1 7 1 1000000000 interaction Train",
            "1 8 1 1000000001 interaction Train"
        ]
    );
    assert_eq!(texts(&import.dataset), ["7: x, y", "8: "]);
    assert_eq!(
        roles(&import, 0),
        "item_id=item labels=category price=number vector=ignore"
    );
}

#[test]
fn recbole_atomic_files_as_a_directory() {
    let files = Scratch::new(&[
        (
            "shop.inter",
            b"user_id:token\titem_id:token\trating:float\ttimestamp:float\nu1\ta\t2\t1000000000.0\n",
        ),
        (
            "shop.item",
            b"item_id:token\tmovie_title:token_seq\tclass:token_seq\na\tToy Story\tComedy Drama\n",
        ),
        ("shop.user", b"user_id:token\tage:float\nu1\t30\n"),
    ]);
    let import = files.import("", "").unwrap();
    assert_eq!(
        events(&import.dataset),
        ["u1 a 2 1000000000 interaction Train"]
    );
    assert_eq!(texts(&import.dataset), ["a: Toy Story. Comedy, Drama"]);
    assert_eq!(import.dataset.users.fields[0].name, "age");
}

#[test]
fn movielens_with_double_colons_in_latin_1() {
    let files = Scratch::new(&[
        ("ratings.dat", b"1::10::5::978300760\n1::20::3::978302109\n"),
        (
            "movies.dat",
            b"10::Mis\xe9rables, Les (1995)::Drama|Musical\n20::Heat: (1995)::Action\n",
        ),
        ("users.dat", b"1::F::1::10::48067\n"),
    ]);
    let import = files.import("", "").unwrap();
    assert_eq!(
        texts(&import.dataset),
        [
            "10: Misérables, Les (1995). Drama, Musical",
            "20: Heat: (1995). Action"
        ]
    );
    assert_eq!(
        events(&import.dataset),
        [
            "1 10 5 978300760 interaction Train",
            "1 20 3 978302109 interaction Train"
        ]
    );
}

#[test]
fn movielens_100k_with_flags() {
    let item = "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n";
    let files = Scratch::new(&[
        ("u.data", b"196\t1\t3\t881250949\n"),
        ("u.item", item.as_bytes()),
        ("u.user", b"196|49|M|writer|55105\n"),
    ]);
    let import = files.import("", "").unwrap();
    assert_eq!(
        texts(&import.dataset),
        ["1: Toy Story (1995). Animation, Children's, Comedy"]
    );
    assert_eq!(
        roles(&import, 0),
        "item_id=item title=text release_date=time video_release_date=ignore imdb_url=ignore genres=category"
    );
}

#[test]
fn mind_history_comes_before_clicks() {
    let files = Scratch::new(&[
        (
            "behaviors.tsv",
            b"1\tU1\t11/15/2019 8:55:22 AM\tN1 N2\tN3-1 N4-0\n2\tU1\t11/15/2019 8:55:20 AM\tN1 N2\tN5-1\n3\tU2\t11/15/2019 9:00:00 AM\t\tN1-1\n",
        ),
        (
            "news.tsv",
            b"N1\tsports\tgolf\tA \"title\tAbstract\thttps://x\t[]\t[]\nN3\tnews\tus\tOther\t\thttps://y\t[]\t[]\n",
        ),
    ]);
    let import = files.import("", "").unwrap();
    // 2019-11-15 08:55:20 UTC is 1573808120; the history takes the time of the first click.
    assert_eq!(
        events(&import.dataset),
        [
            "U1 N1 1 1573808120 history Train",
            "U1 N2 1 1573808120 history Train",
            "U1 N5 1 1573808120 click Train",
            "U1 N3 1 1573808122 click Train",
            "U2 N1 1 1573808400 click Train"
        ]
    );
    assert_eq!(
        texts(&import.dataset)[..2],
        [
            "N1: A \"title. Abstract. sports. golf",
            "N3: Other. news. us"
        ]
    );
    assert_eq!(import.report.unknown_items, 2);
}

#[test]
fn gorse_exports() {
    let files = Scratch::new(&[
        (
            "feedback.jsonl",
            br#"{"FeedbackType":"star","UserId":"u1","ItemId":"a","Value":0,"Timestamp":"2022-03-01T00:00:00Z","Comment":""}
{"FeedbackType":"read","UserId":"u1","ItemId":"a","Value":2,"Timestamp":"2022-03-01T00:00:01Z","Comment":""}"#,
        ),
        (
            "items.jsonl",
            br#"{"ItemId":"a","IsHidden":false,"Categories":["c"],"Labels":{"topics":["x","y"]},"Comment":"A tool","Timestamp":"2022-01-01T00:00:00Z"}"#,
        ),
    ]);
    let mut options = files.options("feedback.jsonl", "items.jsonl");
    options.format = Format::Gorse;
    let import = import(&options, &|_, _, _| ()).unwrap();
    assert_eq!(
        events(&import.dataset),
        [
            "u1 a 0 1646092800 star Train",
            "u1 a 2 1646092801 read Train"
        ]
    );
    assert_eq!(texts(&import.dataset), ["a: A tool. c. x, y"]);
}

#[test]
fn adjacency_lists_with_a_test_file() {
    let files = Scratch::new(&[
        ("train.txt", b"0 10 11 12\n1 10\n"),
        ("test.txt", b"0 13\n1 11 12\n"),
    ]);
    let import = files.import("", "").unwrap();
    let parts: Vec<_> = events(&import.dataset)
        .iter()
        .map(|e| e.replace(" interaction", ""))
        .collect();
    assert_eq!(
        parts,
        [
            "0 10 1 0 Train",
            "0 11 1 1 Train",
            "0 12 1 2 Train",
            "0 13 1 4 Test",
            "1 10 1 3 Train",
            "1 11 1 5 Test",
            "1 12 1 6 Test"
        ]
    );
    assert_eq!(import.dataset.clock(), Clock::None);
    assert!(import.dataset.interactions.has_parts());
}

#[test]
fn a_column_of_parts_and_one_of_kinds() {
    let files = Scratch::new(&[(
        "events.csv",
        b"user,item,position,split,action\nu,a,0,train,view\nu,b,1,val,buy\nu,c,2,test,view\n",
    )]);
    let import = files.import("events.csv", "").unwrap();
    assert_eq!(
        events(&import.dataset),
        [
            "u a 1 0 view Train",
            "u b 1 1 buy Valid",
            "u c 1 2 view Test"
        ]
    );
    assert_eq!(import.dataset.clock(), Clock::Position);
}
