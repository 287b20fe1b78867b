//! What is written is there, once, whatever happens after.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use semrec_data::{Clock, Dataset, Event, Field, Ids, Interactions, Part, Row, Table, Values};
use semrec_store::{
    Condition, NewEvent, Place, Put, Store, StoreError, StoredKey, StoredUser, Taken, Who,
    hash_of_person,
};
use serde_json::{Map, Value, json};
use std::path::Path;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn event(user: &str, item: &str, time: i64, key: Option<&str>) -> NewEvent {
    NewEvent {
        user: user.to_owned(),
        item: item.to_owned(),
        kind: "click".to_owned(),
        value: 1.0,
        time,
        key: key.map(str::to_owned),
    }
}

/// A store in memory, one in a file, and one in a schema of its own where there is PostgreSQL (see
/// `scripts/with-postgres.sh`).
fn stores(test: &str) -> (tempfile::TempDir, Vec<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let file = Store::open(&dir.path().join("s.db")).unwrap();
    let mut stores = vec![Store::in_memory().unwrap(), file];
    stores.extend(postgres(test).map(|place| Store::at(&place).unwrap()));
    (dir, stores)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the test script tells where it is"
)]
fn postgres(test: &str) -> Option<Place> {
    let url = std::env::var("SEMREC_TEST_POSTGRES").ok()?;
    let schema = format!("{url}&schema=t{}_{test}", std::process::id());
    Some(schema.parse().unwrap())
}

#[test]
fn versions_go_up_and_conditions_are_kept() {
    let (_dir, stores) = stores("versions");
    for store in &stores {
        let (lamp, chair) = (
            object(&json!({"title": "Lamp"})),
            object(&json!({"title": "Chair"})),
        );
        let put = |what: &Map<String, Value>, condition| {
            store.put_items(&[("a", what)], condition, 9).unwrap()[0]
        };
        assert_eq!(put(&lamp, Condition::Version(1)), Put::Refused(None));
        assert_eq!(put(&lamp, Condition::Absent), Put::Created(1));
        assert_eq!(put(&lamp, Condition::Absent), Put::Refused(Some(1)));
        assert_eq!(put(&lamp, Condition::Any), Put::Same(1));
        assert_eq!(put(&chair, Condition::Version(1)), Put::Replaced(2));
        assert_eq!(put(&lamp, Condition::Version(1)), Put::Refused(Some(2)));
        let there = store.item("a").unwrap().unwrap();
        assert_eq!(
            (there.object, there.version, there.changed),
            (Some(chair.clone()), 2, 9)
        );
        let delete = |condition| store.delete_item("a", condition, 9).unwrap();
        assert_eq!(delete(Condition::Version(1)), Put::Refused(Some(2)));
        assert_eq!(delete(Condition::Any), Put::Replaced(3));
        assert_eq!(delete(Condition::Any), Put::Refused(None));
        assert_eq!(store.item("a").unwrap(), None);
        // The version goes on, so that an old one is never right again.
        assert_eq!(put(&chair, Condition::Absent), Put::Created(4));
    }
}

#[test]
fn changes_are_told_in_their_order_and_items_in_that_of_their_ids() {
    let (_dir, stores) = stores("changes");
    for store in &stores {
        let some = object(&json!({"n": 1}));
        let items: Vec<(&str, _)> = ["c", "a", "b"].map(|id| (id, &some)).to_vec();
        store.put_items(&items, Condition::Any, 1).unwrap();
        let first = store.changed_items(0, 10).unwrap();
        assert_eq!(
            first.iter().map(|i| i.id.as_str()).collect::<String>(),
            "cab"
        );
        let newest = first[2].seq;
        let other = object(&json!({"n": 2}));
        store
            .put_items(&[("c", &other)], Condition::Any, 2)
            .unwrap();
        store.delete_item("a", Condition::Any, 3).unwrap();
        let then = store.changed_items(newest, 10).unwrap();
        let then: Vec<_> = then
            .iter()
            .map(|i| (i.id.as_str(), i.object.is_some()))
            .collect();
        assert_eq!(then, [("c", true), ("a", false)]);
        let page = store.items_after("", 1).unwrap();
        assert_eq!(page[0].id, "b");
        assert_eq!(store.items_after("b", 9).unwrap()[0].id, "c");
    }
}

