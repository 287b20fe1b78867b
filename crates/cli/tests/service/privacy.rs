//! Pseudonyms, masks, rates, and what is told to those who watch.

use super::{apart, ask, config, get, place, service, service_at, shop, started, store, with};
use axum::Router;
use semrec_serve::{Config, LogFormat, Privacy, Pseudonyms, Rate, Watch, hash_of_key};
use semrec_store::{Place, StoredKey};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Mutex;

pub(crate) fn with_key(key: &str) -> Config {
    let pseudonyms = Pseudonyms::new(key.repeat(32).as_bytes()).unwrap();
    let privacy = Privacy {
        pseudonyms: Some(pseudonyms),
        mask: true,
    };
    Config {
        privacy,
        ..config()
    }
}

fn refused(dir: &Path, config: Config) -> String {
    service_at(dir, config).unwrap_err().to_string()
}

/// Whether a text is in any file of the store, or in any row of a schema.
fn stored(dir: &Path, text: &str) -> bool {
    if let Place::Postgres(_) = place(dir) {
        let rows = apart(|| {
            let store = store(dir);
            let (items, people) = (store.items_after("", 999), store.users_after("", 999));
            format!(
                "{items:?} {people:?} {:?}",
                store.events_after(0, None, 9999)
            )
        });
        return rows.contains(text);
    }
    let files = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files = files.filter(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("s.db")
    });
    files.any(|file| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    })
}

async fn recommended(router: &Router, user: &str) -> Vec<String> {
    get(router, &format!("/v1/users/{user}/recommendations?k=5"))
        .await
        .items()
}

#[tokio::test]
async fn no_id_of_a_person_is_stored_and_everybody_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let router = started(dir.path(), with_key("k"));
    let nobody = recommended(&router, "ann@example.org").await;
    let click = json!([{"user_id": "ann@example.org", "item_id": "i4"}]);
    ask(&router, "POST /v1/events", &click).await;
    let feedback = json!([{"UserId": "ann@example.org", "ItemId": "i5", "FeedbackType": "like"}]);
    ask(&router, "PUT /api/feedback", &feedback).await;
    let said = json!({"UserId": "ann@example.org", "Comment": "call +49 30 901820"});
    ask(&router, "POST /api/user", &said).await;
    assert_eq!(
        get(&router, "/api/user/ann@example.org").await.json()["Comment"],
        "call [phone]"
    );
    let ann = recommended(&router, "ann@example.org").await;
    assert_ne!(ann, nobody);
    assert!(!ann.contains(&"i4".to_owned()) && !ann.contains(&"i5".to_owned()));
    let did = get(&router, "/v1/users/ann@example.org").await.json();
    assert_eq!(did["events"].as_array().unwrap().len(), 2, "{did}");
    // Of the bundle's own people too: `u7` did i7, i8, i9.
    assert!(!recommended(&router, "u7").await.contains(&"i8".to_owned()));
    let lamp = json!({"title": "a lamp, ask bob@example.org"});
    ask(&router, "PUT /v1/items/new", &lamp).await;
    assert_eq!(
        get(&router, "/v1/items/new").await.json()["title"],
        "a lamp, ask [email]"
    );
    assert!(stored(dir.path(), "ask [email]"));
    for text in ["ann@", "bob@", "901820"] {
        assert!(!stored(dir.path(), text), "{text}");
    }
    let ann = recommended(&router, "ann@example.org").await;
    drop(router);
    let other = refused(dir.path(), with_key("l"));
    assert!(other.contains("made with another key"), "{other}");
    let none = refused(dir.path(), config());
    assert!(none.contains("no key was given"), "{none}");
    let router = started(dir.path(), with_key("k"));
    assert_eq!(recommended(&router, "ann@example.org").await, ann);
    let forgotten = ask(&router, "DELETE /v1/users/ann@example.org", "")
        .await
        .json();
    assert_eq!(forgotten["events"], 2);
    let notes = get(&router, "/v1/users/ann@example.org/recommendations")
        .await
        .json();
    assert_eq!(
        notes["notes"][0],
        "nothing is known of user 'ann@example.org'"
    );
}

