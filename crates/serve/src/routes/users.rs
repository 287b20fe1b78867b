//! `GET` and `DELETE /v1/users/{id}`

use super::RequestId;
use super::items::Page;
use super::recommend::bad_query;
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What a person did, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    user_id: String,
    events: Vec<Did>,
    /// The `cursor` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    request_id: String,
}

/// Something a person did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Did {
    item_id: String,
    /// What the item is called; absent where it was never known.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Whether the item is there now.
    known: bool,
    /// What they did, e.g. `click`.
    #[serde(rename = "type")]
    kind: String,
    /// A rating or a quantity, or 1.
    value: f64,
    /// Unix seconds; where the data of the bundle have no times, the place in the person's sequence.
    time: i64,
}

/// What is stored of a person, newest first, a page at a time. It is personal data: with keys, only
/// those of the scope `admin` see it.
#[utoipa::path(get, path = "/v1/users/{id}",
    params(("id" = String, Path, description = "The user's id."), Page),
    responses((status = 200, body = History), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    Path(id): Path<String>,
    query: Result<Query<Page>, QueryRejection>,
) -> Result<axum::Json<History>, Problem> {
    let Query(page) = query.map_err(|e| bad_query(&e))?;
    let limit = page.limit()?;
    let before = page.cursor.as_deref().map_or(Ok(NEWEST), place)?;
    let key = service.person(&id).into_owned();
    // One more tells whether there is a next page.
    let mut found = service
        .in_store(move |store| store.events_before(&key, before, limit + 1))
        .await?;
    if found.is_empty() && before == NEWEST {
        let detail = format!("nothing is known of user '{id}'");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|event| format!("{}_{}", event.time, event.seq));
    let engine = service.live().engine();
    let events = found.into_iter().map(|event| Did {
        title: engine.title(&event.item).map(str::to_owned),
        known: engine.item(&event.item).is_some(),
        item_id: event.item,
        kind: event.kind,
        value: event.value,
        time: event.time,
    });
    Ok(axum::Json(History {
        user_id: id,
        events: events.collect(),
        next,
        request_id: request_id.0,
    }))
}

/// Later than all events.
const NEWEST: (i64, u64) = (i64::MAX, u64::MAX);

/// Time and place of a cursor.
fn place(cursor: &str) -> Result<(i64, u64), Problem> {
    let parsed = cursor.split_once('_').and_then(|(time, seq)| {
        let place = (time.parse().ok()?, seq.parse().ok()?);
        Some(place)
    });
    parsed.ok_or_else(|| {
        let detail = format!("cursor is '{cursor}'; expected the `next` of a page");
        Problem::bad("cursor", detail)
    })
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Forgotten {
    /// Events of the person that were stored.
    events: usize,
    request_id: String,
}

/// Forgets a person: their events, in the store and in memory. What was learned of all people
/// together holds no one person; the next bundle is made without them.
#[utoipa::path(delete, path = "/v1/users/{id}",
    params(("id" = String, Path, description = "The user's id.")),
    responses((status = 200, body = Forgotten)))]
pub(crate) async fn delete(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    Path(id): Path<String>,
) -> Result<axum::Json<Forgotten>, Problem> {
    let events = forget(&service, &id).await?;
    Ok(axum::Json(Forgotten {
        events,
        request_id: request_id.0,
    }))
}

/// Forgets a person; how many events of them were stored.
pub(crate) async fn forget(service: &Service, id: &str) -> Result<usize, Problem> {
    let (id, now) = (service.person(id).into_owned(), service.now());
    let forgotten = service
        .change_people(move |store| store.forget_user(&id, now))
        .await?;
    Ok(forgotten.events)
}