#[test]
fn an_event_counts_once_and_a_person_is_forgotten() {
    let (_dir, stores) = stores("events");
    for store in &stores {
        let events = [
            event("u", "a", 5, Some("k1")),
            event("u", "b", 3, None),
            event("v", "a", 4, None),
            event("u", "c", 9, Some("k1")),
        ];
        let taken = store.add_events(&events).unwrap();
        assert_eq!(taken[3], Taken::Before);
        assert!(taken[..3].iter().all(|t| t.is_new()));
        let of = |user, limit| {
            let events = store.events_of(user, limit).unwrap();
            events.iter().map(|e| e.item.as_str()).collect::<String>()
        };
        assert_eq!(
            (of("u", 9), of("u", 1), of("w", 9)),
            ("ba".into(), "a".into(), String::new())
        );
        let page = |place, limit| {
            let events = store.events_before("u", place, limit).unwrap();
            let told = events.into_iter().map(|e| (e.item, e.time, e.seq));
            told.collect::<Vec<_>>()
        };
        let first = page((i64::MAX, u64::MAX), 1);
        assert_eq!((&*first[0].0, first[0].1), ("a", 5));
        let second = page((first[0].1, first[0].2), 9);
        assert_eq!((second.len(), &*second[0].0, second[0].1), (1, "b", 3));
        assert!(page((second[0].1, second[0].2), 9).is_empty());
        let mut all = Vec::new();
        store.each_event(1, |e| all.push(e.item)).unwrap();
        assert_eq!((all.concat(), store.n_events().unwrap()), ("ba".into(), 3));
        assert_eq!(store.forget_user("u", 5).unwrap().events, 2);
        assert_eq!((of("u", 9), store.n_events().unwrap()), (String::new(), 1));
    }
}

/// Opened again, all is there; no byte of a forgotten person is left once the log is written back.
#[test]
fn a_file_keeps_what_it_should_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let store = Store::open(&path).unwrap();
    store
        .add_events(&[
            event("somebody-special", "a", 1, None),
            event("v", "b", 2, None),
        ])
        .unwrap();
    store.forget_user("somebody-special", 5).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.events_of("v", 9).unwrap()[0].item, "b");
    drop(store);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mut windows = bytes.windows(16);
        assert!(!windows.any(|w| w == b"somebody-special"));
    }
}

#[test]
fn keys_are_found_by_their_hashes() {
    let key = StoredKey {
        hash: [7; 32],
        name: "shop".to_owned(),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        created: 5,
    };
    let (_dir, stores) = stores("keys");
    for store in &stores {
        assert!(store.add_key(&key).unwrap());
        let same_name = StoredKey {
            hash: [8; 32],
            ..key.clone()
        };
        assert!(!store.add_key(&same_name).unwrap());
        assert_eq!(store.key(&[7; 32]).unwrap().unwrap(), key);
        assert_eq!(store.key(&[8; 32]).unwrap(), None);
        assert_eq!(store.keys().unwrap().len(), 1);
        assert!(store.remove_key("shop").unwrap() && !store.remove_key("shop").unwrap());
    }
}

/// The first user's rating of the second item.
fn rated() -> Row {
    Row {
        user: 0,
        event: Event {
            item: 1,
            value: 4.5,
            time: 7,
        },
        kind: 0,
        part: Part::Train,
    }
}

