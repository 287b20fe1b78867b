//! `/api/user`, `/api/users`: what is said of people. Nothing of it is read by a model.

use super::{Body, Failed, MOST, Parameters, Success, Told, asked, bounded, success};
use crate::routes::items::check_id;
use crate::routes::users::forget;
use crate::service::Service;
use axum::extract::{Path, State};
use semrec_store::StoredUser;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A person as they are sent and told.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct User {
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    labels: Value,
    #[serde(default)]
    comment: Option<String>,
}

/// A page of people.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    cursor: String,
    users: Vec<User>,
}

impl User {
    fn told(id: String, mut object: Map<String, Value>) -> Self {
        let comment = object.remove("comment");
        let comment = comment.and_then(|text| Some(text.as_str()?.to_owned()));
        Self {
            user_id: id,
            labels: object.remove("labels").unwrap_or_default(),
            comment: Some(comment.unwrap_or_default()),
        }
    }

    /// Lays what is said over what was said.
    fn over(self, service: &Service, object: &mut Map<String, Value>) {
        let privacy = &service.config().privacy;
        let mut labels = self.labels;
        if !labels.is_null() {
            privacy.value(&mut labels);
            object.insert("labels".to_owned(), labels);
        }
        if let Some(comment) = self.comment {
            let comment = privacy.text(comment);
            object.insert("comment".to_owned(), comment.into());
        }
    }
}

pub(crate) async fn insert_one(
    State(service): State<Service>,
    Body(user): Body<User>,
) -> Told<Success> {
    insert(State(service), Body(vec![user])).await
}

/// Writes what is said of people, in place of what was said.
pub(crate) async fn insert(
    State(service): State<Service>,
    Body(users): Body<Vec<User>>,
) -> Told<Success> {
    bounded(&users)?;
    let n = users.len();
    let stored = users.into_iter().map(|user| {
        check_id("UserId", &user.user_id)?;
        let id = service.person(&user.user_id).into_owned();
        let mut object = Map::new();
        user.over(&service, &mut object);
        Ok(StoredUser { id, object })
    });
    let stored = stored.collect::<Result<Vec<_>, Failed>>()?;
    let now = service.now();
    service
        .change_people(move |store| store.put_users(&stored, now))
        .await?;
    Ok(success(n))
}

/// What is said of a person; of one of whom nothing is said but who did something, that.
async fn found(service: &Service, user: &str) -> Result<Map<String, Value>, Failed> {
    let id = service.person(user).into_owned();
    let key = id.clone();
    let found = service.in_store(move |store| store.user(&key)).await?;
    match found {
        Some(found) => Ok(found.object),
        None if service.live().served().people.knows(&id) => Ok(Map::new()),
        None => Err(Failed::not_found("user", user)),
    }
}

pub(crate) async fn get(State(service): State<Service>, Path(user): Path<String>) -> Told<User> {
    let object = found(&service, &user).await?;
    Ok(axum::Json(User::told(user, object)))
}

pub(crate) async fn modify(
    State(service): State<Service>,
    Path(user): Path<String>,
    Body(said): Body<User>,
) -> Told<Success> {
    check_id("UserId", &user)?;
    let mut object = found(&service, &user).await?;
    said.over(&service, &mut object);
    let id = service.person(&user).into_owned();
    let stored = StoredUser { id, object };
    let now = service.now();
    service
        .change_people(move |store| store.put_users(&[stored], now))
        .await?;
    Ok(success(1))
}

/// People of whom something is said.
pub(crate) async fn list(State(service): State<Service>, query: Parameters) -> Told<Page> {
    let asked = asked(query)?;
    let (n, after) = (asked.n(MOST)?, asked.cursor);
    let found = service
        .in_store(move |store| store.users_after(&after, n))
        .await?;
    let last = found.last().filter(|_| found.len() == n);
    let cursor = last.map(|user| user.id.clone()).unwrap_or_default();
    let users = found
        .into_iter()
        .map(|user| User::told(user.id, user.object));
    Ok(axum::Json(Page {
        cursor,
        users: users.collect(),
    }))
}

pub(crate) async fn delete(
    State(service): State<Service>,
    Path(user): Path<String>,
) -> Told<Success> {
    forget(&service, &user).await?;
    Ok(success(1))
}
