//! `POST /v1/events`

use super::RequestId;
use super::items::{Rejected, check_id, objects};
use crate::body::{bytes, read};
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::{Request, State};
use semrec_store::{NewEvent, Taken};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Most events of a body.
const MOST: usize = 10_000;
/// Largest rating or quantity.
const LARGEST: f64 = 1e9;

/// Something a person did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBody {
    /// Who.
    user_id: String,
    /// With which item; it need not be known yet.
    item_id: String,
    /// What they did; `click` if not given.
    #[serde(default = "click", rename = "type")]
    kind: String,
    /// A rating or a quantity; 1 if not given.
    #[serde(default = "one")]
    value: f64,
    /// When: Unix seconds, or a date and time; now if not given.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    time: Option<Value>,
    /// Of two events with one id the first counts.
    #[serde(default)]
    event_id: Option<String>,
}

fn click() -> String {
    "click".to_owned()
}

fn one() -> f64 {
    1.0
}

/// What became of the events of a body.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Events that are stored now.
    accepted: usize,
    /// Events that were stored before.
    duplicates: usize,
    /// Accepted events of items that are not known (yet): they count as soon as the item is there.
    unknown_items: usize,
    /// Events that were not stored, and why.
    rejected: Vec<Rejected>,
    request_id: String,
}

/// Refuses what is no rating and no quantity: models add values up.
pub(crate) fn check_value(value: f64) -> Result<(), Problem> {
    if value.abs() <= LARGEST {
        return Ok(());
    }
    let detail = format!("value is {value}; expected a number of at most {LARGEST}");
    Err(Problem::bad("value", detail))
}

impl EventBody {
    fn checked(self, now: i64) -> Result<NewEvent, Problem> {
        check_id("user_id", &self.user_id)?;
        check_id("item_id", &self.item_id)?;
        check_id("type", &self.kind)?;
        if let Some(key) = &self.event_id {
            check_id("event_id", key)?;
        }
        check_value(self.value)?;
        let time = match &self.time {
            None => now,
            Some(value) => semrec_data::unix_seconds(value).ok_or_else(|| {
                let detail = format!("time is {value}; expected Unix seconds, or a date and time");
                Problem::bad("time", detail)
            })?,
        };
        Ok(NewEvent {
            user: self.user_id,
            item: self.item_id,
            kind: self.kind,
            value: self.value,
            time,
            key: self.event_id,
        })
    }
}

/// Stores what people did: one object, a list, or one a line. They are on the disk, and in the
/// histories that recommendations see, when the reply is there. With an `Idempotency-Key`, a body
/// that is sent again counts once.
#[utoipa::path(post, path = "/v1/events",
    request_body(content = Vec<EventBody>, example = json!([{"user_id": "u1", "item_id": "item-1", "type": "click"}])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Of two bodies with one key the first counts.")),
    responses((status = 200, body = Accepted), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn post(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<axum::Json<Accepted>, Problem> {
    let key = request.headers().get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
    if let Some(key) = &key {
        check_id("Idempotency-Key", key)?;
    }
    let body = bytes(request, &service).await?;
    let objects = objects(&body)?;
    if objects.len() > MOST {
        let detail = format!(
            "the body has {} events; expected at most {MOST}",
            objects.len()
        );
        return Err(Problem::new(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            detail,
        ));
    }
    let alone = objects.len() == 1;
    let mut accepted = Accepted {
        request_id: request_id.0,
        ..Accepted::default()
    };
    let now = service.now();
    let mut events = Vec::with_capacity(objects.len());
    for (line, value) in objects {
        let event = value.and_then(|value| {
            let event: EventBody = read(value.to_string().as_bytes())?;
            event.checked(now)
        });
        match event {
            Ok(mut event) => {
                if let (None, Some(key)) = (&event.key, &key) {
                    event.key = Some(format!("{key}#{line}"));
                }
                event.user = service.person(&event.user).into_owned();
                // A client may have made it of the person's id.
                let key = event.key.map(|key| service.person(&key).into_owned());
                event.key = key;
                events.push(event);
            }
            Err(problem) if alone => return Err(problem),
            Err(problem) => accepted.rejected.push(Rejected::new(line, problem)),
        }
    }
    if !events.is_empty() {
        let stored = stored(&service, events).await?;
        accepted.accepted = stored.accepted;
        accepted.duplicates = stored.duplicates;
        accepted.unknown_items = stored.unknown_items;
    }
    let counts = &service.meters().events;
    let rejected = accepted.rejected.len() as u64;
    counts.with_label_values(&["rejected"]).inc_by(rejected);
    Ok(axum::Json(accepted))
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stored {
    accepted: usize,
    duplicates: usize,
    unknown_items: usize,
}

/// Stores events, and counts them.
pub(crate) async fn stored(service: &Service, events: Vec<NewEvent>) -> Result<Stored, Problem> {
    let _writing = service.live().writing().await;
    let items: Vec<String> = events.iter().map(|event| event.item.clone()).collect();
    let taken = service.write(events).await?;
    let mut stored = Stored::default();
    let engine = service.live().engine();
    for (item, taken) in items.iter().zip(taken) {
        match taken {
            Taken::Before => stored.duplicates += 1,
            Taken::New(_) => {
                stored.accepted += 1;
                stored.unknown_items += usize::from(engine.number(item).is_none());
            }
        }
    }
    let counts = &service.meters().events;
    for (result, count) in [
        ("accepted", stored.accepted),
        ("duplicate", stored.duplicates),
    ] {
        counts.with_label_values(&[result]).inc_by(count as u64);
    }
    Ok(stored)
}