#[test]
fn a_data_set_is_taken_over_once() {
    let mut items = Table::of_ids(["a", "b"].into_iter().collect::<Ids>());
    items.fields = vec![Field {
        name: "title".to_owned(),
        values: Values::Text(vec!["Lamp".to_owned(), String::new()]),
    }];
    let users = Table::of_ids(["u"].into_iter().collect::<Ids>());
    let row = rated();
    let log = Interactions::from_rows(&[row], 1, 2, Clock::Seconds);
    let dataset = Dataset::new("shop", items, users, log, vec!["rating".to_owned()]);
    let (_dir, stores) = stores("seed");
    for store in &stores {
        let same = store.seed(&dataset, 1, &str::to_owned).unwrap();
        assert_eq!(store.seed(&dataset, 1, &str::to_owned).unwrap(), same);
        assert_eq!(store.changed_items(same, 9).unwrap(), []);
        assert_eq!(store.changed_items(0, 9).unwrap().len(), 2);
        let title = |id: &str| store.item(id).unwrap().map(|item| item.object.unwrap());
        assert_eq!(title("a"), Some(object(&json!({"title": "Lamp"}))));
        let event = store.events_of("u", 9).unwrap().swap_remove(0);
        assert_eq!(
            (&*event.item, &*event.kind, event.value, event.time),
            ("b", "rating", 4.5, 7)
        );
        // Of another data set come the items that are new; what was written or deleted since stays.
        store.delete_item("b", Condition::Any, 2).unwrap();
        let mut items = Table::of_ids(["a", "b", "c"].into_iter().collect::<Ids>());
        items.fields = vec![Field {
            name: "title".to_owned(),
            values: Values::Text(["Old lamp", "Bread", "Chair"].map(str::to_owned).to_vec()),
        }];
        let log = Interactions::from_rows(&[row], 1, 3, Clock::Seconds);
        let users = Table::of_ids(["u"].into_iter().collect::<Ids>());
        let newer = Dataset::new("shop", items, users, log, vec!["rating".to_owned()]);
        for _ in 0..2 {
            assert_eq!(store.seed(&newer, 3, &str::to_owned).unwrap(), 0);
        }
        assert_eq!(title("a"), Some(object(&json!({"title": "Lamp"}))));
        assert_eq!(title("b"), None);
        assert_eq!(title("c"), Some(object(&json!({"title": "Chair"}))));
        assert_eq!(store.n_events().unwrap(), 1);
    }
}

fn refused(path: &Path) -> String {
    let error = Store::open(path).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    error.to_string().replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn what_is_no_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    std::fs::write(
        &text,
        "a text, and not a short one at all, that is no data base".repeat(40),
    )
    .unwrap();
    insta::assert_snapshot!(refused(&text), @"FILE: is no data base; name a file that is not there, or a store");
    let other = dir.path().join("other");
    let base = rusqlite::Connection::open(&other).unwrap();
    base.execute_batch("CREATE TABLE t (x)").unwrap();
    insta::assert_snapshot!(refused(&other), @"FILE: is a data base of another program; name a file that is not there, or a store");
    let newer = dir.path().join("newer");
    drop(Store::open(&newer).unwrap());
    let base = rusqlite::Connection::open(&newer).unwrap();
    base.pragma_update(None, "user_version", 99).unwrap();
    insta::assert_snapshot!(refused(&newer), @"FILE: is a store of version 99; this program knows up to 3: use a newer one");
    assert!(Store::open(&dir.path().join("no/such/place")).is_err());
}

