//! Gorse's routes, as its clients use them: requests and answers as those of its Python and Go
//! clients on the wire.

use super::{Answer, apart, ask, config, get, service, started, store, with};
use axum::Router;
use axum::http::StatusCode;
use semrec_serve::{Config, hash_of_key};
use semrec_store::StoredKey;
use serde_json::{Value, json};

async fn told(router: &Router, line: &str, body: Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = ask(router, line, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{line}: {}", answer.text);
    answer.json()
}

fn ids(scores: &Value) -> Vec<&str> {
    let scores = scores.as_array().unwrap().iter();
    scores.map(|score| score["Id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn items_are_written_read_changed_and_deleted() {
    let (_dir, router) = service();
    let lamp = json!({"ItemId": "new", "IsHidden": false, "Categories": ["light"],
        "Timestamp": "2026-01-01T00:00:00Z", "Labels": {"tags": ["a"]}, "Comment": "a lamp for room 4"});
    let one = json!({"RowAffected": 1});
    assert_eq!(told(&router, "POST /api/item", lamp.clone()).await, one);
    assert_eq!(told(&router, "GET /api/item/new", Value::Null).await, lamp);
    let near = told(&router, "GET /api/item/i4/neighbors/?n=1", Value::Null).await;
    assert_eq!(ids(&near), ["new"]);
    let hide = json!({"IsHidden": true, "Categories": null, "Comment": null, "Labels": null, "Timestamp": null});
    assert_eq!(told(&router, "PATCH /api/item/new", hide).await, one);
    assert_eq!(
        told(&router, "GET /api/item/new", Value::Null).await["IsHidden"],
        true
    );
    let near = told(&router, "GET /api/item-to-item/any/i4?n=100", Value::Null).await;
    assert!(!ids(&near).contains(&"new"));
    let patch = json!({"IsHidden": false, "Comment": "a chair for room 5"});
    told(&router, "PATCH /api/item/new", patch).await;
    told(&router, "PUT /api/item/new/category/seats", Value::Null).await;
    told(&router, "DELETE /api/item/new/category/light", Value::Null).await;
    let item = told(&router, "GET /api/item/new", Value::Null).await;
    assert_eq!(
        (&item["Comment"], &item["Categories"]),
        (&json!("a chair for room 5"), &json!(["seats"]))
    );
    let seats = told(&router, "GET /api/popular/seats", Value::Null).await;
    assert_eq!(ids(&seats), ["new"]);
    let found = told(
        &router,
        "GET /api/items?q=a%20chair%20for%20room%205&n=2",
        Value::Null,
    )
    .await;
    assert_eq!(found["Items"].as_array().unwrap().len(), 2);
    // All of them, by pages; the cursor is empty at the end.
    let (mut cursor, mut n) = (String::new(), 0);
    loop {
        let page = told(
            &router,
            &format!("GET /api/items?n=10&cursor={cursor}"),
            Value::Null,
        )
        .await;
        n += page["Items"].as_array().unwrap().len();
        cursor = page["Cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(n, 31);
    assert_eq!(
        told(&router, "DELETE /api/item/new", Value::Null).await,
        one
    );
    let gone = get(&router, "/api/item/new").await;
    assert_eq!(
        (gone.status.as_u16(), gone.text.as_str()),
        (404, "item new not found")
    );
    assert!(
        gone.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
}

#[tokio::test]
async fn feedback_moves_recommendations_and_can_be_taken_back() {
    let (_dir, router) = service();
    let list = |user: &'static str| {
        let router = router.clone();
        async move {
            told(
                &router,
                &format!("GET /api/recommend/{user}/?n=5&offset=0"),
                Value::Null,
            )
            .await
        }
    };
    let before = list("fresh").await;
    assert_eq!(before.as_array().unwrap().len(), 5);
    let feedback = json!([{"FeedbackType": "like", "UserId": "fresh", "ItemId": "i4",
        "Timestamp": "2026-02-03T04:05:06Z", "Value": 0}]);
    let one = json!({"RowAffected": 1});
    for line in [
        "POST /api/feedback",
        "POST /api/feedback",
        "PUT /api/feedback",
    ] {
        assert_eq!(told(&router, line, feedback.clone()).await, one);
    }
    let after = list("fresh").await;
    assert_ne!(after, before);
    // With scores, in the second version; the same as of a session of the same events.
    let scored = with(
        &router,
        "GET /api/recommend/fresh/?n=5",
        &[("x-api-version", "2")],
        "",
    )
    .await
    .json();
    assert_eq!(json!(ids(&scored)), after);
    let session = told(&router, "POST /api/session/recommend?n=5", feedback).await;
    assert_eq!(session, scored);
    let rest = told(
        &router,
        "GET /api/recommend/fresh?n=3&offset=2",
        Value::Null,
    )
    .await;
    assert_eq!(rest.as_array().unwrap()[..], after.as_array().unwrap()[2..]);
    let told_back = json!([{"FeedbackType": "like", "UserId": "fresh", "ItemId": "i4", "Value": 1.0,
        "Timestamp": "2026-02-03T04:05:06Z", "Updated": "2026-02-03T04:05:06Z", "Labels": null, "Comment": ""}]);
    for path in [
        "/api/user/fresh/feedback/like",
        "/api/user/fresh/feedback",
        "/api/feedback/fresh/i4",
    ] {
        assert_eq!(
            told(&router, &format!("GET {path}"), Value::Null).await,
            told_back,
            "{path}"
        );
    }
    let typed = told(&router, "GET /api/feedback/like?n=5", Value::Null).await;
    assert_eq!(typed, json!({"Cursor": "", "Feedback": told_back}));
    let all = told(&router, "GET /api/feedback?n=91&cursor=", Value::Null).await;
    assert_eq!(all["Feedback"].as_array().unwrap().len(), 91);
    assert_eq!(
        told(&router, "DELETE /api/feedback/fresh/i4", Value::Null).await,
        one
    );
    assert_eq!(list("fresh").await, before);
}

#[tokio::test]
async fn people_are_described_and_forgotten() {
    let (_dir, router) = service();
    let ann = json!({"UserId": "ann", "Labels": {"city": "Bonn"}, "Comment": "c"});
    let users = json!([ann, {"UserId": "bob"}]);
    assert_eq!(
        told(&router, "POST /api/users", users).await,
        json!({"RowAffected": 2})
    );
    assert_eq!(told(&router, "GET /api/user/ann", Value::Null).await, ann);
    told(&router, "PATCH /api/user/ann", json!({"Comment": "d"})).await;
    let page = told(&router, "GET /api/users?n=1", Value::Null).await;
    assert_eq!(
        page["Users"][0],
        json!({"UserId": "ann", "Labels": {"city": "Bonn"}, "Comment": "d"})
    );
    assert_eq!(page["Cursor"], "ann");
    told(&router, "DELETE /api/user/ann", Value::Null).await;
    let gone = get(&router, "/api/user/ann").await;
    assert_eq!(
        (gone.status.as_u16(), gone.text.as_str()),
        (404, "user ann not found")
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_its_words() {
    let (_dir, router) = service();
    let told = |answer: Answer| (answer.status.as_u16(), answer.text);
    for (line, body, status, text) in [
        (
            "GET /api/recommend/u1?n=ten",
            "",
            400,
            "invalid n parameter: ten",
        ),
        ("GET /api/items?n=0", "", 400, "invalid n parameter: 0"),
        (
            "GET /api/feedback?cursor=x",
            "",
            400,
            "invalid cursor parameter: x",
        ),
        (
            "POST /api/item",
            "{}",
            400,
            "the body: missing field `ItemId`",
        ),
        ("PATCH /api/item/nope", "{}", 404, "item nope not found"),
        (
            "GET /api/user-to-user/neighbors/u1",
            "",
            404,
            "/api/user-to-user/neighbors/u1 is none of",
        ),
        (
            "POST /api/feedback",
            "[{\"FeedbackType\": \"a\", \"UserId\": \"u\", \"ItemId\": \"i\", \"Timestamp\": \"soon\"}]",
            400,
            "Timestamp is 'soon'",
        ),
    ] {
        let (got, said) = told(ask(&router, line, body).await);
        assert!(
            got == status && said.starts_with(text),
            "{line}: {got} {said}"
        );
    }
}

#[tokio::test]
async fn what_tells_of_people_needs_the_scope_admin() {
    let dir = tempfile::tempdir().unwrap();
    let router = started(
        dir.path(),
        Config {
            keys: true,
            ..config()
        },
    );
    let store = apart(|| store(dir.path()));
    for scope in ["read", "write", "admin"] {
        let key = StoredKey {
            hash: hash_of_key(scope),
            name: scope.to_owned(),
            scopes: vec![scope.to_owned()],
            created: 0,
        };
        apart(|| store.add_key(&key)).unwrap();
    }
    let feedback = "[{\"FeedbackType\": \"a\", \"UserId\": \"u\", \"ItemId\": \"i1\"}]";
    for (line, body, may) in [
        (
            "GET /api/recommend/u1",
            "",
            ["read", "write", "admin"].as_slice(),
        ),
        (
            "POST /api/session/recommend",
            "[]",
            &["read", "write", "admin"],
        ),
        ("POST /api/feedback", feedback, &["write", "admin"]),
        ("GET /api/feedback", "", &["admin"]),
        ("GET /api/items", "", &["admin"]),
        ("GET /api/user/u1/feedback/a", "", &["admin"]),
        ("DELETE /api/user/u1", "", &["admin"]),
    ] {
        for key in ["read", "write", "admin", "none"] {
            let answer = with(&router, line, &[("x-api-key", key)], body).await;
            let expected = match key {
                "none" => 401,
                key if may.contains(&key) => 200,
                _ => 403,
            };
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{line} as {key}: {}",
                answer.text
            );
        }
    }
    assert_eq!(
        get(&router, "/api/health/ready").await.json()["Ready"],
        true
    );
}

const QUERIES: &[&str] = &[
    "",
    "?n=-1",
    "?n=99999999999999999999",
    "?offset=1000&n=1000",
    "?cursor=%ff",
    "?category=%22&n=3",
    "?q=%00",
];

const PATHS: &[&str] = &[
    "/api/item",
    "/api/items",
    "/api/item/i1",
    "/api/item/%ff",
    "/api/item/i1/category/%22",
    "/api/user",
    "/api/users",
    "/api/user/u1",
    "/api/user/u1/feedback",
    "/api/user/u1/feedback/%00",
    "/api/feedback",
    "/api/feedback/a",
    "/api/feedback/u1/i1",
    "/api/feedback/a/u1/i1",
    "/api/recommend/u1",
    "/api/recommend/u1/",
    "/api/recommend/u1/x",
    "/api/session/recommend",
    "/api/session/recommend/x",
    "/api/item-to-item/x/i1",
    "/api/item/i1/neighbors",
    "/api/item/i1/neighbors/x",
    "/api/non-personalized/x",
    "/api/popular",
    "/api/popular/x",
    "/api/none",
];

/// Whatever is sent, the fault is the sender's.
#[tokio::test]
async fn nonsense_is_refused() {
    let (_dir, router) = service();
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let labels = format!(
        "{{\"ItemId\": \"x\", \"Labels\": {{\"a\": {deep}, \"b.c.\": [1, 2], \"\": \"\"}}}}"
    );
    let long = format!(
        "[{{\"ItemId\": \"{0}\", \"UserId\": \"{0}\", \"FeedbackType\": \"{0}\"}}]",
        "x".repeat(5000)
    );
    let bodies = [
        "",
        "null",
        "{}",
        "[]",
        "[null]",
        "[[]]",
        "\"x\"",
        "1e999",
        "{\"ItemId\": 1}",
        "[{\"ItemId\": null}]",
        "{\"ItemId\": \"\"}",
        "{\"UserId\": \"\\u0000\"}",
        "[{\"ItemId\": \"i1\", \"Value\": 1e300}]",
        "\u{fffd}",
        "{\"Categories\": [1], \"Labels\": 7, \"Timestamp\": 5}",
        deep.as_str(),
        labels.as_str(),
        long.as_str(),
    ];
    for path in PATHS {
        for query in QUERIES {
            let answer = get(&router, &format!("{path}{query}")).await;
            assert!(
                answer.status.as_u16() < 500,
                "GET {path}{query}: {}",
                answer.text
            );
        }
        for method in ["POST", "PUT", "PATCH"] {
            for body in bodies {
                let answer = ask(&router, &format!("{method} {path}"), body).await;
                assert!(
                    answer.status.as_u16() < 500,
                    "{method} {path} {body}: {}",
                    answer.text
                );
            }
        }
    }
    assert_eq!(
        get(&router, "/api/recommend/u1").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_was_merely_shown_is_no_interest_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let gorse_ignore = vec!["read".to_owned()];
    let router = started(
        dir.path(),
        Config {
            gorse_ignore,
            ..config()
        },
    );
    let feedback =
        |kind: &str, item: &str| json!({"FeedbackType": kind, "UserId": "u", "ItemId": item});
    let both = json!([feedback("read", "i1"), feedback("like", "i4")]);
    for method in ["POST", "PUT"] {
        let line = format!("{method} /api/feedback");
        assert_eq!(
            told(&router, &line, both.clone()).await,
            json!({"RowAffected": 2})
        );
    }
    let kept = told(&router, "GET /api/user/u/feedback", Value::Null).await;
    let kept: Vec<&str> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["ItemId"].as_str().unwrap())
        .collect();
    assert_eq!(kept, ["i4"]);
}
