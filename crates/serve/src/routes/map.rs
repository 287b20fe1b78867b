//! `GET /v1/map`

use crate::atlas::{Look, Step, View};
use crate::problem::Problem;
use crate::service::Service;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The catalogue in two dimensions, items that read alike near each other. It is drawn when it is
/// asked for first; until then the answer is 202, and says how far it is.
#[utoipa::path(get, path = "/v1/map",
    responses((status = 200, body = View), (status = 202, body = Step), (status = 404, body = Problem)))]
pub(crate) async fn get(State(service): State<Service>) -> Result<Response, Problem> {
    let asked = service.clone();
    let look = move || {
        let look = asked.atlas().look(&asked.live().engine());
        Ok::<_, Problem>(look)
    };
    match service.blocking("map", look).await? {
        Look::Drawn(view) => Ok(axum::Json(view).into_response()),
        Look::Drawing(step) => {
            let mut response = (StatusCode::ACCEPTED, axum::Json(step)).into_response();
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
            Ok(response)
        }
        Look::Failed(problem) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no map: {problem}"),
        )),
    }
}
