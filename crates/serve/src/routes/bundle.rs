//! `GET /v1/bundle`

use super::RequestId;
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What the bundle in service is made of, and how good it was when it was measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bundle {
    /// The model in service.
    model: String,
    /// Its parameters.
    params: Value,
    /// What the model learned that a person would want to know.
    notes: Vec<String>,
    /// The encoder; absent where nothing is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<Reader>,
    /// The facts that the model has read beside the texts.
    facts: String,
    /// Unix seconds.
    created: i64,
    /// Seconds since then.
    age: i64,
    dataset: Origin,
    now: Now,
    /// The names of the fields that items have, for filters.
    fields: Vec<String>,
    /// What was measured before it was made, as `semrec evaluate --json` has it; absent where
    /// nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Value>,
    request_id: String,
}

/// An encoder.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reader {
    name: String,
    /// SHA-256 over weights, tokenizer and configuration.
    fingerprint: String,
}

/// The data that the model was fitted on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Origin {
    name: String,
    /// SHA-256 over ids, texts and events.
    fingerprint: String,
    items: usize,
    people: usize,
    events: usize,
}

/// What there is at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Now {
    /// Items that can be recommended.
    items: usize,
    /// People with events.
    people: usize,
    /// Events in the store.
    events: u64,
}

/// What the bundle in service is made of.
#[utoipa::path(get, path = "/v1/bundle", responses((status = 200, body = Bundle)))]
pub(crate) async fn get(
    State(service): State<Service>,
    Extension(request_id): Extension<RequestId>,
) -> Result<axum::Json<Bundle>, Problem> {
    let events = service.in_store(semrec_store::Store::n_events).await?;
    let engine = service.live().engine();
    let (info, dataset) = (engine.info(), engine.dataset());
    Ok(axum::Json(Bundle {
        model: info.model.clone(),
        params: info.params.clone(),
        notes: info.notes.clone(),
        encoder: info.encoder.as_ref().map(|encoder| Reader {
            name: encoder.name.clone(),
            fingerprint: encoder.fingerprint.clone(),
        }),
        facts: info.facts.to_string(),
        created: info.created,
        age: service.now() - info.created,
        dataset: Origin {
            name: info.dataset.clone(),
            fingerprint: info.fingerprint.clone(),
            items: dataset.items.len(),
            people: dataset.users.len(),
            events: dataset.interactions.len(),
        },
        now: Now {
            items: engine.n_items(),
            people: service.live().served().people.len(),
            events,
        },
        fields: engine.fields().into_iter().map(str::to_owned).collect(),
        results: engine.results().cloned(),
        request_id: request_id.0,
    }))
}
