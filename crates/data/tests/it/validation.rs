//! Each check of `validate` on data made to trip it.

use crate::scratch::Scratch;
use semrec_data::{Level, ValidateOptions, import, validate};

/// Runs all checks and returns `LEVEL message` of one.
fn check(log: &str, items: &str, name: &str) -> String {
    let files = Scratch::new(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
    let mut options = files.options("log.csv", if items.is_empty() { "" } else { "items.csv" });
    options.max_rejected_share = 0.9;
    let import = import(&options, &|_, _, _| ()).unwrap();
    let options = ValidateOptions {
        now: Some(1_600_000_000),
        report: Some(&import.report),
        ..ValidateOptions::default()
    };
    let checks = validate(&import.dataset, &options);
    let found = checks.iter().find(|c| c.name == name).unwrap();
    let line = found.to_string();
    let line = line.split_once("  ").unwrap();
    let rest = line.1.trim_start().split_once("  ").unwrap().1.trim();
    format!("{} {rest}", line.0).replace(&files.dir().display().to_string(), "DIR")
}

const ITEMS: &str = "item_id,title\na,One\nb,Two\nc,Three\n";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn table_of_checks() {
    let header = "user_id,item_id\n";
    let timed = "user_id,item_id,timestamp\n";
    let cases = [
        (
            "rejected-rows",
            format!("{header}u,a\n,b\n"),
            ITEMS,
            "WARN 1 of 5 rows rejected; see rejected.jsonl; e.g. DIR/log.csv: 1 × missing id",
        ),
        (
            "duplicate-ids",
            format!("{header}u,a\n"),
            "item_id,title\na,One\na,Two\n",
            "WARN 1 rows repeat an id; the first was kept; e.g. DIR/items.csv, line 3, 'item_id': 'a', which line 2 has already",
        ),
        (
            "unknown-items",
            format!("{header}u,a\nu,x\nu,y\n"),
            ITEMS,
            "FAIL 2 items are not in the catalogue and have no text; they have 66.7% of the events; e.g. x, y",
        ),
        (
            "empty-texts",
            format!("{header}u,a\n"),
            "item_id,title\na,One\nb,\n",
            "WARN 1 of 2 items have no text (50.0%); e.g. b",
        ),
        (
            "empty-texts",
            format!("{header}u,a\n"),
            "",
            "WARN items have ids and no text: models that read have nothing to read",
        ),
        (
            "duplicate-texts",
            format!("{header}u,a\n"),
            "item_id,title\na,One\nb,One\n",
            "WARN 1 of 2 items say the same as an earlier one (50.0%); e.g. b as a",
        ),
        (
            "constant-fields",
            format!("{header}u,a\n"),
            "item_id,title\na,One\nb,One\n",
            "WARN 1 columns have the same value throughout; e.g. items: title",
        ),
        (
            "untouched-items",
            format!("{header}u,a\n"),
            ITEMS,
            "WARN 2 of 3 items have no event (66.7%); e.g. b, c",
        ),
        // u has 2 of 5 events: 40%.
        (
            "heavy-user",
            format!("{header}u,a\nu,b\nv,a\nw,a\nx,a\n"),
            "",
            "FAIL the busiest user has 2 of 5 events (40.0%); e.g. u",
        ),
        (
            "heavy-item",
            format!("{header}u,a\nv,b\nw,c\nx,d\n"),
            "",
            "WARN the busiest item has 1 of 4 events (25.0%); e.g. d",
        ),
        (
            "one-event-users",
            format!("{header}u,a\nv,b\nw,c\nw,d\n"),
            "",
            "WARN 2 of 3 users with events have one event (66.7%)",
        ),
        (
            "leave-one-out",
            format!("{header}u,a\nu,a\nu,b\n"),
            "",
            "FAIL 0 of 1 users have the 3 distinct items it takes to train, choose and test (0.0%)",
        ),
        (
            "density",
            format!("{header}u,a\nv,b\n"),
            "",
            "PASS 2 users, 2 items, 2 events; 50.0000% of all pairs occur",
        ),
        (
            "repeated-events",
            format!("{header}u,a\nu,a\nu,b\n"),
            "",
            "WARN 1 of 3 events repeat an earlier pair of user and item (33.3%)",
        ),
        (
            "constant-values",
            "user_id,item_id,rating\nu,a,5\nu,b,5\n".into(),
            "",
            "WARN every value is 5: it carries no information",
        ),
        (
            "clock",
            format!("{timed}u,a,1000000000\nu,b,1100000000\n"),
            "",
            "PASS timestamps from 2001-09-09 to 2004-11-09",
        ),
        (
            "clock",
            format!("{timed}u,a,1000000000\nu,b,0\n"),
            "",
            "WARN timestamps from 1970-01-01 to 2001-09-09; the earliest are implausible, is the unit right?",
        ),
        (
            "time-order",
            format!("{timed}u,a,1000000000\nu,b,1000000000\n"),
            "",
            "FAIL all times are equal",
        ),
        (
            "time-order",
            format!("{timed}u,a,1000000001\nu,b,1000000000\nv,a,1000000000\n"),
            "",
            "PASS 0 events (0.0%) have the time of the one before; 1 stood before an earlier one of their user and were sorted",
        ),
        (
            "future-events",
            format!("{timed}u,a,1000000000\nu,b,1700000000\n"),
            "",
            "FAIL 1 events (50.0%) lie after 2020-09-13; e.g. user u on 2023-11-14",
        ),
    ];
    for (name, log, items, expected) in cases {
        assert_eq!(check(&log, items, name), expected, "{name}");
    }
}

#[test]
fn good_data_passes() {
    let mut log = String::from("user_id,item_id,timestamp\n");
    for user in 0..20 {
        for k in 0..5 {
            let item = (user + k * 3) % 20;
            log.push_str(&format!(
                "u{user},i{item},{}\n",
                1_000_000_000 + user * 1000 + k
            ));
        }
    }
    let mut items = String::from("item_id,title\n");
    for i in 0..20 {
        items.push_str(&format!("i{i},Thing number {i}\n"));
    }
    let files = Scratch::new(&[("log.csv", log.as_bytes()), ("items.csv", items.as_bytes())]);
    let import = files.import("log.csv", "items.csv").unwrap();
    let options = ValidateOptions {
        now: Some(1_600_000_000),
        report: Some(&import.report),
        ..ValidateOptions::default()
    };
    let checks = validate(&import.dataset, &options);
    assert_eq!(checks.len(), 17);
    for check in checks {
        assert_eq!(check.level, Level::Pass, "{check}");
    }
}
