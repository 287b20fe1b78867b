//! `semrec embed` over files: the same vectors from every format, for any number of threads, and
//! wherever it was stopped; nothing that was encoded is lost.

#[cfg(unix)]
use crate::binary::signal;
use crate::binary::{TINY, command, semrec};
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Stdio};

/// Bytes before the numbers of a NumPy file.
const HEADER: usize = 128;
/// Rows of a part.
const PART: usize = 4096;

fn embed<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["embed", "--encoder", TINY], args].concat()
}

/// Runs `embed`, expects success, and returns what was said on the way.
fn done(home: &Path, args: &[&str]) -> String {
    let output = semrec(home, &embed(args));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// Runs `embed`, expects code 1, and returns what was said.
fn failed(home: &Path, args: &[&str]) -> String {
    crate::binary::failed(home, &embed(args))
}

fn read(home: &Path, name: &str) -> Vec<u8> {
    std::fs::read(home.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What lies in the directory, hidden things too, without the data and models.
fn outputs(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home).unwrap();
    let mut names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("vectors"))
        .collect();
    names.sort();
    names
}

/// A CSV of `n` rows that all say something else.
fn many(home: &Path, n: usize) {
    let mut text = "sku,title,colour\n".to_owned();
    for i in 0..n {
        let colour = ["red", "green", "blue"][i % 3];
        writeln!(text, "s{i},lamp {i},{colour}").unwrap();
    }
    std::fs::write(home.join("items.csv"), text).unwrap();
}

#[test]
fn a_row_has_the_same_vector_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let csv = "item_id,title,genres,price\n\
        a,\"Lamp, \"\"red\"\".\",Light|Home,10\n\
        b,\"two\nlines\",Home|Light,20\n\
        c,,,5\n\
        d,Ünïcödé 灯 💡,Light,30\n";
    let jsonl = r#"{"item_id": "a", "title": "Lamp, \"red\".", "genres": ["Light", "Home"]}
{"item_id": "b", "title": "two\nlines", "genres": ["Home", "Light"]}
{"item_id": "c", "title": null, "genres": []}
{"item_id": "d", "title": "Ünïcödé 灯 💡", "genres": ["Light"]}
"#;
    std::fs::write(home.join("items.csv"), csv).unwrap();
    std::fs::write(home.join("items.jsonl"), jsonl).unwrap();
    let events = "user_id,item_id,timestamp\nu,a,1\nu,b,2\nv,c,3\nv,d,4\n";
    std::fs::write(home.join("events.csv"), events).unwrap();
    let import = [
        "import",
        "--items",
        "items.csv",
        "--interactions",
        "events.csv",
    ];
    let import = [&import[..], &["--out", "shop"]].concat();
    assert!(semrec(home, &import).status.success());
    done(home, &["shop", "--out", "shop.npy"]);
    let expected = read(home, "shop.npy");
    for input in ["items.csv", "items.jsonl", "shop/items.parquet"] {
        let said = done(home, &[input, "--out", "vectors.npy"]);
        assert!(
            said.contains("text from title, genres, ids from item_id"),
            "{said}"
        );
        assert_eq!(read(home, "vectors.npy"), expected, "{input}");
        let ids = String::from_utf8(read(home, "vectors.ids.jsonl")).unwrap();
        assert_eq!(ids, "\"a\"\n\"b\"\n\"c\"\n\"d\"\n", "{input}");
    }
    assert_eq!(
        outputs(home),
        ["vectors.ids.jsonl", "vectors.json", "vectors.npy"]
    );
    let dim = (expected.len() - HEADER) / 4 / 4;
    let row = |i: usize| &expected[HEADER + 4 * dim * i..][..4 * dim];
    // What says nothing has no direction; what says something has.
    assert!(row(2).iter().all(|byte| *byte == 0));
    for i in [0, 1, 3] {
        let numbers = row(i).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
        let length: f32 = numbers.map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "row {i}: {length}");
    }
}

