//! The service as those who use it see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forgotten;
mod gorse;
mod items;
mod network;
mod pages;
mod privacy;
mod refit;
mod replicas;
#[path = "../../../engine/tests/shop/mod.rs"]
mod shop;
mod way;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use semrec_engine::Engine;
use semrec_serve::{Config, ServeError, Service, hash_of_key, openapi, router};
use semrec_store::{Place, Store, StoredKey};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tower::ServiceExt;

fn config() -> Config {
    Config::new(|| 1_700_000_000)
}

/// Does what waits for a data base: not on a thread that drives futures.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the test script tells where it is"
)]
fn said(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The schema of a directory in PostgreSQL, where there is one (see `scripts/with-postgres.sh`).
fn postgres(dir: &Path) -> Option<Place> {
    let url = said("SEMREC_TEST_POSTGRES")?;
    let name = dir.file_name().unwrap().to_str().unwrap();
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    let unlike = name.bytes().fold(0u64, |hash, b| hash * 31 + u64::from(b));
    let schema = plain.collect::<String>().to_lowercase();
    let place = format!("{url}&schema=s{}_{unlike}_{schema}", std::process::id());
    Some(place.parse().unwrap())
}

/// The store of a directory: a file in it, or, where `SEMREC_TEST_STORE` is `postgres`, its schema.
fn place(dir: &Path) -> Place {
    match said("SEMREC_TEST_STORE").as_deref() {
        Some("postgres") => postgres(dir).expect("SEMREC_TEST_POSTGRES"),
        _ => Place::File(dir.join("s.db")),
    }
}

fn store(dir: &Path) -> Store {
    Store::at(&place(dir)).unwrap()
}

/// A service over the bundle in a directory, and its store.
fn started(dir: &Path, config: Config) -> Router {
    let path = dir.join("bundle");
    if !path.exists() {
        shop::bundle(dir);
    }
    router(service_at(dir, config).unwrap())
}

fn service_at(dir: &Path, config: Config) -> Result<Service, ServeError> {
    apart(|| {
        Service::start(
            Engine::open(&dir.join("bundle")).unwrap(),
            store(dir),
            config,
        )
    })
}

fn service() -> (tempfile::TempDir, Router) {
    let dir = tempfile::tempdir().unwrap();
    let router = started(dir.path(), config());
    (dir, router)
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Ids of the items.
    fn items(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        let json = self.json();
        let items = json["items"].as_array().unwrap().iter();
        items
            .map(|item| item["item"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A number as it was before it was written.
fn single(number: &Value) -> f32 {
    number.to_string().parse().unwrap()
}

fn singles(numbers: &Value) -> Vec<f32> {
    numbers.as_array().unwrap().iter().map(single).collect()
}

async fn sent(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer {
        status,
        headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn ask(router: &Router, line: &str, body: impl ToString) -> Answer {
    with(router, line, &[], body).await
}

async fn with(
    router: &Router,
    line: &str,
    headers: &[(&str, &str)],
    body: impl ToString,
) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    sent(router, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, &format!("GET {path}"), "").await
}

#[tokio::test]
async fn the_next_answer_knows_what_a_person_has_just_done() {
    let (_dir, router) = service();
    let recommended = || get(&router, "/v1/users/fresh/recommendations?k=5");
    let before = recommended().await;
    assert_eq!(before.items().len(), 5);
    assert_eq!(
        before.json()["notes"][0],
        "nothing is known of user 'fresh'"
    );
    let click = json!({"user_id": "fresh", "item_id": "i4", "time": "2026-01-01T00:00:00Z", "event_id": "e1"});
    let stored = ask(&router, "POST /v1/events", &click).await.json();
    assert_eq!(
        (&stored["accepted"], &stored["duplicates"]),
        (&json!(1), &json!(0))
    );
    let after = recommended().await;
    assert_ne!(after.items(), before.items());
    assert!(!after.items().contains(&"i4".to_owned()));
    let named = ask(
        &router,
        "POST /v1/recommend",
        json!({"history": ["i4"], "k": 5}),
    )
    .await;
    assert_eq!(after.items(), named.items());
    let stored = ask(&router, "POST /v1/events", &click).await.json();
    assert_eq!(
        (&stored["accepted"], &stored["duplicates"]),
        (&json!(0), &json!(1))
    );

    let lines = "{\"user_id\": \"fresh\", \"item_id\": \"i5\"}\n\n{\"user_id\": \"fresh\"}\nnonsense\n{\"user_id\": \"fresh\", \"item_id\": \"unheard of\", \"value\": 2}\n";
    let key = [("idempotency-key", "batch-7")];
    for (accepted, duplicates) in [(2, 0), (0, 2)] {
        let bulk = with(&router, "POST /v1/events", &key, lines).await.json();
        assert_eq!(
            (&bulk["accepted"], &bulk["duplicates"]),
            (&json!(accepted), &json!(duplicates))
        );
        assert_eq!(bulk["rejected"][0]["line"], 3);
        assert!(
            bulk["rejected"][0]["detail"]
                .as_str()
                .unwrap()
                .contains("item_id")
        );
        assert_eq!(bulk["rejected"][1]["line"], 4);
    }
    let seen = recommended().await.items();
    assert!(!seen.contains(&"i5".to_owned()));

    let forgotten = ask(&router, "DELETE /v1/users/fresh", "").await.json();
    assert_eq!(forgotten["events"], 3);
    assert_eq!(recommended().await.items(), before.items());
}

/// What was acknowledged is there when the service is started again, and the bundle's own people are
/// known from the first start on.
#[tokio::test]
async fn a_service_that_is_started_again_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let history = |router: Router, user: &'static str| async move {
        let reply = get(&router, &format!("/v1/users/{user}/recommendations?k=3")).await;
        reply.items()
    };
    let router = started(dir.path(), config());
    let u0 = history(router.clone(), "u0").await;
    ask(
        &router,
        "PUT /v1/items/new",
        json!({"title": "a lamp for room 4"}),
    )
    .await;
    ask(&router, "DELETE /v1/items/i1", "").await;
    ask(
        &router,
        "POST /v1/events",
        json!({"user_id": "v", "item_id": "i4"}),
    )
    .await;
    ask(&router, "DELETE /v1/users/u3", "").await;
    let v = history(router.clone(), "v").await;
    assert_eq!(v[0], "new");
    drop(router);
    let router = started(dir.path(), config());
    assert_eq!(history(router.clone(), "v").await, v);
    assert_eq!(history(router.clone(), "u0").await, u0);
    assert_eq!(
        get(&router, "/v1/items/i1").await.status,
        StatusCode::NOT_FOUND
    );
    let u3 = get(&router, "/v1/users/u3/recommendations").await.json();
    assert_eq!(u3["notes"][0], "nothing is known of user 'u3'");
}

/// The ranking of the service is that of the engine, which is that of `evaluate`.
#[tokio::test]
async fn online_is_offline() {
    let (dir, router) = service();
    let engine = Engine::open(&dir.path().join("bundle")).unwrap();
    for user in ["u0", "u7", "u21"] {
        let offline = semrec_engine::Request {
            user: Some(user.to_owned()),
            k: 20,
            ..semrec_engine::Request::default()
        };
        let offline = engine.recommend(&offline).unwrap();
        let online = get(&router, &format!("/v1/users/{user}/recommendations?k=20"))
            .await
            .json();
        let online = online["items"].as_array().unwrap();
        assert_eq!(online.len(), offline.items.len());
        for (online, offline) in online.iter().zip(&offline.items) {
            assert_eq!(online["item"], json!(offline.item));
            assert_eq!(single(&online["score"]), offline.score);
        }
    }
}

/// Method and path, body, status, field, and how the detail begins.
type Wrong = (&'static str, &'static str, u16, &'static str, &'static str);

const WRONG: &[Wrong] = &[
    (
        "POST /v1/recommend",
        "{\"k\": \"ten\"}",
        400,
        "k",
        "k: invalid type: string \"ten\", expected usize",
    ),
    (
        "POST /v1/recommend",
        "{\"k\": 0}",
        400,
        "k",
        "k is 0; expected 1 to 1000",
    ),
    (
        "POST /v1/recommend",
        "{\"size\": 3}",
        400,
        "size",
        "size: unknown field `size`",
    ),
    (
        "POST /v1/recommend",
        "{\"diversity\": 2}",
        400,
        "diversity",
        "diversity is 2; expected 0 to 1",
    ),
    (
        "POST /v1/recommend",
        "{\"filter\": \"price <\"}",
        400,
        "filter",
        "filter has 'price <', which is no condition",
    ),
    (
        "POST /v1/recommend",
        "{\"filter\": \"colour = red\"}",
        400,
        "",
        "filter asks for 'colour', which no item has",
    ),
    (
        "POST /v1/recommend",
        "{\"history\": [\"nope\"]}",
        400,
        "",
        "'nope' of the history is not among the 30 items",
    ),
    ("POST /v1/recommend", "{", 400, "", "the body: EOF"),
    (
        "PUT /v1/items/a",
        "[]",
        400,
        "",
        "the body: invalid type: sequence",
    ),
    (
        "PUT /v1/items/a",
        "{\"title\": {}}",
        400,
        "",
        "field 'title' is an object",
    ),
    (
        "POST /v1/events",
        "{\"user_id\": \"u\", \"item_id\": \"i1\", \"time\": \"soon\"}",
        400,
        "time",
        "time is \"soon\"; expected Unix seconds",
    ),
    ("POST /v1/events", "", 400, "", "the body is empty"),
    (
        "POST /v1/events",
        "{\"user_id\": \"u\", \"item_id\": \"i1\", \"value\": 1e300}",
        400,
        "value",
        "value is 1000000",
    ),
    (
        "POST /v1/search",
        "{\"query\": \" \"}",
        400,
        "query",
        "query is empty",
    ),
    ("GET /v1/items?limit=0", "", 400, "limit", "limit is 0"),
    (
        "GET /v1/users/u1?limit=1001",
        "",
        400,
        "limit",
        "limit is 1001; expected 1 to 1000",
    ),
    (
        "GET /v1/users/u1?cursor=5",
        "",
        400,
        "cursor",
        "cursor is '5'; expected the `next` of a page",
    ),
    (
        "GET /v1/users/nobody",
        "",
        404,
        "",
        "nothing is known of user 'nobody'",
    ),
    (
        "GET /dashboard/none.js",
        "",
        404,
        "",
        "the dashboard has no file 'none.js'",
    ),
    (
        "GET /v1/users/u1/recommendations?n=3",
        "",
        400,
        "query",
        "Failed to deserialize query string",
    ),
    (
        "GET /v2/items",
        "",
        404,
        "",
        "there is nothing at /v2/items",
    ),
    (
        "PATCH /v1/items/a",
        "",
        405,
        "",
        "/v1/items/a does not take PATCH",
    ),
];

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_dir, router) = service();
    for &(line, body, status, field, detail) in WRONG {
        let answer = ask(&router, line, body).await;
        assert_eq!(answer.status, status, "{line} {body}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let problem = answer.json();
        assert_eq!(
            problem["field"].as_str().unwrap_or(""),
            field,
            "{line} {body}: {problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{line} {body}: {problem}"
        );
    }
    let long = json!({"title": "x".repeat(17 << 20)});
    assert_eq!(ask(&router, "PUT /v1/items/a", long).await.status, 413);
}

#[tokio::test]
async fn a_key_may_do_what_its_scope_says() {
    let dir = tempfile::tempdir().unwrap();
    let router = started(
        dir.path(),
        Config {
            keys: true,
            ..config()
        },
    );
    let store = apart(|| store(dir.path()));
    let ask_as = |key: &'static str, line: &'static str, body: &'static str| {
        let router = router.clone();
        async move {
            with(&router, line, &[("authorization", key)], body)
                .await
                .status
                .as_u16()
        }
    };
    for (name, scope) in [("r", "read"), ("w", "write"), ("a", "admin")] {
        let key = StoredKey {
            hash: hash_of_key(name),
            name: name.to_owned(),
            scopes: vec![scope.to_owned()],
            created: 0,
        };
        assert!(apart(|| store.add_key(&key)).unwrap());
    }
    let (read, write, list) = ("POST /v1/recommend", "PUT /v1/items/a", "GET /v1/items");
    for (key, [may_read, may_write, may_list]) in [
        ("Bearer r", [200, 403, 403]),
        ("Bearer w", [200, 200, 403]),
        ("Bearer a", [200, 200, 200]),
        ("Bearer x", [401, 401, 401]),
        ("none", [401, 401, 401]),
    ] {
        assert_eq!(ask_as(key, read, "{}").await, may_read, "{key}");
        let written = ask_as(key, write, "{\"title\": \"a\"}").await;
        assert_eq!(
            if written == 201 { 200 } else { written },
            may_write,
            "{key}"
        );
        assert_eq!(ask_as(key, list, "").await, may_list, "{key}");
    }
    assert_eq!(ask_as("none", "GET /health/ready", "").await, 200);
    assert_eq!(ask_as("Bearer r", "GET /metrics", "").await, 403);
    for personal in ["DELETE /v1/users/u1", "GET /v1/users/u1", "GET /v1/map"] {
        assert_eq!(ask_as("Bearer w", personal, "").await, 403, "{personal}");
    }
    let recommended = "GET /v1/users/u1/recommendations";
    for asked in [recommended, "GET /v1/bundle"] {
        assert_eq!(ask_as("Bearer r", asked, "").await, 200, "{asked}");
        assert_eq!(ask_as("none", asked, "").await, 401, "{asked}");
    }
    for page in ["GET /", "GET /docs", "GET /dashboard/app.js"] {
        assert_eq!(ask_as("none", page, "").await, 200, "{page}");
    }
    assert!(apart(|| store.remove_key("r")).unwrap());
    if store.is_shared() {
        // A network away, a key is looked up every other second.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
    }
    assert_eq!(ask_as("Bearer r", read, "{}").await, 401);
}

#[tokio::test]
async fn vectors_come_in_the_shapes_that_others_have() {
    let (dir, router) = service();
    let engine = Engine::open(&dir.path().join("bundle")).unwrap();
    let texts = ["a lamp".to_owned(), "a chair".to_owned()];
    let own = engine.embed(&texts, false).unwrap();
    let openai = ask(
        &router,
        "POST /v1/embeddings",
        json!({"input": texts, "model": "any"}),
    )
    .await
    .json();
    assert_eq!(
        (&openai["object"], &openai["data"][1]["index"]),
        (&json!("list"), &json!(1))
    );
    assert_eq!(singles(&openai["data"][1]["embedding"]), own[1]);
    let one = ask(&router, "POST /embed", json!({"inputs": "a lamp"}))
        .await
        .json();
    assert_eq!(singles(&one[0]), own[0]);
    let order = json!({"query": "a chair", "texts": texts, "return_text": true});
    let order = ask(&router, "POST /rerank", order).await.json();
    assert_eq!(
        (&order[0]["index"], &order[0]["text"]),
        (&json!(1), &json!("a chair"))
    );
}

#[tokio::test]
async fn its_state_is_told() {
    let (_dir, router) = service();
    let ready = get(&router, "/health/ready").await.json();
    assert_eq!(
        ready,
        json!({"status": "ready", "model": "content", "items": 30, "people": 30})
    );
    ask(
        &router,
        "POST /v1/events",
        json!({"user_id": "v", "item_id": "i4"}),
    )
    .await;
    let own = [("x-request-id", "mine-1")];
    let answer = with(
        &router,
        "POST /v1/recommend",
        &own,
        json!({"user_id": "v", "k": 2}),
    )
    .await;
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    assert_eq!(answer.json()["request_id"], "mine-1");
    let metrics = get(&router, "/metrics").await.text;
    for line in [
        "semrec_events_total{result=\"accepted\"} 1",
        "semrec_recommended_total{source=\"content\"} 2",
        "semrec_people 31",
        "semrec_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/events\",status=\"200\"} 1",
        "semrec_queue_depth{queue=\"rank\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(get(&router, "/openapi.json").await.json(), document);
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 19, "{:?}", paths.keys().collect::<Vec<_>>());
}
