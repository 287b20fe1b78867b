//! `/api/feedback`: events in Gorse's shape. Of one type, a person and an item have one.

use super::item::time;
use super::{Body, Failed, MOST, Parameters, Success, Told, asked, bounded, success};
use crate::routes::events::{check_value, stored};
use crate::routes::items::check_id;
use crate::service::Service;
use axum::extract::{Path, State};
use semrec_data::unix_seconds;
use semrec_store::{NewEvent, Store, StoredEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Feedback as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sent {
    #[serde(default)]
    feedback_type: String,
    #[serde(default)]
    user_id: String,
    pub(crate) item_id: String,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    timestamp: String,
}

/// Feedback as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Feedback {
    feedback_type: String,
    user_id: String,
    item_id: String,
    value: f64,
    timestamp: String,
    updated: String,
    labels: Value,
    comment: String,
}

/// A page of feedback.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    cursor: String,
    feedback: Vec<Feedback>,
}

impl Sent {
    /// When it was given; now, where nothing is said.
    pub(crate) fn time(&self, now: i64) -> Result<i64, Failed> {
        if self.timestamp.is_empty() {
            return Ok(now);
        }
        unix_seconds(&json!(self.timestamp)).ok_or_else(|| {
            let got = &self.timestamp;
            Failed::bad(format!("Timestamp is '{got}'; expected a date and time"))
        })
    }

    fn event(self, service: &Service) -> Result<NewEvent, Failed> {
        check_id("FeedbackType", &self.feedback_type)?;
        check_id("UserId", &self.user_id)?;
        check_id("ItemId", &self.item_id)?;
        check_value(self.value)?;
        let time = self.time(service.now())?;
        let user = service.person(&self.user_id).into_owned();
        // No value is one of nothing, and feedback without one still counts.
        let value = if self.value == 0.0 { 1.0 } else { self.value };
        let key = json!(["gorse", self.feedback_type, user, self.item_id]).to_string();
        Ok(NewEvent {
            user,
            item: self.item_id,
            kind: self.feedback_type,
            value,
            time,
            key: Some(key),
        })
    }
}

fn told(event: StoredEvent, user: Option<&str>) -> Feedback {
    let at = time(event.time);
    Feedback {
        feedback_type: event.kind,
        user_id: user.map_or(event.user, str::to_owned),
        item_id: event.item,
        value: event.value,
        timestamp: at.clone(),
        updated: at,
        labels: Value::Null,
        comment: String::new(),
    }
}

/// The events of a body, without those of types that are not kept.
fn events(service: &Service, sent: Vec<Sent>) -> Result<Vec<NewEvent>, Failed> {
    bounded(&sent)?;
    let ignored = &service.config().gorse_ignore;
    let kept = sent
        .into_iter()
        .filter(|sent| !ignored.contains(&sent.feedback_type));
    kept.map(|sent| sent.event(service)).collect()
}

/// Stores feedback; what is there already stays.
pub(crate) async fn insert(
    State(service): State<Service>,
    Body(sent): Body<Vec<Sent>>,
) -> Told<Success> {
    let n = sent.len();
    let events = events(&service, sent)?;
    if !events.is_empty() {
        stored(&service, events).await?;
    }
    Ok(success(n))
}

/// Stores feedback in place of what is there.
pub(crate) async fn replace(
    State(service): State<Service>,
    Body(sent): Body<Vec<Sent>>,
) -> Told<Success> {
    let n = sent.len();
    let events = events(&service, sent)?;
    if events.is_empty() {
        return Ok(success(n));
    }
    let of = events.iter().map(|event| {
        let (user, item) = (event.user.clone(), event.item.clone());
        (user, item, Some(event.kind.clone()))
    });
    remove(&service, of.collect()).await?;
    stored(&service, events).await?;
    Ok(success(n))
}

/// Whom, with what, and of which type.
type Between = (String, String, Option<String>);

