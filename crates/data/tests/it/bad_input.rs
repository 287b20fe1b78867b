//! What is wrong is said, and written down; what is right is kept.

use crate::scratch::{Scratch, events};
use semrec_data::{Dataset, Import, import};
use std::fmt::Write;

const ITEMS: &[u8] = b"item_id,title\na,One\nb,Two\n";

/// `reason, line, field` of every rejected row.
fn rejected(files: &Scratch, import: &Import) -> Vec<String> {
    let out = files.path("out");
    import.save(&out).unwrap();
    let text = std::fs::read_to_string(out.join("rejected.jsonl")).unwrap_or_default();
    text.lines()
        .map(|l| {
            let v: serde_json::Value = serde_json::from_str(l).unwrap();
            format!(
                "{}: {} [{}] {}",
                v["line"],
                v["reason"].as_str().unwrap(),
                v["field"].as_str().unwrap(),
                v["raw"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn files_that_are_none() {
    let cases: &[(&str, &[u8])] = &[
        ("empty.csv", b""),
        ("blank.csv", b"\n\n\n"),
        ("header.csv", b"user_id,item_id\n"),
        ("binary.csv", b"\x7fELF\x02\x01\x01\x00\x00\x00"),
        ("sheet.csv", b"PK\x03\x04\x14\x00"),
        ("wide.csv", b"\xff\xfeu\x00s\x00"),
        ("prose.csv", b"Once upon a time\nthere was a file\n"),
        ("no_json.jsonl", b"{\"user_id\": \n"),
        ("cut.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb"),
        ("cut.parquet", b"PAR1 and no more"),
        // Found by fuzzing: the column 'item_id' is -1 bytes long.
        ("misplaced.parquet", include_bytes!("misplaced.parquet")),
        ("unnamed.csv", b",,\na,b,c\n"),
    ];
    let files = Scratch::new(cases);
    let mut messages = String::new();
    for (name, _) in cases {
        let message = files.message(files.import(name, ""));
        writeln!(messages, "{message}").unwrap();
    }
    writeln!(
        messages,
        "{}",
        files.message(files.import("absent.csv", ""))
    )
    .unwrap();
    insta::assert_snapshot!(messages, @"
    DIR/empty.csv: is empty; expected a header and rows
    DIR/blank.csv: holds only blank lines; expected a header and rows
    DIR/header.csv: has a header and no rows; expected at least one row
    DIR/binary.csv: is a binary file; expected text (CSV, TSV, JSON lines …) or Parquet, plain or compressed with gzip or zstd
    DIR/sheet.csv: is a zip archive or a spreadsheet; unpack it, or export it as CSV
    DIR/wide.csv: is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)
    DIR/prose.csv: no column holds the user: got Once, upon, a, time, expected a name such as user_id; say which it is with the role 'user=COLUMN'
    DIR/no_json.jsonl: holds no JSON object; expected one object a line, or an array of objects
    DIR/cut.gz: the gzip data is damaged or cut short (incomplete deflate stream); fetch or compress the file again
    DIR/cut.parquet: is damaged or no Parquet file (Parquet error: Invalid Parquet file. Corrupt footer)
    DIR/misplaced.parquet: is damaged or no Parquet file (column 'item_id' has a negative position or length)
    DIR/unnamed.csv: has no named column; expected a header with names
    DIR/absent.csv: No such file or directory (os error 2)
    ");
}

#[test]
fn a_directory_of_something_else() {
    let files = Scratch::new(&[("photo.jpg", b"x")]);
    insta::assert_snapshot!(files.message(files.import("", "")), @"DIR/: is a directory with none of the known sets of files in it (it holds photo.jpg); expected ratings.csv, ratings.dat, u.data, behaviors.tsv, *.inter, interactions.* or train.txt, or name the files one by one");
    insta::assert_snapshot!(files.message(files.import("photo.jpg", "")), @"DIR/photo.jpg: no column holds the user: got x, expected a name such as user_id; say which it is with the role 'user=COLUMN'");
}

#[test]
fn each_bad_row_is_written_down_and_the_good_ones_are_kept() {
    let log = b"user_id,item_id,rating,timestamp\n\
        u1,a,1,1000000000\n\
        ,a,1,1000000000\n\
        u1,,1,1000000000\n\
        u1,a,NaN,1000000000\n\
        u1,a,inf,1000000000\n\
        u1,a,four,1000000000\n\
        u1,a,1,soon\n\
        u1,a,1,\n\
        u1,a,1\n\
        u1,a,1,1000000000,more\n\
        \xff\xfe,a,1,1000000000\n\
        u2,b,,1000000001\n";
    let files = Scratch::new(&[("log.csv", log)]);
    let mut options = files.options("log.csv", "");
    options.max_rejected_share = 0.9;
    let import = import(&options, &|_, _, _| ()).unwrap();
    assert_eq!(
        events(&import.dataset),
        [
            "u1 a 1 1000000000 interaction Train",
            "u2 b 1 1000000001 interaction Train"
        ]
    );
    // The rejected rows leave no user or item behind.
    assert_eq!(import.dataset.users.len(), 2);
    let report = &import.report.files[0];
    assert_eq!((report.rows, report.accepted, report.rejected), (12, 2, 10));
    assert_eq!(report.notes, ["1 rows have no value; it is taken to be 1"]);
    insta::assert_snapshot!(rejected(&files, &import).join("\n"), @"
    3: missing id [user_id] ,a,1,1000000000
    4: missing id [item_id] u1,,1,1000000000
    5: not a finite number [rating] u1,a,NaN,1000000000
    6: not a finite number [rating] u1,a,inf,1000000000
    7: not a number [rating] u1,a,four,1000000000
    8: not a point in time [timestamp] u1,a,1,soon
    9: missing time [timestamp] u1,a,1,
    10: wrong number of columns [] u1,a,1
    11: wrong number of columns [] u1,a,1,1000000000,more
    12: invalid UTF-8 [user_id] ��,a,1,1000000000
    ");
}

#[test]
fn items_twice_and_items_with_a_bad_cell() {
    let items =
        b"item_id,title,price\na,One,1\nb,Two,unknown\na,Three,3\nc,Four,4\nd,Five,5\ne,Six,6\n";
    let files = Scratch::new(&[("items.csv", items), ("log.csv", b"user_id,item_id\nu,a\n")]);
    let mut options = files.options("log.csv", "items.csv");
    options.max_rejected_share = 0.5;
    options.roles = "number=price".parse().unwrap();
    let import = import(&options, &|_, _, _| ()).unwrap();
    // The first "a" stays; "b" keeps its title and loses its price.
    assert_eq!(import.dataset.items.len(), 5);
    assert_eq!(import.dataset.items.title(1), "Two");
    assert_eq!(
        rejected(&files, &import),
        [
            "3: not a finite number [price] b,Two,unknown",
            "4: duplicate id [item_id] a,Three,3"
        ]
    );
}

#[test]
fn too_many_bad_rows_fail_and_leave_the_earlier_data_set() {
    let files = Scratch::new(&[
        ("good.csv", b"user_id,item_id,rating\nu,a,1\n"),
        ("bad.csv", b"user_id,item_id,rating\nu,a,1\nu,b,x\nu,c,y\n"),
    ]);
    let out = files.path("out");
    files.import("good.csv", "").unwrap().save(&out).unwrap();
    let before = Dataset::load(&out).unwrap().fingerprint;
    let mut options = files.options("bad.csv", "");
    options.roles = "value=rating".parse().unwrap();
    options.rejected = Some(files.path("out.rejected.jsonl"));
    let message = files.message(import(&options, &|_, _, _| ()));
    insta::assert_snapshot!(message, @"DIR/bad.csv: 2 of 3 rows cannot be read, more than the share of 0.05 that is allowed: 2 × not a number (line 3, 'rating': 'x'); they are listed in DIR/out.rejected.jsonl; correct the file, or allow a larger share");
    let kept = std::fs::read_to_string(files.path("out.rejected.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 2);
    assert_eq!(Dataset::load(&out).unwrap().fingerprint, before);
}

#[test]
fn files_that_do_not_belong_together() {
    let files = Scratch::new(&[
        ("items.csv", ITEMS),
        ("log.csv", b"user_id,item_id\nu,1\nu,2\nv,3\nv,4\n"),
    ]);
    insta::assert_snapshot!(files.message(files.import("log.csv", "items.csv")), @"DIR/items.csv and DIR/log.csv share no item id: the first has 'a', 'b', the second '1', '2', '3'; if they are the same items, say with the roles which columns hold their ids");
}

#[test]
fn roles_that_name_nothing() {
    let files = Scratch::new(&[("log.csv", b"user_id,item_id\nu,1\n")]);
    let mut options = files.options("log.csv", "");
    options.roles = "value=stars".parse().unwrap();
    insta::assert_snapshot!(files.message(import(&options, &|_, _, _| ())), @"roles: no file has a column 'stars' that can be 'value'; interactions has user_id, item_id");
    for (text, expected) in [
        ("user", "has no '='"),
        ("person=x", "names no role"),
        ("things.text=x", "names a file"),
    ] {
        let error = text.parse::<semrec_data::Roles>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_ten_megabyte_field_costs_its_row_and_no_more() {
    let long = "x".repeat(10 << 20);
    let quoted = format!("item_id,title\na,One\nb,\"{long}\"\nc,Three\n");
    let plain = format!("item_id,title\na,One\nb,{long}\nc,Three\n");
    let json = format!(
        "{{\"item_id\":\"a\",\"title\":\"One\"}}\n{{\"item_id\":\"b\",\"title\":\"{long}\"}}\n{{\"item_id\":\"c\",\"title\":\"Three\"}}\n"
    );
    for content in [quoted, plain, json] {
        let files = Scratch::new(&[
            ("items", content.as_bytes()),
            ("log.csv", b"user_id,item_id\nu,a\nu,c\n"),
        ]);
        let mut options = files.options("log.csv", "items");
        options.max_rejected_share = 0.5;
        let import = import(&options, &|_, _, _| ()).unwrap();
        assert_eq!(import.dataset.items.len(), 2);
        let reasons = &import.report.files[0].reasons;
        assert_eq!(reasons[0].reason, "a field is too long");
    }
}

#[test]
fn a_quote_never_closed_does_not_swallow_the_file() {
    let mut log = String::from("user_id,item_id\nu,a\nu,\"b\n");
    for i in 0..50 {
        writeln!(log, "u{i},a").unwrap();
    }
    let files = Scratch::new(&[("log.csv", log.as_bytes())]);
    insta::assert_snapshot!(files.message(files.import("log.csv", "")), @"DIR/log.csv: 51 of 52 rows cannot be read, more than the share of 0.05 that is allowed: 51 × a quote is never closed (line 3: everything up to the end of the file, 51 lines); correct the file, or allow a larger share");
    // An inch sign is no quote, not even in the last line.
    let files = Scratch::new(&[
        ("items.csv", b"item_id,title\na,19\" rack\nb,5\" disk"),
        ("log.csv", b"user_id,item_id\nu,a\n"),
    ]);
    let import = files.import("log.csv", "items.csv").unwrap();
    assert_eq!(import.dataset.items.title(1), "5\" disk");
}

#[test]
fn line_numbers_count_lines_not_records() {
    for end in ["\n", "\r\n"] {
        let log = "user_id,item_id,note|u,a,\"two|lines\"||u,b,x|,c,x|".replace('|', end);
        let files = Scratch::new(&[("log.csv", log.as_bytes())]);
        let mut options = files.options("log.csv", "");
        options.max_rejected_share = 0.5;
        let import = import(&options, &|_, _, _| ()).unwrap();
        assert_eq!(
            import.report.files[0].reasons[0].first,
            "line 6, 'user_id': an empty cell"
        );
    }
}