#[test]
fn columns_by_name_and_rows_by_number() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(
        home.join("a.csv"),
        "x,y,z\n1,tea,good cup\n2,milk,bad cup\n",
    )
    .unwrap();
    std::fs::write(home.join("b.csv"), "title\ngood cup. tea\nbad cup. milk\n").unwrap();
    done(
        home,
        &["a.csv", "--text", "z,y", "--id", "x", "--out", "a.npy"],
    );
    done(home, &["b.csv", "--out", "b.npy"]);
    assert_eq!(read(home, "a.npy"), read(home, "b.npy"));
    assert_eq!(read(home, "a.ids.jsonl"), b"\"1\"\n\"2\"\n");
    assert_eq!(read(home, "b.ids.jsonl"), b"\"0\"\n\"1\"\n");
    done(home, &["b.csv", "--half", "--out", "half.npy"]);
    let (whole, half) = (read(home, "b.npy"), read(home, "half.npy"));
    assert_eq!(whole.len() - HEADER, 2 * (half.len() - HEADER));
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    many(home, PART + 1000);
    for out in ["vectors.parquet", "vectors.npy"] {
        done(home, &["items.csv", "--threads", "1", "--out", out]);
        let one = read(home, out);
        done(home, &["items.csv", "--threads", "2", "--out", out]);
        assert!(read(home, out) == one, "{out} differs");
    }
}

/// Starts `embed` and waits until it has so many finished parts; it is still running then.
#[cfg(unix)]
fn running(home: &Path, args: &[&str], parts: usize) -> Child {
    let mut child = command(home, &embed(args))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let last = home.join(format!(
        ".vectors.parquet.parts/part-{:08}.parquet",
        parts - 1
    ));
    while !last.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::yield_now();
    }
    child
}

/// One run is killed, the next interrupted, a third one goes on to the end; nobody else may write
/// meanwhile.
#[cfg(unix)]
#[test]
fn a_stopped_run_goes_on_and_ends_with_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    many(home, 8 * PART);
    done(home, &["items.csv", "--out", "whole.parquet"]);
    let args = ["items.csv", "--out", "vectors.parquet"];

    let mut child = running(home, &args, 1);
    signal(&child, "-STOP");
    let said = failed(home, &args);
    assert!(
        said.contains("vectors.parquet: is being written by another process"),
        "{said}"
    );
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert_eq!(outputs(home), [".vectors.parquet.parts"]);

    let child = running(home, &args, 3);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("going on from its"), "{said}");
    assert!(
        said.contains("interrupted; finished parts are kept beside vectors.parquet"),
        "{said}"
    );
    assert_eq!(outputs(home), [".vectors.parquet.parts"]);

    let said = done(home, &args);
    assert!(said.contains("going on from its"), "{said}");
    assert!(!said.contains("have changed"), "{said}");
    assert!(
        !said.contains(&format!("{} texts encoded", 8 * PART)),
        "{said}"
    );
    assert!(read(home, "vectors.parquet") == read(home, "whole.parquet"));
    assert_eq!(outputs(home), ["vectors.parquet"]);
}

#[test]
fn a_bad_row_is_named_and_what_was_encoded_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    many(home, 2 * PART + 10);
    let good = std::fs::read_to_string(home.join("items.csv")).unwrap();
    done(home, &["items.csv", "--out", "whole.parquet"]);
    let at = format!("s{},", 2 * PART);
    let bad = good.replace(&format!("\n{at}"), &format!("\n{at}one cell too many,"));
    std::fs::write(home.join("items.csv"), bad).unwrap();
    let args = ["items.csv", "--out", "vectors.parquet"];
    let said = failed(home, &args);
    let line = 2 * PART + 2;
    let want = format!(
        "items.csv: line {line}: wrong number of columns (4 columns, expected 3); correct the row or take it out"
    );
    assert!(said.contains(&want), "{said}");
    assert!(said.contains("what is encoded is kept"), "{said}");
    assert_eq!(outputs(home), [".vectors.parquet.parts"]);
    std::fs::write(home.join("items.csv"), good).unwrap();
    let said = done(home, &args);
    assert!(
        said.contains("going on from its 2 finished parts"),
        "{said}"
    );
    assert!(said.contains("\n10 texts encoded"), "{said}");
    assert!(read(home, "vectors.parquet") == read(home, "whole.parquet"));
}

