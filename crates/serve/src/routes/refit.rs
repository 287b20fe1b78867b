//! `GET|POST /v1/refit`, `POST /v1/rollback`

use crate::problem::Problem;
use crate::refit::{Cannot, Refitter, Status};
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// How learning on is: the bundle in service, what is being done, what came of it lately.
#[utoipa::path(get, path = "/v1/refit", responses((status = 200, body = Status), (status = 409, body = Problem)))]
pub(crate) async fn status(State(service): State<Service>) -> Result<axum::Json<Status>, Problem> {
    told(&service, refitter(&service)?).await
}

/// Trains anew on what the store holds by now, and puts the new bundle into service if it is not
/// worse on the newest events. The reply does not wait for it: `GET` tells what came of it.
#[utoipa::path(post, path = "/v1/refit", responses((status = 202, body = Status), (status = 409, body = Problem)))]
pub(crate) async fn begin(
    State(service): State<Service>,
) -> Result<(StatusCode, axum::Json<Status>), Problem> {
    let refitter = refitter(&service)?;
    refitter.ask().map_err(cannot)?;
    Ok((StatusCode::ACCEPTED, told(&service, refitter).await?))
}

/// Puts the bundle before into service again, with all that was written since.
#[utoipa::path(post, path = "/v1/rollback", responses((status = 200, body = Status), (status = 409, body = Problem)))]
pub(crate) async fn roll_back(
    State(service): State<Service>,
) -> Result<axum::Json<Status>, Problem> {
    let refitter = refitter(&service)?;
    let rolling = Arc::clone(&refitter);
    let done = service
        .blocking("refit", move || rolling.roll_back().map_err(cannot))
        .await?;
    done.map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    told(&service, refitter).await
}

async fn told(service: &Service, refitter: Arc<Refitter>) -> Result<axum::Json<Status>, Problem> {
    let status = service.blocking("refit", move || {
        refitter
            .status()
            .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
    });
    Ok(axum::Json(status.await?))
}

fn refitter(service: &Service) -> Result<Arc<Refitter>, Problem> {
    service.refitter().ok_or_else(|| {
        let detail = "this service does not train anew";
        Problem::new(StatusCode::CONFLICT, detail)
    })
}

fn cannot(cannot: Cannot) -> Problem {
    let detail = match cannot {
        Cannot::Busy => "a refit is being made; GET /v1/refit tells how far it is",
        Cannot::Nothing => "there is no bundle before the one in service",
    };
    Problem::new(StatusCode::CONFLICT, detail)
}
