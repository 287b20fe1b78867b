//! `DELETE /v1/users/{id}`

use super::RequestId;
use crate::problem::Problem;
use crate::service::Service;
use axum::Extension;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

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
    let id = service.person(id).into_owned();
    let key = id.clone();
    let forgotten = service
        .in_store(move |store| store.forget_user(&key))
        .await?;
    service.live().people.forget(&id);
    service.given().forget(&id);
    Ok(forgotten.events)
}