#[test]
fn what_has_changed_since_is_encoded_again() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    many(home, PART + 10);
    let good = std::fs::read_to_string(home.join("items.csv")).unwrap();
    let broken = good.clone() + "s,a row that is too short\n";
    let args = ["items.csv", "--out", "vectors.parquet"];
    for (what, columns) in [("columns", "title,colour"), ("rows", "title")] {
        std::fs::write(home.join("items.csv"), &broken).unwrap();
        failed(home, &[&args[..], &["--text", "title"]].concat());
        let now = if what == "rows" {
            good.replace("\ns7,", "\ns7000007,")
        } else {
            good.clone()
        };
        std::fs::write(home.join("items.csv"), now).unwrap();
        let said = done(home, &[&args[..], &["--text", columns]].concat());
        assert!(
            said.contains("have changed since, first after row 0"),
            "{what}: {said}"
        );
        assert!(
            said.contains(&format!("{} texts encoded", PART + 10)),
            "{what}: {said}"
        );
        let fresh = ["items.csv", "--out", "fresh.parquet", "--text", columns];
        done(home, &fresh);
        assert!(
            read(home, "vectors.parquet") == read(home, "fresh.parquet"),
            "{what}"
        );
    }
}

/// Its prompts are "word: the river\nstone:" for queries and none for what is searched.
#[test]
fn queries_are_read_with_their_prompt_and_are_no_passages() {
    const PROMPTED: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../text/tests/golden/architectures/qwen3"
    );
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let rows = |prompt: &str| {
        let rows = (0..PART + 10).map(|i| format!("\n\"{prompt}river {i}\""));
        "title".to_owned() + &rows.collect::<String>() + "\n"
    };
    std::fs::write(home.join("a.csv"), rows("")).unwrap();
    std::fs::write(home.join("prompted.csv"), rows("word: the river\nstone:")).unwrap();
    let run = |args: &[&str]| {
        let output = semrec(home, &[&["embed", "--encoder", PROMPTED], args].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    assert!(run(&["a.csv", "--out", "passages.npy"]).0);
    assert!(run(&["a.csv", "--query", "--out", "queries.npy"]).0);
    assert!(run(&["prompted.csv", "--out", "prompted.npy"]).0);
    assert!(read(home, "queries.npy") == read(home, "prompted.npy"));
    assert!(read(home, "queries.npy") != read(home, "passages.npy"));
    for (file, role) in [("passages.json", "passage"), ("queries.json", "query")] {
        let about = String::from_utf8(read(home, file)).unwrap();
        assert!(about.contains(&format!("\"role\": \"{role}\"")), "{about}");
    }
    // Parts of a run that read the texts as passages are of no use to one that reads queries.
    let good = rows("");
    std::fs::write(home.join("a.csv"), good.clone() + "one,too many\n").unwrap();
    assert!(!run(&["a.csv", "--out", "vectors.npy"]).0);
    std::fs::write(home.join("a.csv"), good).unwrap();
    let (done, said) = run(&["a.csv", "--query", "--out", "vectors.npy"]);
    assert!(
        done && said.contains("changed since, first after row 0"),
        "{said}"
    );
    assert!(read(home, "vectors.npy") == read(home, "queries.npy"));
}

#[test]
fn wrong_use_says_what_is_right() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    many(home, 3);
    std::fs::create_dir(home.join("folder")).unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["items.csv"], "--out vectors.parquet"),
        (&["items.csv", "--out", "v.txt"], "ends in .parquet or .npy"),
        (
            &["items.csv", "--text", "tilte", "--out", "v.npy"],
            "items.csv: has no column 'tilte'; there are 'sku', 'title', 'colour'",
        ),
        (
            &["items.csv", "--id", "id", "--out", "v.npy"],
            "has no column 'id'; there are 'sku', 'title', 'colour'",
        ),
        (&["-", "--out", "v.npy"], "write it to a file first"),
        (&["folder", "--query"], "--query is for files"),
        (&["folder", "--id", "x"], "--id and --text are for files"),
        (
            &["nowhere.csv", "--out", "v.npy"],
            "nowhere.csv: No such file",
        ),
        (
            &["items.csv", "--encoder", "none", "--out", "v.npy"],
            "the encoder is 'none'",
        ),
    ];
    for (args, expected) in cases {
        let mut all = vec!["embed"];
        if !args.contains(&"--encoder") {
            all.extend(["--encoder", TINY]);
        }
        all.extend(args);
        let output = semrec(home, &all);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}