/// What is taken over and given back unchanged is the same data set; deleted items stay as long as
/// somebody chose them.
#[test]
fn the_store_is_a_data_set_again() {
    let text = |values: &[&str]| Field {
        name: "title".to_owned(),
        values: Values::Text(values.iter().map(|&v| v.to_owned()).collect()),
    };
    let mut items = Table::of_ids(["a", "b"].into_iter().collect::<Ids>());
    items.fields = vec![text(&["Lamp", "Bread"])];
    let mut users = Table::of_ids(["u", "w"].into_iter().collect::<Ids>());
    users.fields = vec![text(&["", "I like lamps"])];
    let row = rated();
    let log = Interactions::from_rows(&[row], 2, 2, Clock::Seconds);
    let dataset = Dataset::new("shop", items, users, log, vec!["rating".to_owned()]);
    let (_dir, stores) = stores("snapshot");
    for store in &stores {
        store.seed(&dataset, 1, &str::to_owned).unwrap();
        assert_eq!(store.seeded_events().unwrap(), 1);
        let same = store.snapshot(&dataset, 1).unwrap();
        assert_eq!(same.unknown, 0);
        let same = same.dataset;
        assert_eq!(same.items.fields, dataset.items.fields);
        assert_eq!(same.interactions.rows().count(), 1);
        let ids = |table: &Table| table.ids.iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(ids(&same.users), ["w", "u"]);
        assert_eq!(same.users.text(0), "I like lamps");

        let chair = object(&json!({"title": "Chair", "color": ["red"]}));
        store
            .put_items(&[("c", &chair)], Condition::Any, 2)
            .unwrap();
        store.delete_item("a", Condition::Any, 3).unwrap();
        store.delete_item("b", Condition::Any, 3).unwrap();
        let event = |item: &str, time| NewEvent {
            user: "v".to_owned(),
            item: item.to_owned(),
            kind: "click".to_owned(),
            value: 1.0,
            time,
            key: None,
        };
        let events = [
            event("c", 9),
            event("nowhere", 10),
            event("b", 11),
            event("c", 12),
        ];
        store.add_events(&events).unwrap();
        store.forget_user("w", 4).unwrap();
        assert_eq!(store.last_forgotten().unwrap(), Some(4));
        assert_eq!(store.n_events_after(1).unwrap(), 4);
        let newest = store.newest_events(1, 2).unwrap();
        assert_eq!(newest.iter().map(|e| e.time).collect::<Vec<_>>(), [11, 12]);

        // Up to the third of the new events.
        let taken = store.snapshot(&dataset, newest[0].seq).unwrap();
        assert_eq!(taken.unknown, 1);
        assert_eq!(store.changed_items(taken.items_until, 9).unwrap(), []);
        let taken = taken.dataset;
        assert_eq!(ids(&taken.items), ["b", "c"]);
        assert_eq!(ids(&taken.users), ["u", "v"]);
        assert_eq!(taken.items.title(0), "Bread");
        assert_eq!(taken.items.text(1), "Chair. red");
        assert_eq!(taken.kinds, ["rating", "click"]);
        let of_v = taken.interactions.of_user(1);
        assert_eq!(of_v.iter().map(|e| e.item).collect::<Vec<_>>(), [1, 0]);
    }
}

/// Whoever reads on after a place learns of everybody whose past is not what it was, and nothing of
/// who was forgotten.
#[test]
fn changes_of_people_are_told_after_a_place() {
    let (_dir, stores) = stores("people");
    let hour = 3600;
    for store in &stores {
        let events = [
            event("u", "a", 5, None),
            event("v", "a", 5, None),
            event("w", "b", 6, None),
        ];
        store.add_events(&events).unwrap();
        assert_eq!(store.last_people_change().unwrap(), 0);
        let said = StoredUser {
            id: "n".to_owned(),
            object: object(&json!({"comment": "new here"})),
        };
        store.put_users(&[said], 10).unwrap();
        let between = [
            ("v", "a", None),
            ("v", "a", Some("click")),
            ("u", "nowhere", None),
        ];
        assert_eq!(store.delete_events(&between, 11).unwrap(), 1);
        store.delete_events(&[("w", "b", None)], 12).unwrap();
        let told = |after| {
            let changes = store.people_changes(after).unwrap();
            let told = changes.into_iter().map(|change| change.who);
            told.collect::<Vec<_>>()
        };
        let person = |id: &str| Who::Person(id.to_owned());
        assert_eq!(told(0), [person("n"), person("v"), person("w")]);
        let after = store.people_changes(0).unwrap()[0].seq;
        store.forget_user("v", 12).unwrap();
        assert_eq!(
            told(after),
            [person("w"), Who::Forgotten(hash_of_person("v"))]
        );
        let newest = store.last_people_change().unwrap();
        assert_eq!(told(newest), []);
        // What is old is gone, and whoever did not read it yet is told so.
        store.forget_user("nobody", 13 + hour).unwrap();
        let last = Who::Forgotten(hash_of_person("nobody"));
        assert_eq!(told(newest), std::slice::from_ref(&last));
        assert_eq!(told(after), [Who::Anybody, last]);
    }
}

