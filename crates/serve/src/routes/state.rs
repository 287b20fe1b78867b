//! `/health/live`, `/health/ready`, `/metrics`, `/openapi.json`

use crate::service::Service;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
    /// The model in service.
    model: String,
    /// Items that can be recommended.
    items: usize,
    /// People with events.
    people: usize,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/health/live", responses((status = 200)))]
pub(crate) async fn live() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({"status": "live"}))
}

/// Whether bundle, index, encoder and histories are there: a service is not reachable before.
#[utoipa::path(get, path = "/health/ready", responses((status = 200, body = Health)))]
pub(crate) async fn ready(State(service): State<Service>) -> axum::Json<Health> {
    let engine = service.live().engine();
    axum::Json(Health {
        status: "ready",
        model: engine.info().model.clone(),
        items: engine.n_items(),
        people: service.live().served().people.len(),
    })
}

/// The counters, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
pub(crate) async fn metrics(State(service): State<Service>) -> Response {
    let (live, meters) = (service.live(), service.meters());
    let engine = live.engine();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    meters.items.set(count(engine.n_items()));
    meters.people.set(count(live.served().people.len()));
    meters.age.set(service.now() - engine.info().created);
    meters.indexed.set(count(engine.n_indexed()));
    let (hits, misses) = engine.encoder_cache();
    for (result, n) in [("hit", hits), ("miss", misses)] {
        // The engine counts; one that is new begins anew, as counters may.
        let counter = meters.encoder_cache.with_label_values(&[result]);
        counter.reset();
        counter.inc_by(n);
    }
    let distances = live.served().drift.distances();
    for (of, distance) in [("events", distances.events), ("scores", distances.scores)] {
        if let Some(distance) = distance {
            meters.drift.with_label_values(&[of]).set(distance);
        }
    }
    let (gini, exposed) = live.served().exposure.gini(engine.n_items());
    meters.gini.set(gini);
    meters.exposed.set(count(exposed));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], meters.text()).into_response()
}

/// What there is.
pub(crate) async fn document() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(super::openapi())
}
