//! Items: written, read, changed, deleted, many at once.

use super::{ask, get, service, with};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn an_item_is_recommendable_when_its_put_is_answered_and_gone_when_its_delete_is() {
    let (_dir, router) = service();
    let for_i4 = json!({"history": ["i4"], "k": 3, "explain": true});
    let lamp = json!({"title": "a lamp for room 4", "price": 9.5});
    let put = ask(&router, "PUT /v1/items/new", &lamp).await;
    assert_eq!(put.status, StatusCode::CREATED);
    assert_eq!(put.headers["etag"], "\"1\"");
    assert_eq!(put.json()["result"], "created");
    let first = ask(&router, "POST /v1/recommend", &for_i4).await;
    assert_eq!(first.items()[0], "new");
    let item = &first.json()["items"][0];
    assert_eq!(
        (&item["source"], &item["title"]),
        (&json!("content"), &json!("a lamp for room 4"))
    );
    assert_eq!(item["reasons"][0]["item"], "i4");
    assert!(item["why"].as_str().unwrap().starts_with("reads like"));
    assert!(!first.json()["request_id"].as_str().unwrap().is_empty());
    let search = ask(
        &router,
        "POST /v1/search",
        json!({"query": "a lamp for room 4", "k": 2}),
    )
    .await;
    assert_eq!(search.items(), ["i4", "new"]);
    assert_eq!(
        get(&router, "/v1/items/i4/similar?k=1").await.items(),
        ["new"]
    );
    assert_eq!(get(&router, "/v1/items/new").await.json(), lamp);

    assert_eq!(
        ask(&router, "DELETE /v1/items/new", "").await.json()["result"],
        "deleted"
    );
    let missing = get(&router, "/v1/items/new").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.headers["content-type"], "application/problem+json");
    assert_eq!(missing.json()["detail"], "there is no item 'new'");
    let all = json!({"history": ["i4"], "k": 100});
    let everything = ask(&router, "POST /v1/recommend", &all).await.items();
    assert!(!everything.contains(&"new".to_owned()) && everything.len() == 29);
    assert_eq!(
        ask(&router, "DELETE /v1/items/new", "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get(&router, "/v1/items/new/similar").await.status,
        StatusCode::NOT_FOUND
    );
}

/// Tags and conditions.
#[tokio::test]
async fn what_was_read_before_is_not_written_over() {
    let (_dir, router) = service();
    let lamp = json!({"title": "a lamp for room 4", "price": 9.5});
    ask(&router, "PUT /v1/items/new", &lamp).await;
    let known = with(
        &router,
        "GET /v1/items/new",
        &[("if-none-match", "\"1\"")],
        "",
    )
    .await;
    assert_eq!(
        (known.status, known.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    let old = with(
        &router,
        "PUT /v1/items/new",
        &[("if-match", "\"7\"")],
        json!({"title": "x"}),
    )
    .await;
    assert_eq!(old.status, StatusCode::PRECONDITION_FAILED);
    let again = ask(&router, "PUT /v1/items/new", &lamp).await;
    assert_eq!(
        (again.status, again.json()["result"].clone()),
        (StatusCode::OK, json!("same"))
    );
    let chair = json!({"title": "a chair for room 5"});
    let changed = with(
        &router,
        "PUT /v1/items/new",
        &[("if-match", "\"1\"")],
        &chair,
    )
    .await;
    assert_eq!(changed.json()["result"], "replaced");
    assert_eq!(
        get(&router, "/v1/items/i5/similar?k=1").await.items(),
        ["new"]
    );
}

#[tokio::test]
async fn bulk_items_pages_and_order_on_demand() {
    let (_dir, router) = service();
    let lines = "{\"item_id\": \"a\", \"title\": \"a kettle\"}\n{\"title\": \"nobody\"}\n{\"id\": 7, \"title\": \"a lamp\"}\n";
    let bulk = ask(&router, "POST /v1/items", lines).await.json();
    assert_eq!(
        (&bulk["created"], &bulk["rejected"][0]["line"]),
        (&json!(2), &json!(2))
    );
    let list = json!([{"item_id": "a", "title": "a kettle"}, {"item_id": "7", "title": "a chair"}]);
    let bulk = ask(&router, "POST /v1/items", list).await.json();
    assert_eq!((&bulk["same"], &bulk["replaced"]), (&json!(1), &json!(1)));
    // Of one item that stands twice the last counts, in the store and in answers alike.
    let twice =
        json!([{"item_id": "7", "title": "a kettle"}, {"item_id": "7", "title": "a chair"}]);
    ask(&router, "POST /v1/items", twice).await;
    let stored = get(&router, "/v1/items/7").await.json();
    let found = ask(
        &router,
        "POST /v1/search",
        json!({"query": "a chair", "k": 1}),
    )
    .await;
    assert_eq!(stored["title"], "a chair");
    assert_eq!(found.json()["items"][0]["title"], "a chair");
    let (mut cursor, mut ids) = (String::new(), Vec::new());
    loop {
        let page = get(&router, &format!("/v1/items?limit=10&cursor={cursor}"))
            .await
            .json();
        let items = page["items"].as_array().unwrap().iter();
        ids.extend(items.map(|item| item["item_id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(ids.len(), 32);
    assert!(ids.is_sorted());
    let order = json!({"items": ["i1", "i7", "nope", "i4"], "history": ["i10"]});
    let ordered = ask(&router, "POST /v1/rerank", order).await;
    assert_eq!(ordered.items().len(), 3);
    assert_eq!(
        ordered.json()["notes"][0],
        "1 of the items are not known: nope"
    );
}
