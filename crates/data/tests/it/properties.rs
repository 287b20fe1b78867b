//! Whatever the bytes: no panic, no row lost, and what was read comes back from disk.

use crate::scratch::Scratch;
use proptest::prelude::*;
use semrec_data::{Dataset, Format, ImportOptions, import};

/// Pieces that make bytes look like the formats, so that readers get past the first line.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "user_id",
        "item_id",
        "rating",
        "timestamp",
        "split",
        ",",
        ";",
        "\t",
        "|",
        "::",
        " ",
        "\n",
        "\r\n",
        "\"",
        "1",
        "978300760",
        "u1",
        "NaN",
        "train",
        "{",
        "}",
        "[",
        "]",
        "{\"user_id\":\"u\",\"item_id\":",
        "user_id:token\titem_id:token\n",
        "N1-1",
        "\\",
        "user_id,item_id\n",
        "user_id,item_id,rating\nu,a,1\n",
    ]);
    prop_oneof![
        8 => words.prop_map(|w| w.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

/// Good beginnings, one of which most cases get, so that rows are read at all.
const HEADS: [&str; 7] = [
    "",
    "user_id,item_id,rating\nu,a,1\n",
    "user_id\titem_id\tsplit\nu\ta\ttrain\n",
    "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t978300760\n",
    "{\"user_id\":\"u\",\"item_id\":\"a\"}\n",
    "1::10::5::978300760\n",
    "u 1 2 3\nv 4\n",
];

fn check(bytes: &[u8], format: Format) -> Result<(), TestCaseError> {
    let files = Scratch::new(&[("log", bytes)]);
    let options = ImportOptions {
        format,
        max_rejected_share: 1.0,
        max_field_bytes: 64,
        ..ImportOptions::new(files.path("log"))
    };
    let Ok(import) = import(&options, &|_, _, _| ()) else {
        return Ok(());
    };
    let report = &import.report.files[0];
    prop_assert_eq!(report.rows, report.accepted + report.rejected);
    prop_assert_eq!(report.accepted, import.dataset.interactions.len() as u64);
    let out = files.path("out");
    import.save(&out).unwrap();
    let again = Dataset::load(&out).unwrap();
    prop_assert_eq!(again.fingerprint, import.dataset.fingerprint);
    let rejected = std::fs::read_to_string(out.join("rejected.jsonl")).unwrap_or_default();
    let mut lost = 0;
    for line in rejected.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        lost += line["rows"].as_u64().unwrap();
    }
    prop_assert_eq!(lost, report.rejected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(
        head in prop::sample::select(HEADS.to_vec()),
        pieces in prop::collection::vec(piece(), 0..60),
        format in prop::sample::select(Format::ALL.to_vec()),
    ) {
        let bytes = [head.as_bytes(), &pieces.concat()].concat();
        check(&bytes, format)?;
    }

    /// A table written by the rules of CSV is read to the last cell.
    #[test]
    fn csv_round_trip(rows in prop::collection::vec(("[a-z]{1,3}", "[^\u{0}-\u{8}\u{e}-\u{1f}]{0,12}"), 1..20)) {
        let mut items = String::from("item_id,title\n");
        for (i, (_, title)) in rows.iter().enumerate() {
            items.push_str(&format!("i{i},\"{}\"\n", title.replace('"', "\"\"")));
        }
        let files = Scratch::new(&[
            ("items.csv", items.as_bytes()),
            ("log.csv", b"user_id,item_id\nu,i0\n"),
        ]);
        let mut options = files.options("log.csv", "items.csv");
        options.roles = "text=title".parse().unwrap();
        let data = import(&options, &|_, _, _| ()).unwrap().dataset;
        prop_assert_eq!(data.items.len(), rows.len());
        let semrec_data::Values::Text(read) = &data.items.fields[0].values else {
            panic!("title is text");
        };
        for ((_, title), read) in rows.iter().zip(read) {
            let ascii_trimmed = title.trim_matches(|c: char| c.is_ascii_whitespace());
            prop_assert_eq!(read, ascii_trimmed);
        }
    }
}

/// Parquet with bytes turned: an error or a data set, and no panic.
#[test]
fn turned_bytes_in_parquet() {
    let files = Scratch::new(&[("log.csv", b"user_id,item_id,rating\nu,a,1\nu,b,2\nv,a,3\n")]);
    let out = files.path("out");
    files.import("log.csv", "").unwrap().save(&out).unwrap();
    let whole = std::fs::read(out.join("interactions.parquet")).unwrap();
    // The panics inside the library that are caught would fill the output.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let mut opened = 0;
    for i in (0..whole.len()).step_by(3) {
        let mut turned = whole.clone();
        turned[i] ^= 0x55;
        std::fs::write(files.path("turned"), &turned).unwrap();
        let found = files.import("turned", "");
        opened += usize::from(found.is_ok_and(|i| i.report.files[0].rows == 3));
        std::fs::write(out.join("interactions.parquet"), &turned).unwrap();
        let loaded = Dataset::load(&out);
        // What the fingerprint does not cover (statistics, padding) may turn unseen.
        opened += usize::from(loaded.is_ok());
    }
    std::panic::set_hook(hook);
    assert!(opened < whole.len() / 3);
}
