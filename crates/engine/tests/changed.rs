//! What is written after a bundle was made is in the next answer; what is deleted is in none.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod shop;

use semrec_data::Event;
use semrec_engine::{Change, Engine, Filter, Reply, Request};
use serde_json::{Value, json};
use shop::{bundle, bundle_of};

fn open() -> (tempfile::TempDir, Engine) {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle(dir.path());
    let engine = Engine::open(&path).unwrap();
    (dir, engine)
}

fn put(engine: &Engine, id: &str, item: &Value) -> Engine {
    let record = engine.record(id, item.as_object().unwrap()).unwrap();
    engine.changed(&[Change::Put(record)]).unwrap()
}

fn delete(engine: &Engine, id: &str) -> Engine {
    engine.changed(&[Change::Delete(id.to_owned())]).unwrap()
}

fn of(history: &[&str]) -> Request {
    Request {
        history: history.iter().map(|&id| id.to_owned()).collect(),
        k: 40,
        ..Request::default()
    }
}

fn ids(reply: &Reply) -> Vec<&str> {
    reply.items.iter().map(|r| r.item.as_str()).collect()
}

/// Ids of what goes by its text, without what is filled up by popularity.
fn read(reply: &Reply) -> Vec<&str> {
    let read = reply.items.iter().filter(|r| r.source == "content");
    read.map(|r| r.item.as_str()).collect()
}

#[test]
fn a_new_item_is_found_recommended_and_asked_about() {
    let (_dir, before) = open();
    let lamp = json!({"title": "a lamp for room 4"});
    let after = put(&before, "new", &lamp);
    assert_eq!((before.n_items(), after.n_items()), (30, 31));
    assert_eq!(
        ids(&after.search("a lamp for room 4", 2).unwrap()),
        ["i4", "new"]
    );
    assert_eq!(
        ids(&before.search("a lamp for room 4", 40).unwrap()).len(),
        27
    );
    let first = |reply: Reply| ids(&reply)[0].to_owned();
    assert_eq!(first(after.recommend(&of(&["i4"])).unwrap()), "new");
    assert_eq!(first(after.similar("i4", 3, true).unwrap()), "new");
    // Who touched it is like who touched what reads the same.
    let by = |engine: &Engine, id| {
        let request = Request {
            include_seen: true,
            ..of(&[id])
        };
        engine.recommend(&request).unwrap()
    };
    assert_eq!(read(&by(&after, "new")), read(&by(&after, "i4")));
    let why = &after
        .recommend(&Request {
            explain: true,
            ..of(&["new"])
        })
        .unwrap()
        .items[0];
    assert_eq!(
        (why.item.as_str(), why.reasons[0].item.as_deref()),
        ("i4", Some("new"))
    );
    assert!(why.why.contains("a lamp for room 4"), "{}", why.why);
    let error = before.recommend(&of(&["new"])).unwrap_err().to_string();
    assert_eq!(
        error,
        "'new' of the history is not among the 30 items of this bundle"
    );
}

#[test]
fn what_reads_otherwise_goes_with_others_and_what_is_gone_is_nowhere() {
    let (_dir, before) = open();
    let like = |engine: &Engine| ids(&engine.similar("i0", 1, false).unwrap())[0].to_owned();
    assert_ne!(like(&before), "i1");
    let after = put(&before, "i1", &json!({"title": "a kettle for room 0"}));
    assert_eq!(like(&after), "i1");
    assert_eq!(after.title("i1"), Some("a kettle for room 0"));
    let gone = delete(&after, "i1");
    assert_eq!(gone.n_items(), 29);
    assert_ne!(like(&gone), "i1");
    let everything = [
        gone.recommend(&of(&["i0"])).unwrap(),
        gone.search("a kettle", 40).unwrap(),
        gone.similar("i0", 40, false).unwrap(),
    ];
    for reply in everything {
        assert!(!ids(&reply).contains(&"i1"), "{reply:?}");
    }
    assert_eq!(gone.item("i1"), None);
    // It still says something of those who touched it, and comes back under its number.
    assert!(gone.recommend(&of(&["i1"])).is_ok());
    let back = put(&gone, "i1", &json!({"title": "a kettle for room 0"}));
    assert_eq!(like(&back), "i1");
    assert_eq!(delete(&back, "unheard of").n_items(), 30);
}