/// The same rows as Parquet files, whichever data base they come from and go to.
#[test]
fn an_archive_goes_from_one_data_base_to_another() {
    let home = tempfile::tempdir().unwrap();
    let lamp = object(&json!({"title": "Lamp, \u{0}“bright”"}));
    let fill = |store: &Store| {
        for id in ["a", "b", "c"] {
            store.put_items(&[(id, &lamp)], Condition::Any, 5).unwrap();
        }
        store.delete_item("b", Condition::Any, 6).unwrap();
        let mut events = vec![event("u", "a", 1, Some("k")), event("v", "b", 2, None)];
        store.add_events(&events).unwrap();
        store.forget_user("v", 7).unwrap();
        events.truncate(1);
        assert_eq!(store.add_events(&events).unwrap(), [Taken::Before]);
    };
    let files = |dir: &Path| {
        let names = ["items", "users", "events", "notes"];
        names.map(|name| std::fs::read(dir.join(name).with_extension("parquet")).unwrap())
    };
    let (_dir, from) = stores("archive_from");
    let (_dir, to) = stores("archive_to");
    let archives: Vec<_> = from
        .iter()
        .enumerate()
        .map(|(number, store)| {
            fill(store);
            let dir = home.path().join(number.to_string());
            assert_eq!(store.export(&dir).unwrap(), [3, 0, 1]);
            dir
        })
        .collect();
    for (number, store) in to.iter().enumerate() {
        // Of the data base before it.
        let archive = &archives[(number + 1) % archives.len()];
        assert_eq!(store.import(archive).unwrap(), [3, 0, 1]);
        let again = home.path().join(format!("again {number}"));
        store.export(&again).unwrap();
        assert_eq!(files(archive), files(&again));
        let place = from[(number + 1) % archives.len()].last_event().unwrap();
        let next = store.add_events(&[event("w", "a", 3, None)]).unwrap()[0];
        let Taken::New(next) = next else {
            panic!("{next:?}")
        };
        assert!(
            next > place + 1,
            "the place of a forgotten person's event was given again"
        );
        store.import(archive).unwrap_err();
    }
}

/// What cannot be reached, and what is not ours, is told with its place and without its password.
#[test]
fn a_data_base_that_cannot_be_used_is_told() {
    let place: Place = "postgres://shop:geheim@127.0.0.1:1/items?connect_timeout=1"
        .parse()
        .unwrap();
    let error = Store::at(&place).unwrap_err().to_string();
    assert!(
        error.starts_with("postgres://shop@127.0.0.1:1/items: "),
        "{error}"
    );
    assert!(
        error.contains("refused") && !error.contains("geheim"),
        "{error}"
    );
    let Some(Place::Postgres(_)) = postgres("x") else {
        return;
    };
    let place: Place = postgres("x")
        .unwrap()
        .to_string()
        .replace("schema=t", "schema=pg_catalog_t")
        .parse()
        .unwrap();
    let error = Store::at(&place).unwrap_err().to_string();
    assert!(error.contains("unacceptable schema name"), "{error}");
}

/// Several services write at once: who reads on after a place misses nothing.
#[test]
fn places_are_seen_in_their_order() {
    let Some(place) = postgres("order") else {
        return;
    };
    let store = Store::at(&place).unwrap();
    let (writers, each) = (4, 60);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let place = &place;
            scope.spawn(move || {
                let store = Store::at(place).unwrap();
                for number in 0..each {
                    let user = format!("{writer} {number}");
                    let two = [
                        event(&user, "a", 1, None),
                        event(&user, "b", 1, Some(&user)),
                    ];
                    store.add_events(&two).unwrap();
                }
            });
        }
        let (mut seen, mut last) = (Vec::new(), 0);
        while seen.len() < writers * each * 2 {
            for event in store.events_after(last, None, 50).unwrap() {
                last = event.seq;
                seen.push(event);
            }
        }
        seen.sort_by_key(|event| event.seq);
        seen.dedup_by_key(|event| event.seq);
        assert_eq!(seen.len(), writers * each * 2);
    });
    let held = store.lease("train").unwrap();
    assert!(held.is_some() && store.lease("train").unwrap().is_none());
    assert!(store.lease("other").unwrap().is_some());
    drop(held);
    let again = (0..100).find_map(|_| store.lease("train").unwrap());
    assert!(again.is_some(), "a lock outlived its holder");
}
