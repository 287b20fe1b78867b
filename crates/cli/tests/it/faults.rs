//! Bad input and bad luck: a clear error, exit code 1 or 2, and nothing lost.

use crate::binary::{command, semrec};
use std::path::Path;
use std::process::Output;

const ITEMS: &str = "item_id,title\na,Apple\nb,Bread\n";
const EVENTS: &str = "user_id,item_id,timestamp\nu,a,1\nu,b,2\nv,a,3\n";

/// A place with two good files and a data set made of them.
fn place() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("items.csv"), ITEMS).unwrap();
    std::fs::write(home.path().join("events.csv"), EVENTS).unwrap();
    let output = import(home.path(), "items.csv", "events.csv");
    assert!(output.status.success(), "{output:?}");
    home
}

fn import(home: &Path, items: &str, events: &str) -> Output {
    semrec(
        home,
        &[
            "import",
            "--items",
            items,
            "--interactions",
            events,
            "--out",
            "shop",
        ],
    )
}

fn snapshot(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| (p.display().to_string(), std::fs::read(&p).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn bad_files_fail_clearly_and_the_earlier_data_set_stays() {
    let home = place();
    let home = home.path();
    let before = snapshot(&home.join("shop"));
    let long = format!("user_id,item_id,timestamp\nu,{},1\n", "x".repeat(10 << 20));
    let nan = "user_id,item_id,rating,timestamp\nu,a,nan,1\nu,b,NaN,2\nv,a,inf,3\n";
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty", b"", "empty"),
        (
            "binary",
            &[0x7f, b'E', b'L', b'F', 0, 1, 2, 3, 0, 255, 254],
            "binary",
        ),
        ("header only", b"user_id,item_id,timestamp\n", "header"),
        (
            "no shared ids",
            b"user_id,item_id,timestamp\nu,x,1\nv,y,2\n",
            "'x'",
        ),
        ("not a number", nan.as_bytes(), "rejected"),
        ("ten megabytes in a field", long.as_bytes(), "rejected"),
        (
            "invalid UTF-8",
            b"user_id,item_id,timestamp\nu,\xff\xfe,1\nv,\xc3(,2\n",
            "rejected",
        ),
    ];
    for (what, bytes, expected) in cases {
        std::fs::write(home.join("bad.csv"), bytes).unwrap();
        let output = import(home, "items.csv", "bad.csv");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("bad.csv"), "{what}: {said}");
        assert!(said.to_lowercase().contains(expected), "{what}: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        assert_eq!(snapshot(&home.join("shop")), before, "{what}");
    }
}

#[test]
fn wrong_use_is_code_2_and_what_is_missing_code_1() {
    let home = place();
    let home = home.path();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["import", "--out", "x"], 2, "--interactions"),
        (
            &["evaluate", "shop", "--split", "temporal:80"],
            2,
            "between 0 and 1",
        ),
        (
            &["evaluate", "shop", "--models", "esae", "--encoder", "none"],
            1,
            "'esae' is no model",
        ),
        (
            &[
                "evaluate",
                "shop",
                "--models",
                "ease",
                "--set",
                "ease.lamda=1",
                "--encoder",
                "none",
            ],
            1,
            "lamda",
        ),
        (&["evaluate", "nowhere"], 1, "nowhere"),
        (
            &["train", "shop", "--encoder", "minilm", "--out", "b"],
            1,
            "semrec model pull minilm",
        ),
        (
            &[
                "train",
                "shop",
                "--model",
                "popularity",
                "--encoder",
                "none",
                "--out",
                "items.csv",
            ],
            1,
            "items.csv",
        ),
        (&["recommend", "shop", "--user", "u"], 1, "bundle"),
        (&["recommend", "shop"], 1, "--user"),
    ];
    for (args, code, expected) in cases {
        let output = semrec(home, args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    assert_eq!(
        std::fs::read_to_string(home.join("items.csv")).unwrap(),
        ITEMS
    );
}

#[test]
fn a_damaged_bundle_is_refused() {
    let home = place();
    let home = home.path();
    let train = [
        "train",
        "shop",
        "--model",
        "popularity",
        "--encoder",
        "none",
        "--out",
        "bundle",
    ];
    assert!(semrec(home, &train).status.success());
    let model = home.join("bundle/model.safetensors");
    let whole = std::fs::read(&model).unwrap();
    let recommend = ["recommend", "bundle", "--user", "u"];
    let cases: [(&str, Vec<u8>); 3] = [
        ("cut short", whole[..whole.len() - 1].to_vec()),
        ("a header that lies", [&[0xff; 8][..], &whole[8..]].concat()),
        ("nothing", Vec::new()),
    ];
    for (what, bytes) in cases {
        std::fs::write(&model, bytes).unwrap();
        let output = semrec(home, &recommend);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("model.safetensors"), "{what}: {said}");
    }
    std::fs::write(&model, whole).unwrap();
    assert!(semrec(home, &recommend).status.success());
    let events = home.join("bundle/data/interactions.parquet");
    let bytes = std::fs::read(&events).unwrap();
    std::fs::write(&events, &bytes[..bytes.len() / 2]).unwrap();
    let output = semrec(home, &recommend);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("interactions.parquet"), "{said}");
}

/// An import that is writing is interrupted: code 1, and the earlier data set is as it was.
#[cfg(unix)]
#[test]
fn control_c_leaves_nothing_behind() {
    use std::fmt::Write;
    let home = place();
    let home = home.path();
    let before = snapshot(&home.join("shop"));
    let mut events = "user_id,item_id,timestamp\n".to_owned();
    for i in 0..500_000u32 {
        writeln!(
            events,
            "u{},{},{i}",
            i % 9_973,
            if i % 3 == 0 { "a" } else { "b" }
        )
        .unwrap();
    }
    std::fs::write(home.join("many.csv"), events).unwrap();
    let writing = || {
        std::fs::read_dir(home).unwrap().any(|e| {
            let name = e.unwrap().file_name();
            name.to_string_lossy().ends_with(".stage")
        })
    };
    let import = [
        "import",
        "--items",
        "items.csv",
        "--interactions",
        "many.csv",
        "--out",
        "shop",
    ];
    let mut child = command(home, &import)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Wait for the moment at which there is something unfinished to leave behind.
    while !writing() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it was never seen writing"
        );
        std::thread::yield_now();
    }
    let interrupt = ["-INT", &child.id().to_string()];
    assert!(
        std::process::Command::new("kill")
            .args(interrupt)
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(snapshot(&home.join("shop")), before);
    assert!(!writing(), "a stage was left behind");
}