/// A model that reads nothing goes on as it was, and the new item is among the popular ones.
#[test]
fn a_model_without_texts_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = bundle_of(dir.path(), "item-knn");
    let before = Engine::open(&path).unwrap();
    let after = put(&before, "new", &json!({"title": "a lamp for room 4"}));
    let known = |engine: &Engine, history: &[&str]| {
        let reply = engine.recommend(&of(history)).unwrap();
        let known = reply.items.into_iter().filter(|r| r.source == "item-knn");
        known.map(|r| r.item).collect::<Vec<_>>()
    };
    assert_eq!(known(&after, &["i4"]), known(&before, &["i4"]));
    assert_eq!(known(&after, &["new", "i4"]), known(&before, &["i4"]));
    let all = after.recommend(&of(&["i4"])).unwrap();
    assert!(ids(&all).contains(&"new"));
}

#[test]
fn answers_keep_to_what_is_asked_for() {
    let (_dir, engine) = open();
    let engine = put(
        &engine,
        "i3",
        &json!({"title": "a kettle for room 3", "price": 5, "in_stock": true}),
    );
    let engine = put(
        &engine,
        "i6",
        &json!({"title": "a kettle for room 6", "price": 30, "in_stock": true}),
    );
    let engine = put(
        &engine,
        "i12",
        &json!({"title": "a kettle for room 12", "expires_at": 100}),
    );
    let ask = |request: Request| engine.recommend(&request).unwrap();
    let filter = Filter::parse("price < 20 and in_stock").unwrap();
    let filtered = ask(Request {
        filter,
        ..of(&["i0"])
    });
    assert_eq!(ids(&filtered), ["i3"]);
    let filter = Filter::parse("price > 100").unwrap();
    let nothing = ask(Request {
        filter,
        ..of(&["i0"])
    });
    assert_eq!(nothing.items, []);
    assert_eq!(
        nothing.notes.last().unwrap(),
        "nothing is left to recommend: no item that was not seen passes the filter"
    );
    for (now, there) in [(None, true), (Some(99), true), (Some(100), false)] {
        let reply = ask(Request { now, ..of(&["i0"]) });
        assert_eq!(ids(&reply).contains(&"i12"), there, "{now:?}");
    }
    let negative = vec!["i3".to_owned()];
    let others = ask(Request {
        negative,
        k: 5,
        ..of(&["i0"])
    });
    let plain = ask(Request {
        k: 5,
        ..of(&["i0"])
    });
    assert!(!ids(&others).contains(&"i3"));
    assert_ne!(ids(&others), ids(&plain));
    let diverse = ask(Request {
        diversity: 0.9,
        k: 5,
        ..of(&["i0"])
    });
    assert_eq!(ids(&diverse)[0], ids(&plain)[0]);
    assert_ne!(ids(&diverse), ids(&plain));
}

#[test]
fn together_they_are_answered_as_one_by_one() {
    let (_dir, engine) = open();
    let event = |item| Event {
        item,
        value: 1.0,
        time: 0,
    };
    let histories = [vec![event(4)], vec![], vec![event(7), event(400)], vec![]];
    let text = Some("a chair".to_owned());
    let requests = [
        of(&["i2"]),
        Request {
            text: text.clone(),
            ..of(&[])
        },
        Request {
            text,
            filter: Filter::parse("colour").unwrap(),
            ..of(&[])
        },
        of(&["unheard of"]),
    ];
    let both: Vec<_> = histories.iter().map(Vec::as_slice).zip(&requests).collect();
    let together = engine.recommend_each(&both);
    for (one, &question) in together.iter().zip(&both) {
        let alone = engine.recommend_each(&[question]).swap_remove(0);
        match (one, alone) {
            (Ok(one), Ok(alone)) => assert_eq!(ids(one), ids(&alone)),
            (Err(one), Err(alone)) => assert_eq!(one.to_string(), alone.to_string()),
            (one, alone) => panic!("{one:?} and {alone:?}"),
        }
    }
    assert!(together[0].is_ok() && together[1].is_ok());
    assert!(together[2].is_err() && together[3].is_err());
}

/// Taking away what is named as the reason lowers the score.
#[test]
fn the_evidence_that_is_named_carries_the_score() {
    let (_dir, engine) = open();
    let history = ["i4", "i5", "i0"];
    let request = Request {
        explain: true,
        k: 1,
        ..of(&history)
    };
    let best = engine.recommend(&request).unwrap().items.swap_remove(0);
    let evidence = best.reasons[0].item.clone().unwrap();
    let rest: Vec<&str> = history.into_iter().filter(|id| **id != *evidence).collect();
    let without = engine.recommend(&of(&rest)).unwrap();
    let then = without.items.iter().find(|r| r.item == best.item).unwrap();
    assert!(
        then.score < best.score,
        "{} without {evidence}, {} with it",
        then.score,
        best.score
    );
}
