//! What the dashboard shows, and asks for: people, the bundle, the map.

use crate::{ask, config, get, service, started, with};
use axum::http::StatusCode;
use semrec_engine::Engine;
use semrec_serve::Config;
use serde_json::{Value, json};

/// The map, once it is drawn.
async fn map_of(router: &axum::Router) -> Value {
    loop {
        let answer = get(router, "/v1/map").await;
        match answer.status {
            StatusCode::ACCEPTED => assert_eq!(answer.headers["retry-after"], "1"),
            status => {
                assert_eq!(status, StatusCode::OK, "{}", answer.text);
                return answer.json();
            }
        }
        tokio::task::yield_now().await;
    }
}

fn place(map: &Value, item: &str) -> Option<usize> {
    map["item"]
        .as_array()
        .unwrap()
        .iter()
        .position(|i| i == item)
}

#[tokio::test]
async fn the_map_has_what_is_there_and_new_items_beside_what_reads_alike() {
    let (_dir, router) = service();
    let map = map_of(&router).await;
    // Three of the thirty say nothing.
    assert_eq!(map["item"].as_array().unwrap().len(), 27);
    assert_eq!((&map["later"], &map["left_out"]), (&json!(0), &json!(3)));
    for axis in ["x", "y", "topic", "title"] {
        assert_eq!(map[axis].as_array().unwrap().len(), 27, "{axis}");
    }
    let axis = |name: &str| -> Vec<u64> {
        let values = map[name].as_array().unwrap().iter();
        values.map(|v| v.as_u64().unwrap()).collect()
    };
    let (x, y) = (axis("x"), axis("y"));
    let wide = |v: &[u64]| v.iter().max().unwrap() - v.iter().min().unwrap();
    assert_eq!(wide(&x).max(wide(&y)), 10_000);

    let same = json!({"title": "a lamp for room 4"});
    ask(&router, "PUT /v1/items/new", &same).await;
    ask(&router, "DELETE /v1/items/i1", "").await;
    let map = map_of(&router).await;
    assert_eq!((&map["later"], &map["left_out"]), (&json!(1), &json!(3)));
    assert_eq!(place(&map, "i1"), None);
    let (new, old) = (place(&map, "new").unwrap(), place(&map, "i4").unwrap());
    for axis in ["x", "y"] {
        let at = |item: usize| map[axis][item].as_i64().unwrap();
        assert!(
            (at(new) - at(old)).abs() <= 30,
            "{axis}: {} and {}",
            at(new),
            at(old)
        );
    }
    assert_eq!(map["topic"][new], map["topic"][old]);
}

#[test]
fn of_a_large_catalogue_the_map_has_items_evenly_spread() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&crate::shop::bundle(dir.path()).0).unwrap();
    let numbers = |most| engine.survey(most).unwrap().items;
    assert_eq!(numbers(10), (0u32..30).step_by(3).collect::<Vec<_>>());
    assert_eq!(numbers(29), (0u32..30).step_by(2).collect::<Vec<_>>());
    let all = engine.survey(30).unwrap();
    assert_eq!(all.items, (0u32..30).collect::<Vec<_>>());
    assert_eq!((all.texts.len(), all.vectors.len()), (30, 30));
    assert_eq!((&*all.texts[4], &*all.texts[9]), ("a lamp for room 4", ""));
}

#[tokio::test]
async fn what_a_person_did_is_told_newest_first_a_page_at_a_time() {
    let (_dir, router) = service();
    for (item, time) in [("i4", 50), ("gone", 70), ("i5", 70), ("i6", 60)] {
        let event = json!({"user_id": "a/b", "item_id": item, "time": time, "type": "view"});
        ask(&router, "POST /v1/events", event).await;
    }
    let items = |page: &Value| -> Vec<String> {
        let events = page["events"].as_array().unwrap().iter();
        events
            .map(|e| e["item_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = get(&router, "/v1/users/a%2Fb?limit=2").await.json();
    assert_eq!(items(&first), ["i5", "gone"]);
    let told = &first["events"][0];
    assert_eq!(
        (&told["type"], &told["time"], &told["known"], &told["title"]),
        (
            &json!("view"),
            &json!(70),
            &json!(true),
            &json!("a chair for room 5")
        )
    );
    let told = &first["events"][1];
    assert_eq!((&told["known"], told.get("title")), (&json!(false), None));
    let next = first["next"].as_str().unwrap();
    let second = get(&router, &format!("/v1/users/a%2Fb?limit=2&cursor={next}")).await;
    assert_eq!(items(&second.json()), ["i6", "i4"]);
    assert_eq!(second.json().get("next"), None);
    ask(&router, "DELETE /v1/users/a%2Fb", "").await;
    assert_eq!(
        get(&router, "/v1/users/a%2Fb").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_bundle_says_what_it_is_made_of_and_what_was_measured() {
    let (dir, router) = service();
    let bundle = get(&router, "/v1/bundle").await.json();
    assert_eq!(bundle["model"], "content");
    assert_eq!(
        bundle["now"],
        json!({"items": 30, "people": 30, "events": 90})
    );
    assert_eq!(bundle["dataset"]["events"], 90);
    assert_eq!(bundle["fields"], json!(["title"]));
    assert_eq!(bundle.get("results"), None);
    let results = json!({"models": [{"name": "content", "metrics": {"ndcg@10": 0.25}}]});
    semrec_engine::write_results(&dir.path().join("bundle"), &results).unwrap();
    let router = started(dir.path(), config());
    assert_eq!(get(&router, "/v1/bundle").await.json()["results"], results);
    std::fs::write(dir.path().join("bundle/results.json"), "{").unwrap();
    let refused = Engine::open(&dir.path().join("bundle")).unwrap_err();
    assert!(
        refused.to_string().contains("results.json is damaged"),
        "{refused}"
    );
}

/// Everything a page loads is there, under a policy that lets nothing else in.
#[tokio::test]
async fn pages_load_nothing_but_themselves() {
    let (_dir, router) = service();
    let mut open = vec!["/".to_owned(), "/docs".to_owned()];
    let mut seen: Vec<String> = Vec::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        let answer = get(&router, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        for part in answer.text.split(['"', '\'']) {
            if let Some(name) = part.strip_prefix("./").filter(|name| name.ends_with(".js")) {
                open.push(format!("/dashboard/{name}"));
            } else if part.starts_with("/dashboard/") {
                open.push(part.to_owned());
            }
            assert!(
                !part.starts_with("http") || part == "http://www.w3.org/2000/svg",
                "{path}: {part}"
            );
        }
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!answer.text.contains(sink), "{path} has {sink}");
        }
        seen.push(path);
    }
    assert!(seen.len() >= 18, "{seen:?}");
}

#[tokio::test]
async fn pages_of_other_origins_may_not_ask_without_a_key() {
    let (_dir, router) = service();
    let event = json!({"user_id": "u", "item_id": "i1"});
    for (origin, status) in [("http://shop.example", 403), ("http://localhost:8080", 200)] {
        let headers = [("host", "localhost:8080"), ("origin", origin)];
        let answer = with(&router, "POST /v1/events", &headers, &event).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text);
    }
    let rebound = [("host", "shop.example")];
    let answer = with(&router, "GET /v1/users/u1", &rebound, "").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // With keys, the key decides.
    let dir = tempfile::tempdir().unwrap();
    let keys = true;
    let router = started(dir.path(), Config { keys, ..config() });
    for host in ["localhost:8080", "shop.example"] {
        let headers = [("host", host), ("origin", "http://shop.example")];
        let answer = with(&router, "POST /v1/events", &headers, &event).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{host}");
    }
}
