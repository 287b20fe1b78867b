//! The map drawn alone is the map of a mined catalogue.

use semrec_data::{Clock, Dataset, Field, Ids, Interactions, Table, Values};
use semrec_mine::{Config, Input, draw, mine, render};
use semrec_text::Vectors;
use serde_json::Value;

const ITEMS: usize = 90;

/// Three kinds of things, and one item that says nothing.
fn catalogue() -> (Dataset, Vectors) {
    let kinds = ["red lamp", "oak chair", "steel kettle"];
    let title = |i: usize| format!("{} of room {}", kinds[i % 3], i % 7);
    let mut titles: Vec<String> = (0..ITEMS).map(title).collect();
    titles[5] = String::new();
    let mut vectors = Vectors::zeros(ITEMS, 8);
    for i in (0..ITEMS).filter(|&i| i != 5) {
        let row = vectors.row_mut(i);
        row[i % 3] = 1.0;
        row[3 + i % 5] = 0.3 + (i * 37 % 11) as f32 / 40.0;
    }
    vectors.normalise();
    let names: Vec<String> = (0..ITEMS).map(|i| format!("i{i}")).collect();
    let mut items = Table::of_ids(names.iter().map(String::as_str).collect::<Ids>());
    items.fields = vec![Field {
        name: "title".to_owned(),
        values: Values::Text(titles),
    }];
    let log = Interactions::from_rows(&[], 0, ITEMS, Clock::None);
    (
        Dataset::new("rooms", items, Table::default(), log, vec![]),
        vectors,
    )
}

#[test]
fn the_map_alone_is_that_of_the_mined_catalogue() {
    let (dataset, vectors) = catalogue();
    let input = Input {
        dataset: &dataset,
        vectors: &vectors,
        encoder: "none",
        cut: None,
    };
    let config = Config::default();
    let page = render(&mine(&input, &config, &|_, _, _| {}).unwrap(), &dataset).unwrap();
    let (_, data) = page.split_once("id=\"map-data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let mut mined: Value = serde_json::from_str(data).unwrap();
    let titles = mined.as_object_mut().unwrap().remove("title").unwrap();
    let texts = (0u32..).take(ITEMS).map(|i| dataset.items.text(i));
    let map = draw(texts.collect(), &vectors, &config, &|_, _, _| {}).unwrap();
    assert_eq!(serde_json::to_value(&map).unwrap(), mined);
    assert_eq!(map.len(), ITEMS - 1);
    assert!(!map.item.contains(&5));
    let named = map.item.iter().map(|&i| dataset.items.title(i).to_owned());
    assert_eq!(
        serde_json::to_value(named.collect::<Vec<_>>()).unwrap(),
        titles
    );
    assert!(map.topics.len() > 1);
}

#[test]
fn vectors_of_other_items_are_refused() {
    let (_, vectors) = catalogue();
    let error = draw(
        vec!["a".to_owned()],
        &vectors,
        &Config::default(),
        &|_, _, _| {},
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("90") && error.contains('1'), "{error}");
}
