//! Who was forgotten is in no copy of the data that a bundle has.

use crate::privacy::with_key;
use crate::refit::{Train, fitted, learning, pairs, refitted};
use crate::{ask, get, service_at, shop};
use axum::Router;
use semrec_data::Dataset;
use semrec_engine::Engine;
use semrec_serve::{Config, router};
use std::path::Path;
use std::time::Duration;

/// Whom a bundle's copy of the data has. It can be opened at any moment.
fn people(bundle: &Path) -> Vec<String> {
    let engine = Engine::open(bundle).unwrap();
    let ids = engine.dataset().users.ids.iter();
    ids.map(str::to_owned).collect()
}

/// Waits until a bundle's copy has no more than `most` people; who is left.
async fn left(bundle: &Path, most: usize) -> Vec<String> {
    for _ in 0..1500 {
        let people = people(bundle);
        if people.len() <= most {
            return people;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "after half a minute {} has as many as before",
        bundle.display()
    );
}

async fn forget(router: &Router, user: &str) -> u64 {
    let answer = ask(router, &format!("DELETE /v1/users/{user}"), "").await;
    answer.json()["events"].as_u64().unwrap()
}

/// The service is killed before it came to it, and does it when it is started again.
#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_a_service_was_started_with_is_rid_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("bundle");
    shop::bundle_of(dir.path(), "item-knn");
    let whole = Dataset::load(&bundle.join("data")).unwrap();
    let start = || router(service_at(dir.path(), with_key("k")).unwrap());
    let first = start();
    let of_eight = "/v1/users/u8/recommendations?k=5";
    let before = get(&first, of_eight).await.items();
    assert!(forget(&first, "u7").await > 0);
    drop(first);
    let second = start();
    assert!(!left(&bundle, 29).await.contains(&"u7".to_owned()));
    let less = Dataset::load(&bundle.join("data")).unwrap();
    assert_eq!((less.users.len(), less.interactions.len()), (29, 87));
    // For everybody else nothing changed, nor is the bundle taken for another one.
    assert_eq!(get(&second, of_eight).await.items(), before);
    drop(second);
    let third = start();
    assert_eq!(get(&third, of_eight).await.items(), before);
    assert_eq!(get(&third, "/v1/users/u7").await.status.as_u16(), 404);
    assert_eq!(
        Engine::open(&bundle).unwrap().info().fingerprint,
        whole.fingerprint
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn so_are_bundles_that_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("bundle");
    shop::bundle_of(dir.path(), "item-knn");
    let train: Train = |task| fitted(task, "item-knn");
    let config = Config {
        privacy: with_key("k").privacy,
        ..learning(dir.path(), train)
    };
    let router = router(service_at(dir.path(), config).unwrap());
    pairs(&router, ("i3", "i20"), 40).await;
    refitted(&router).await;
    let made = dir.path().join("bundles/1");
    let before = people(&made).len();
    for user in ["i3-2", "u7"] {
        assert!(forget(&router, user).await > 0);
    }
    // There it is by their pseudonyms that they are known, here by their own names.
    assert_eq!(left(&made, before - 2).await.len(), before - 2);
    assert!(!left(&bundle, 29).await.contains(&"u7".to_owned()));
}