#[tokio::test]
async fn a_store_with_ids_does_not_get_pseudonyms() {
    let (dir, router) = service();
    drop(router);
    let said = refused(dir.path(), with_key("k"));
    assert!(said.contains("holds ids as they were sent"), "{said}");
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

const SECRET: &str = "semrec_of-which-nobody-may-hear";

/// A service that asks for the key and tells of requests as JSON.
fn told_of(dir: &Path) -> Router {
    shop::bundle(dir);
    let key = StoredKey {
        hash: hash_of_key(SECRET),
        name: "shop".to_owned(),
        scopes: vec!["read".to_owned()],
        created: 0,
    };
    apart(|| store(dir).add_key(&key)).unwrap();
    let watch = Watch {
        log: LogFormat::Json,
        write: |line| LINES.lock().unwrap().push(line.to_owned()),
        nanos: || 1_700_000_000_123_000_000,
        otlp: None,
    };
    let config = Config {
        keys: true,
        watch,
        ..config()
    };
    started(dir, config)
}

/// A line a request, in which nothing says whom it was about, or what the key is.
#[tokio::test]
async fn the_log_tells_of_requests_and_not_of_people() {
    let dir = tempfile::tempdir().unwrap();
    let router = told_of(dir.path());
    let bearer = format!("Bearer {SECRET}");
    let own = [("authorization", bearer.as_str()), ("x-request-id", "r-1")];
    with(
        &router,
        "GET /v1/users/ann-lee/recommendations?k=2",
        &own,
        "",
    )
    .await;
    let text = json!({"text": "my secret wish", "k": 0});
    with(&router, "POST /v1/recommend", &own, &text).await;
    with(&router, "PUT /v1/items/ann-lee", &own, "{}").await;
    let wrong = [("x-api-key", "semrec_of-which-nobody-may-hear-either")];
    with(&router, "BREW /v1/ann-lee", &wrong, "").await;
    let lines = LINES.lock().unwrap().clone();
    for word in ["ann-lee", "nobody-may-hear", "wish", "BREW"] {
        assert!(
            !lines.iter().any(|line| line.contains(word)),
            "{word}: {lines:?}"
        );
    }
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["route"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
                line["key"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("/v1/users/{id}/recommendations", 200, Some("shop")),
            ("/v1/recommend", 400, Some("shop")),
            ("/v1/items/{id}", 403, Some("shop")),
            ("none", 401, None),
        ]
    );
    let first = &lines[0];
    assert_eq!(
        (
            &first["time"],
            &first["request_id"],
            &first["method"],
            &first["level"]
        ),
        (
            &json!("2023-11-14T22:13:20.123Z"),
            &json!("r-1"),
            &json!("GET"),
            &json!("info")
        )
    );
    assert!(first["ms"].as_f64().unwrap() > 0.0 && first["bytes"].as_u64().unwrap() > 100);
    assert_eq!(lines[3]["method"], "other");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate {
        a_second: NonZeroU32::MIN,
        burst: NonZeroU32::new(2).unwrap(),
    };
    let router = started(
        dir.path(),
        Config {
            rate: Some(rate),
            ..config()
        },
    );
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(ask(&router, "POST /v1/recommend", "{}").await);
    }
    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!((statuses[0], statuses[1]), (200, 200));
    let late = answers.iter().find(|a| a.status.as_u16() == 429).unwrap();
    assert_eq!(late.headers["retry-after"], "1");
    assert!(
        late.text.contains("more requests than the rate allows"),
        "{}",
        late.text
    );
    for _ in 0..10 {
        assert_eq!(get(&router, "/health/ready").await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn figures_tell_what_was_shown_and_taken() {
    let (_dir, router) = service();
    let list = recommended(&router, "v").await;
    for item in [list[1].as_str(), "unheard of"] {
        ask(
            &router,
            "POST /v1/events",
            json!({"user_id": "v", "item_id": item}),
        )
        .await;
    }
    ask(
        &router,
        "POST /v1/events",
        json!({"user_id": "nobody", "item_id": list[0]}),
    )
    .await;
    for _ in 0..3 {
        ask(&router, "POST /v1/search", json!({"query": "a lamp"})).await;
    }
    let metrics = get(&router, "/metrics").await.text;
    for line in [
        "semrec_online_events_total{result=\"hit\"} 1",
        "semrec_online_events_total{result=\"miss\"} 1",
        "semrec_encoder_cache_total{result=\"hit\"} 2",
        "semrec_encoder_cache_total{result=\"miss\"} 1",
        // Three of the thirty say nothing.
        "semrec_index_items 27",
        "semrec_exposed_items 5",
        // Five of thirty shown once: (Σ 2i − 31, i = 26 to 30) / (30·5) = 125/150.
        "semrec_exposure_gini 0.83333",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