/// Takes events out of store and histories.
async fn remove(service: &Service, of: Vec<Between>) -> Result<usize, Failed> {
    let now = service.now();
    let work = move |store: &Store| {
        let each = of
            .iter()
            .map(|(u, i, k)| (u.as_str(), i.as_str(), k.as_deref()));
        store.delete_events(&each.collect::<Vec<_>>(), now)
    };
    Ok(service.change_people(work).await?)
}

async fn page(service: &Service, query: Parameters, kind: Option<String>) -> Told<Page> {
    let asked = asked(query)?;
    let n = asked.n(MOST)?;
    let after = match asked.cursor.as_str() {
        "" => 0,
        cursor => cursor
            .parse()
            .map_err(|_| Failed::bad(format!("invalid cursor parameter: {cursor}")))?,
    };
    let found = service
        .in_store(move |store| store.events_after(after, kind.as_deref(), n))
        .await?;
    let last = found.last().filter(|_| found.len() == n);
    let cursor = last.map(|event| event.seq.to_string()).unwrap_or_default();
    let feedback = found.into_iter().map(|event| told(event, None)).collect();
    Ok(axum::Json(Page { cursor, feedback }))
}

pub(crate) async fn list(State(service): State<Service>, query: Parameters) -> Told<Page> {
    page(&service, query, None).await
}

pub(crate) async fn list_of_kind(
    State(service): State<Service>,
    Path(kind): Path<String>,
    query: Parameters,
) -> Told<Page> {
    page(&service, query, Some(kind)).await
}

async fn by(service: &Service, user: String, kind: Option<String>) -> Told<Vec<Feedback>> {
    let id = service.person(&user).into_owned();
    let found = service
        .in_store(move |store| store.events_of(&id, MOST))
        .await?;
    let found = found
        .into_iter()
        .rev()
        .filter(|event| kind.as_ref().is_none_or(|kind| event.kind == *kind));
    Ok(axum::Json(
        found.map(|event| told(event, Some(&user))).collect(),
    ))
}

/// What a person did last, newest first.
pub(crate) async fn of_user(
    State(service): State<Service>,
    Path(user): Path<String>,
) -> Told<Vec<Feedback>> {
    by(&service, user, None).await
}

pub(crate) async fn of_user_and_kind(
    State(service): State<Service>,
    Path((user, kind)): Path<(String, String)>,
) -> Told<Vec<Feedback>> {
    by(&service, user, Some(kind)).await
}

async fn found(service: &Service, (user, item, kind): Between) -> Result<Vec<Feedback>, Failed> {
    let id = service.person(&user).into_owned();
    let found = service
        .in_store(move |store| store.events_between(&id, &item, kind.as_deref()))
        .await?;
    Ok(found
        .into_iter()
        .map(|event| told(event, Some(&user)))
        .collect())
}

pub(crate) async fn between(
    State(service): State<Service>,
    Path((user, item)): Path<(String, String)>,
) -> Told<Vec<Feedback>> {
    Ok(axum::Json(found(&service, (user, item, None)).await?))
}

pub(crate) async fn between_of_kind(
    State(service): State<Service>,
    Path((kind, user, item)): Path<(String, String, String)>,
) -> Told<Feedback> {
    let nothing = || Failed::not_found("feedback", &format!("{kind}/{user}/{item}"));
    let between = (user.clone(), item.clone(), Some(kind.clone()));
    let found = found(&service, between).await?.into_iter().next();
    Ok(axum::Json(found.ok_or_else(nothing)?))
}

pub(crate) async fn delete(
    State(service): State<Service>,
    Path((user, item)): Path<(String, String)>,
) -> Told<Success> {
    let user = service.person(&user).into_owned();
    Ok(success(remove(&service, vec![(user, item, None)]).await?))
}

pub(crate) async fn delete_of_kind(
    State(service): State<Service>,
    Path((kind, user, item)): Path<(String, String, String)>,
) -> Told<Success> {
    let user = service.person(&user).into_owned();
    Ok(success(
        remove(&service, vec![(user, item, Some(kind))]).await?,
    ))
}
