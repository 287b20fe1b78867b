//! Roles found out from names and values, and roles told.

use crate::scratch::{Scratch, events, roles, texts};
use semrec_data::import;

const LOG: &[u8] = b"user_id,item_id\nu,1\nu,2\nu,3\n";

#[test]
fn names_of_ids() {
    for header in [
        "user_id,item_id",
        "userId,movieId",
        "customer,sku",
        "reviewerID,asin",
        "uid,product_id",
        "visitorid,itemid",
    ] {
        let content = format!("{header}\nu,a\nu,b\n");
        let files = Scratch::new(&[("log.csv", content.as_bytes())]);
        let import = files.import("log.csv", "").unwrap();
        let (user, item) = header.split_once(',').unwrap();
        assert_eq!(roles(&import, 0), format!("{user}=user {item}=item"));
    }
}

#[test]
fn an_id_column_known_only_from_the_other_file() {
    let files = Scratch::new(&[
        ("log.csv", b"who,code\nu,1\nv,2\n"),
        ("items.csv", b"code,title\n1,One\n2,Two\n"),
    ]);
    let mut options = files.options("log.csv", "items.csv");
    options.roles = "user=who".parse().unwrap();
    let found = import(&options, &|_, _, _| ()).unwrap();
    assert_eq!(texts(&found.dataset), ["1: One", "2: Two"]);
    // Of two columns that could be the id, the one the interactions have.
    let files = Scratch::new(&[
        ("log.csv", b"user_id,asin\nu,x\n"),
        ("items.csv", b"product_id,asin,title\n1,x,One\n"),
    ]);
    let found = files.import("log.csv", "items.csv").unwrap();
    assert_eq!(found.dataset.items.ids.name(0), "x");
}

#[test]
fn columns_of_items_by_their_values() {
    // Ten rows each, so that labels repeat.
    let cases: &[(&str, [&str; 3], &str)] = &[
        (
            "genres",
            ["Adventure|Animation", "Comedy", "Comedy|Drama"],
            "category",
        ),
        ("genres", ["Comedy Drama", "Comedy", "Drama"], "category"),
        (
            "brand",
            ["Sealed Unit Parts Co., Inc.", "Stanley", "Bostitch"],
            "category",
        ),
        ("title", ["Heat", "Heat", "Heat"], "text"),
        ("title", ["1984", "300", "1917"], "text"),
        (
            "remarks",
            [
                "a long line of plain words",
                "and one more of these",
                "third",
            ],
            "text",
        ),
        ("shade", ["red", "blue", "red"], "category"),
        ("price", ["1.5", "2", ""], "number"),
        ("imdbId", ["0114709", "0113497", "0113228"], "ignore"),
        (
            "released",
            ["2014-12-12", "2015-01-01", "2016-02-02"],
            "time",
        ),
        ("photo", ["a.jpg", "b.jpg", "c.png"], "image"),
        ("nothing", ["", "", ""], "ignore"),
        (
            "categories",
            ["['Home', 'Light']", "['Home']", "[]"],
            "category",
        ),
    ];
    for (name, values, expected) in cases {
        let mut items = format!("item_id,{name}\n");
        for i in 0..30 {
            items.push_str(&format!("{i},\"{}\"\n", values[i % 3]));
        }
        let files = Scratch::new(&[("log.csv", LOG), ("items.csv", items.as_bytes())]);
        let import = files.import("log.csv", "items.csv").unwrap();
        let column = &import.report.files[0].columns[1];
        assert_eq!(&column.role, expected, "{name}: {}", column.why);
    }
}

#[test]
fn times_too_small_for_seconds_are_an_order() {
    let files = Scratch::new(&[("log.csv", b"user,item,timestamp\nu,a,1\nu,b,0\nv,a,0\n")]);
    let import = files.import("log.csv", "").unwrap();
    assert_eq!(roles(&import, 0), "user=user item=item timestamp=position");
    assert_eq!(events(&import.dataset)[0], "u b 1 0 interaction Train");
}

#[test]
fn roles_told_win() {
    let files = Scratch::new(&[
        ("log.csv", b"user,item,rating,rank\nu,1,5,2\nu,2,4,1\n"),
        ("items.csv", b"item,title,note,code\n1,One,n,x\n2,Two,n,y\n"),
    ]);
    let mut options = files.options("log.csv", "items.csv");
    options.roles = "ignore=rating,text=note+code,items.ignore=title,position=rank"
        .parse()
        .unwrap();
    let import = import(&options, &|_, _, _| ()).unwrap();
    assert_eq!(texts(&import.dataset), ["1: n. x", "2: n. y"]);
    assert_eq!(
        events(&import.dataset),
        ["u 2 1 1 interaction Train", "u 1 1 2 interaction Train"]
    );
}

#[test]
fn the_report_reads_well() {
    let files = Scratch::new(&[
        (
            "log.csv",
            b"user,item,rating,,\nu,1,5,,\nu,9,x,,\nu,7,4,,junk\n",
        ),
        ("items.csv", b"item,title\n1,One\n2,Two\n"),
    ]);
    let mut options = files.options("log.csv", "items.csv");
    options.max_rejected_share = 0.5;
    let import = import(&options, &|_, _, _| ()).unwrap();
    let dir = files.dir().display().to_string();
    insta::assert_snapshot!(import.report.to_string().replace(&dir, "DIR"), @"
    items: DIR/items.csv, csv with ',': 2 rows, 2 accepted, 0 rejected
      item   item  the interactions have it too, e.g. 1
      title  text  by its name, e.g. One

    interactions: DIR/log.csv, csv with ',': 3 rows, 2 accepted, 1 rejected
      user    user   by its name, e.g. u
      item    item   by its name, e.g. 1
      rating  value  by its name, e.g. 5
      note: 2 columns without a name are ignored
      rejected: 1 × not a number (line 3, 'rating': 'x')

    1 items are in the interactions but not in the catalogue, such as 7; they were added without text
    ");
}
