//! Two services on one PostgreSQL: what one is told, the other knows. Without PostgreSQL (see
//! `scripts/with-postgres.sh`) there is nothing to test.

use crate::refit::{Train, after, fitted, learning, pairs, refitted};
use crate::way::Way;
use crate::{Answer, apart, ask, config, get, postgres, said, shop, with};
use axum::Router;
use axum::http::StatusCode;
use semrec_engine::Engine;
use semrec_serve::{Config, Service, hash_of_key, router};
use semrec_store::{Place, Store, StoredKey};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// A service on the schema of a directory.
fn started(dir: &Path, config: Config) -> Option<Router> {
    Some(started_at(&postgres(dir)?, dir, config))
}

fn started_at(place: &Place, dir: &Path, config: Config) -> Router {
    let path = dir.join("bundle");
    if !path.exists() {
        shop::bundle(dir);
    }
    let service = apart(|| {
        let store = Store::at(place).unwrap();
        Service::start(Engine::open(&path).unwrap(), store, config).unwrap()
    });
    router(service)
}

/// Asks until the answer is as expected, for a few seconds: how long that took.
async fn until(
    router: &Router,
    (line, body): (&str, &str),
    expected: impl Fn(&Answer) -> bool,
) -> Duration {
    let began = Instant::now();
    loop {
        let answer = ask(router, line, body).await;
        if expected(&answer) {
            return began.elapsed();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{line}: {}",
            answer.text
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn has(item: &'static str) -> impl Fn(&Answer) -> bool {
    move |answer| answer.items().contains(&item.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_is_told_the_other_knows() {
    let dir = tempfile::tempdir().unwrap();
    let Some(one) = started(dir.path(), config()) else {
        return;
    };
    let other = started(dir.path(), config()).unwrap();
    let of_fresh = ("GET /v1/users/fresh/recommendations?k=5", "");
    let unknown = get(&other, "/v1/users/fresh/recommendations?k=5").await;

    // An event before its item, told to one, and both to the other.
    let click = json!({"user_id": "fresh", "item_id": "new", "time": 5});
    let stored = ask(&one, "POST /v1/events", &click).await.json();
    assert_eq!(stored["unknown_items"], 1);
    let lamp = json!({"title": "a lamp for room 1"});
    let put = ask(&other, "PUT /v1/items/new", &lamp).await;
    assert_eq!(put.status, StatusCode::CREATED, "{}", put.text);
    let search = ("POST /v1/search", r#"{"query": "a lamp for room 1"}"#);
    until(&one, search, has("new")).await;
    for router in [&one, &other] {
        until(router, of_fresh, |answer| {
            answer.items() != unknown.items() && !has("new")(answer)
        })
        .await;
    }
    let there = get(&one, "/v1/items/new").await;
    let tag = there.headers["etag"].to_str().unwrap().to_owned();
    let stale = with(&other, "PUT /v1/items/new", &[("if-match", "\"7\"")], &lamp).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let gone = with(&one, "DELETE /v1/items/new", &[("if-match", &tag)], "").await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text);
    until(&other, search, |answer| !has("new")(answer)).await;

    // The newest events count, whoever was told them; and once.
    for (router, item, time) in [(&one, "i4", 10), (&other, "i7", 11), (&one, "i10", 12)] {
        let event = json!({"user_id": "u", "item_id": item, "time": time, "event_id": item});
        ask(router, "POST /v1/events", &event).await;
        let again = ask(&other, "POST /v1/events", &event).await.json();
        assert_eq!(again["duplicates"], 1, "{again}");
    }
    let named = json!({"history": ["i4", "i7", "i10"], "k": 5});
    let expected = ask(&one, "POST /v1/recommend", named).await.items();
    for router in [&one, &other] {
        let line = ("GET /v1/users/u/recommendations?k=5", "");
        until(router, line, |answer| answer.items() == expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_by_one_is_forgotten_by_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(one) = started(dir.path(), config()) else {
        return;
    };
    let other = started(dir.path(), config()).unwrap();
    let unknown = |answer: &Answer| answer.text.contains("nothing is known of user 'u'");
    let of_u = ("GET /v1/users/u/recommendations?k=5", "");
    for item in ["i4", "i7"] {
        let event = json!([{"FeedbackType": "a", "UserId": "u", "ItemId": item, "Timestamp": "2026-01-01"}]);
        ask(&one, "POST /api/feedback", event).await;
    }
    let both = ask(
        &one,
        "POST /v1/recommend",
        json!({"history": ["i4", "i7"], "k": 5}),
    )
    .await;
    until(&other, of_u, |answer| answer.items() == both.items()).await;
    let deleted = ask(&other, "DELETE /api/feedback/u/i7", "").await;
    assert_eq!(deleted.json()["RowAffected"], 1, "{}", deleted.text);
    let left = ask(
        &one,
        "POST /v1/recommend",
        json!({"history": ["i4"], "k": 5}),
    )
    .await;
    for router in [&one, &other] {
        until(router, of_u, |answer| answer.items() == left.items()).await;
    }
    let gone = ask(&one, "DELETE /v1/users/u", "").await;
    assert_eq!(gone.json()["events"], 1);
    for router in [&one, &other] {
        until(router, of_u, unknown).await;
    }
    // Whoever comes back is somebody new.
    let event = json!({"user_id": "u", "item_id": "i10"});
    ask(&other, "POST /v1/events", event).await;
    let new = ask(
        &one,
        "POST /v1/recommend",
        json!({"history": ["i10"], "k": 5}),
    )
    .await;
    until(&one, of_u, |answer| answer.items() == new.items()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_enters_service_at_one_serves_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let Some(place) = postgres(dir.path()) else {
        return;
    };
    let train: Train = |task| fitted(task, "item-knn");
    shop::bundle_of(dir.path(), "item-knn");
    let start = || started_at(&place, dir.path(), learning(dir.path(), train));
    let (one, other) = (start(), start());
    pairs(&one, ("i0", "i20"), 40).await;
    let before = after(&other, "i0").await.items();
    let status = refitted(&one).await;
    assert_eq!(status["made"][0]["outcome"], "swapped", "{status}");
    let learned = after(&one, "i0").await.items();
    assert_ne!(learned, before);
    let line = ("POST /v1/recommend", r#"{"history": ["i0"], "k": 3}"#);
    until(&other, line, |answer| answer.items() == learned).await;
    let followed = get(&other, "/v1/refit").await.json();
    assert_eq!(followed["made"][0]["outcome"], "followed", "{followed}");
    assert_eq!(followed["bundle"], 1);
    let back = ask(&other, "POST /v1/rollback", "").await;
    assert_eq!(back.json()["bundle"], 0, "{}", back.text);
    until(&one, line, |answer| answer.items() == before).await;
}

/// While PostgreSQL is away, what is in memory is recommended, keys that were seen are known, and
/// writes are told to come again; afterwards all goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(place) = postgres(dir.path()) else {
        return;
    };
    // postgres://semrec@127.0.0.1:PORT/postgres?sslmode=disable
    let url = said("SEMREC_TEST_POSTGRES").unwrap();
    let host = url
        .split(['@', '/'])
        .find(|part| part.contains(':') && !part.ends_with(':'));
    let host = host.unwrap();
    let way = Way::to(host.to_owned());
    let by_way = place.to_string().replace(host, &way.address.to_string());
    let keyed = Config {
        keys: true,
        ..config()
    };
    let router = started_at(&by_way.parse().unwrap(), dir.path(), keyed);
    let key = StoredKey {
        hash: hash_of_key("k"),
        name: "shop".to_owned(),
        scopes: vec!["admin".to_owned()],
        created: 0,
    };
    let store = apart(|| Store::at(&place)).unwrap();
    assert!(apart(|| store.add_key(&key)).unwrap());
    let bearer = [("authorization", "Bearer k")];
    let event = |item: &str| json!({"user_id": "u", "item_id": item, "event_id": item}).to_string();
    let told = with(&router, "POST /v1/events", &bearer, event("i4")).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    let recommend = "GET /v1/users/u/recommendations?k=5";
    let before = with(&router, recommend, &bearer, "").await;

    way.cut();
    let away = with(&router, "POST /v1/events", &bearer, event("i7")).await;
    assert_eq!(
        away.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        away.text
    );
    assert!(away.headers.contains_key("retry-after"));
    assert_eq!(
        with(&router, recommend, &bearer, "").await.items(),
        before.items()
    );
    let other = with(&router, recommend, &[("authorization", "Bearer x")], "").await;
    assert_ne!(other.status, StatusCode::OK);
    let metrics = with(&router, "GET /metrics", &bearer, "").await;
    assert!(
        metrics.text.contains("semrec_store_reached 0"),
        "{}",
        metrics.text
    );

    way.open();
    let again = with(&router, "POST /v1/events", &bearer, event("i7")).await;
    assert_eq!(again.json()["accepted"], 1, "{}", again.text);
    assert_ne!(
        with(&router, recommend, &bearer, "").await.items(),
        before.items()
    );
}
