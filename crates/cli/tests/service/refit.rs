//! A service that learns on: what is not worse enters service, what is worse or damaged does not.

use crate::{Answer, ask, config, get, service_at, shop};
use axum::Router;
use axum::http::StatusCode;
use semrec_data::{Dataset, ImportReport};
use semrec_serve::{Config, Refit, Task, Trainer, router};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

pub(crate) type Train = fn(&Task<'_>) -> Result<(), String>;

pub(crate) fn fitted(task: &Task<'_>, model: &str) -> Result<(), String> {
    let dataset = Dataset::load(task.data).map_err(|e| e.to_string())?;
    shop::bundle_from(&dataset, &ImportReport::default(), (model, task.out));
    Ok(())
}

/// A service that trains by request, into a directory.
pub(crate) fn learning(dir: &Path, train: Train) -> Config {
    let refit = Refit {
        dir: dir.join("bundles"),
        every: None,
        drift: None,
        share: 1.0,
        trainer: Trainer::new(train),
    };
    Config {
        refit: Some(refit),
        ..config()
    }
}

/// A service over a shop whose model knows who chose what with what.
pub(crate) fn started(dir: &Path, train: Train) -> Router {
    let path = dir.join("bundle");
    if !path.exists() {
        shop::bundle_of(dir, "item-knn");
    }
    router(service_at(dir, learning(dir, train)).unwrap())
}

/// Begins a refit and waits until it is over; what came of it.
pub(crate) async fn refitted(router: &Router) -> Value {
    let before = get(router, "/v1/refit").await.json();
    let before = before["made"].as_array().unwrap().len();
    let begun = ask(router, "POST /v1/refit", "").await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text);
    loop {
        let status = get(router, "/v1/refit").await.json();
        if status["made"].as_array().unwrap().len() > before {
            assert_eq!(status["step"], "idle");
            return status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `n` people, each of whom touches one item, then the other.
pub(crate) async fn pairs(router: &Router, (first, then): (&str, &str), n: usize) {
    let mut lines = String::new();
    for person in 0..n {
        for (item, time) in [(first, 5000), (then, 5001)] {
            let user = format!("{first}-{person}");
            let event = json!({"user_id": user, "item_id": item, "time": time + person});
            writeln!(lines, "{event}").unwrap();
        }
    }
    let answer = ask(router, "POST /v1/events", lines).await;
    assert_eq!(answer.json()["accepted"], 2 * n, "{}", answer.text);
}

pub(crate) async fn after(router: &Router, item: &str) -> Answer {
    ask(
        router,
        "POST /v1/recommend",
        json!({"history": [item], "k": 3}),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_learned_enters_service_and_can_be_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let train: Train = |task| fitted(task, "item-knn");
    let router = started(dir.path(), train);
    let teapot = ask(&router, "PUT /v1/items/new", json!({"title": "a teapot"})).await;
    assert_eq!(teapot.status, StatusCode::CREATED);
    pairs(&router, ("new", "i20"), 40).await;
    ask(&router, "DELETE /v1/users/new-3", "").await;
    let before = after(&router, "new").await;
    assert_ne!(before.items()[0], "i20");

    let status = refitted(&router).await;
    let made = &status["made"][0];
    assert_eq!(
        (&made["outcome"], &made["bundle"]),
        (&json!("swapped"), &json!(1)),
        "{status}"
    );
    let verdict = &made["verdict"];
    assert!(
        verdict["ndcg_new"].as_f64() > verdict["ndcg_in_service"].as_f64(),
        "{status}"
    );
    let learned = after(&router, "new").await;
    assert_eq!(learned.items()[0], "i20");
    assert_eq!(learned.json()["items"][0]["source"], "item-knn");
    // What was written while the old bundle served is known, and who was forgotten is nowhere.
    let dataset = Dataset::load(&dir.path().join("bundles/1/data")).unwrap();
    assert!(dataset.users.ids.get("new-2").is_some() && dataset.users.ids.get("new-3").is_none());
    let newest = get(&router, "/v1/users/new-39/recommendations").await;
    assert!(!newest.items().contains(&"new".to_owned()));
    assert!(!newest.text.contains("nothing is known"));

    // A restart goes on with it.
    drop(router);
    let router = started(dir.path(), train);
    assert_eq!(get(&router, "/v1/refit").await.json()["bundle"], 1);
    assert_eq!(after(&router, "new").await.items()[0], "i20");

    let back = ask(&router, "POST /v1/rollback", "").await;
    assert_eq!(back.json()["bundle"], 0, "{}", back.text);
    assert_eq!(after(&router, "new").await.items(), before.items());
    assert!(!dir.path().join("bundles/1").exists());
    let nothing = ask(&router, "POST /v1/rollback", "").await;
    assert_eq!(nothing.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_worse_damaged_or_failed_does_not() {
    for (train, outcome, detail) in [
        ((|task| fitted(task, "random")) as Train, "kept", "ndcg@10"),
        (|_| Err("no memory".to_owned()), "failed", "no memory"),
        (
            |task| std::fs::create_dir(task.out).map_err(|e| e.to_string()),
            "failed",
            "is no bundle",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let router = started(dir.path(), train);
        let before = after(&router, "i4").await.items();
        let few = refitted(&router).await;
        assert_eq!(few["made"][0]["outcome"], "waiting", "{few}");
        for item in 0..20 {
            let (first, then) = (format!("i{item}"), format!("i{}", item + 1));
            pairs(&router, (&first, &then), 3).await;
        }
        let status = refitted(&router).await;
        let made = &status["made"][0];
        assert_eq!(
            (&made["outcome"], &made["bundle"]),
            (&json!(outcome), &json!(0)),
            "{status}"
        );
        assert!(
            made["detail"].as_str().unwrap().contains(detail),
            "{status}"
        );
        assert_eq!(after(&router, "i4").await.items(), before);
        assert_eq!(
            std::fs::read_dir(dir.path().join("bundles"))
                .unwrap()
                .count(),
            0
        );
    }
}

/// A bundle that is damaged when the service starts: the one before it serves.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_bundle_gives_way_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let train: Train = |task| fitted(task, "item-knn");
    let router = started(dir.path(), train);
    pairs(&router, ("i0", "i20"), 40).await;
    assert_eq!(refitted(&router).await["bundle"], 1);
    drop(router);
    let model = dir.path().join("bundles/1/model.safetensors");
    std::fs::write(&model, "cut").unwrap();
    let router = started(dir.path(), train);
    let status = get(&router, "/v1/refit").await.json();
    assert_eq!(
        (&status["bundle"], &status["can_roll_back"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(after(&router, "i4").await.status, StatusCode::OK);
}
